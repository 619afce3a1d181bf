"""Where an excess comes from: observed less due by level, summing to the excess to the hundredth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["Parted", "attributed", "attributed_by_mix", "shrunk_ratios"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_UNITS = 100


@dataclass(frozen=True, slots=True)
class Parted:
    """An excess by level, all in hundredths.

    Parameters
    ----------
    due, excess : ndarray of int64, shape (n_levels,)
        ``due`` sums to what was due in all, ``excess`` to the whole excess.
    p_value : ndarray of float64, shape (n_levels,)
        How likely so many or more are by chance in the level.
    """

    due: Int64s
    excess: Int64s
    p_value: Floats

    @property
    def shares(self) -> Floats:
        """Return the share of each level in the excess; levels below what was due have a negative one."""
        total = int(self.excess.sum())
        return self.excess / total if total else np.zeros(len(self.excess))


def shrunk_ratios(counts: Floats, due: Floats) -> Floats:
    """Return counts over due by level, drawn towards 1 the more, the smaller the level is (empirical Bayes).

    Parameters
    ----------
    counts, due : ndarray of float64, shape (n_levels,)
        Of the past; ``due`` is what the level had at the rate of all.

    References
    ----------
    .. [1] Clayton, Kaldor (1987). Empirical Bayes estimates of age-standardized relative risks for use in disease
       mapping. Biometrics 43, 671-681.

    Examples
    --------
    >>> shrunk_ratios(np.array([300.0, 100.0, 0.0]), np.array([200.0, 199.0, 1.0])).round(2).tolist()
    [1.49, 0.51, 0.8]
    """
    spread = float(((counts - due) ** 2 - due).sum()) / max(float((due**2).sum()), 1e-12)
    if spread <= 0:
        return np.ones(len(counts))
    found: Floats = (counts + 1 / spread) / (due + 1 / spread)
    return found


def attributed(
    counts: Floats, exposure: Floats, past_counts: Floats, past_exposure: Floats, *, expected: float
) -> Parted:
    """Return which levels an excess comes from.

    What was due in all is shared out by customers at risk and the level's own past rate, small levels leaning on the
    rate of all.

    Parameters
    ----------
    counts, exposure : ndarray of float64, shape (n_levels,)
        In the weeks of the alarm.
    past_counts, past_exposure : ndarray of float64, shape (n_levels,)
        Before them.
    expected : float
        Due in all levels together.
    """
    rate = past_counts.sum() / max(past_exposure.sum(), 1.0)
    weight = exposure * shrunk_ratios(past_counts, past_exposure * rate)
    if not weight.sum() > 0:
        weight = counts + 1.0
    return _parted(counts, expected * weight / weight.sum(), expected)


def attributed_by_mix(counts: Floats, past_counts: Floats, *, expected: float) -> Parted:
    """Return which kinds of losses an excess comes from: causes, say, which losses have and customers do not.

    What was due in all is shared out as the losses before were, each kind with half a loss more, so that one that was
    never seen is not impossible (Jeffreys' prior).

    Parameters
    ----------
    counts, past_counts : ndarray of float64, shape (n_kinds,)
        In the weeks of the alarm, and before them; at least one kind.
    expected : float
        Due of all kinds together.

    Examples
    --------
    >>> attributed_by_mix(np.array([9.0, 1.0]), np.array([9.5, 29.5]), expected=4.0).excess.tolist()
    [800, -200]
    """
    mix = past_counts + 0.5
    return _parted(counts, expected * mix / mix.sum(), expected)


def _parted(counts: Floats, values: Floats, expected: float) -> Parted:
    due = _in_hundredths(values, round(expected * _UNITS))
    excess = np.round(counts * _UNITS).astype(np.int64) - due
    return Parted(due, excess, stats.poisson.sf(counts - 1, np.maximum(due, 1) / _UNITS))


def _in_hundredths(values: Floats, total: int) -> Int64s:
    """Return whole hundredths that sum to the total: the largest remainders are rounded up."""
    whole = np.floor(values * _UNITS).astype(np.int64)
    order = np.argsort(whole - values * _UNITS, kind="stable")
    left = int(total - whole.sum())
    whole[order[: max(0, min(left, len(whole)))]] += 1
    whole[order[0]] += total - int(whole.sum())
    return whole
