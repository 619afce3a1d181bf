"""How far a distribution has moved, and how far chance alone would have moved it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from churnml.metrics.arrays import Floats
from churnml.stability import stability_index

__all__ = ["Shift", "false_alarms_held", "shift_of", "stability_index"]

_LEAST_EXPECTED = 5.0
"""Cells that expect fewer are joined before the chi-squared test, whose approximation they would spoil (Cochran)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far counts lie from those of a reference.

    Parameters
    ----------
    index : float
        Population stability index.
    by_chance : float
        What the index is on average where nothing has moved: it shrinks with the rows.
    p_value : float
        Probability of a difference as large where nothing has moved.
    """

    index: float
    by_chance: float
    p_value: float

    @property
    def excess(self) -> float:
        """Return what the index has beyond chance, at least 0."""
        return max(0.0, self.index - self.by_chance)


def shift_of(expected: npt.ArrayLike, actual: npt.ArrayLike, *, n_expected: float | None = None) -> Shift:
    """Compare counts with those of a reference.

    Under no change the index is close to ``(1/n + 1/m)`` times a chi-squared with one degree of freedom less than there
    are bins [1]_: on 100 customers and ten bins it is 0.18 on average, which many take for drift.

    Parameters
    ----------
    expected, actual : array_like, shape (n_bins,)
        Counts of the reference, and of what is compared with it.
    n_expected : float, optional
        How many independent rows the reference is worth, where several are of one customer; default: its rows.

    Raises
    ------
    ValueError
        If either has no rows, or the bins differ in number.

    References
    ----------
    .. [1] Yurdakul, Naranjo (2020). Statistical properties of the population stability index. Journal of Risk Model
       Validation 14(4).

    Examples
    --------
    >>> found = shift_of([50, 50], [40, 60])
    >>> round(found.index, 3), round(found.by_chance, 3), round(found.p_value, 2)
    (0.04, 0.02, 0.16)
    """
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if e.shape != a.shape or e.ndim != 1:
        raise ValueError("bins differ in number")
    if not e.sum() or not a.sum():
        raise ValueError("no rows to compare")
    used = (e + a) > 0
    e, a = e[used], a[used]
    e *= (n_expected or e.sum()) / e.sum()
    n, m = float(a.sum()), float(e.sum())
    # Half a row in each bin keeps one that is empty by chance from looking like a level that has gone.
    index = float(stability_index((e + 0.5) / (m + len(e) / 2), (a + 0.5) / (n + len(a) / 2)))
    return Shift(index, (len(e) - 1) * (1 / n + 1 / m), _p_value(e, a))


def _p_value(e: Floats, a: Floats) -> float:
    """Return the chi-squared probability that both come from one distribution, small cells joined."""
    total = e + a
    lowest = total * min(e.sum(), a.sum()) / total.sum()
    small = lowest < _LEAST_EXPECTED
    if small.any():
        e, a = (np.append(counts[~small], counts[small].sum()) for counts in (e, a))
        total = e + a
    if len(total) < 2:
        return 1.0
    statistic = 0.0
    for counts in (e, a):
        wanted = total * counts.sum() / total.sum()
        statistic += float(((counts - wanted) ** 2 / wanted).sum())
    return float(chdtrc(len(total) - 1, statistic))


def false_alarms_held(p_values: npt.ArrayLike, *, level: float) -> npt.NDArray[np.bool_]:
    """Return which of many comparisons stand when the chance of a single false alarm among all is to be ``level``.

    Holm's step-down procedure [1]_, whatever the dependence of the comparisons.

    Parameters
    ----------
    p_values : array_like, shape (n,)
    level : float
        In (0, 1).

    References
    ----------
    .. [1] Holm (1979). A simple sequentially rejective multiple test procedure. Scand. J. Statistics 6(2), 65-70.

    Examples
    --------
    >>> false_alarms_held([0.001, 0.04, 0.03], level=0.05).tolist()
    [True, False, False]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not 0 < level < 1:
        raise ValueError("level is not in (0, 1)")
    order = np.argsort(p, kind="stable")
    holds = np.minimum.accumulate(p[order] <= level / (len(p) - np.arange(len(p)))) if len(p) else np.empty(0, bool)
    out = np.zeros(len(p), dtype=bool)
    out[order] = holds
    return out
