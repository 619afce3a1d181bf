"""The effect of contacts without a control group: treated beside untreated who were alike, as far as was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.campaign.effects import LEAST_EVENTS

__all__ = ["MatchedEffect", "matched_effect"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_Z80 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class MatchedEffect:
    """Share of the leaving that contacts removed, judged by customers who were alike.

    Parameters
    ----------
    effect, standard_error, control_rate : float
        NaN where too few were seen; ``control_rate`` is how many of the treated would have left.
    n_treated, n_control : int
        Who found somebody alike on the other side.
    n_alone : int
        Treated of whom nobody untreated was like them.
    left_treated, left_control : int
    is_enough : bool
    """

    effect: float
    standard_error: float
    control_rate: float
    n_treated: int
    n_control: int
    n_alone: int
    left_treated: int
    left_control: int
    is_enough: bool

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 80 % interval, within [-1, 1]."""
        low, high = (np.clip(self.effect + sign * _Z80 * self.standard_error, -1.0, 1.0) for sign in (-1, 1))
        return float(low), float(high)


def matched_effect(stratum: Int64s, is_treated: Bools, has_left: Floats) -> MatchedEffect:
    """Return one minus the ratio of the rates of leaving, treated over untreated of the same strata.

    Coarsened exact matching [1]_: the untreated of each stratum count as often as it has treated ones. What is not in
    the strata is not made equal: weaker than a control group drawn at random.

    Parameters
    ----------
    stratum : ndarray of int64, shape (n,)
        Customers with the same number are alike.
    is_treated : ndarray of bool, shape (n,)
    has_left : ndarray of {0, 1}, shape (n,)

    References
    ----------
    .. [1] Iacus, King, Porro (2012). Causal inference without balance checking. Political Analysis 20(1), 1-24.
    """
    codes = np.unique(stratum, return_inverse=True)[1]
    n = int(codes.max()) + 1 if len(codes) else 0
    counts = {arm: np.bincount(codes[is_treated == arm], minlength=n).astype(float) for arm in (True, False)}
    left = {
        arm: np.bincount(codes[is_treated == arm], has_left[is_treated == arm], minlength=n) for arm in (True, False)
    }
    shared = (counts[True] > 0) & (counts[False] > 0)
    treated, control = counts[True][shared], counts[False][shared]
    sizes = (int(treated.sum()), int(control.sum()), int(counts[True][~shared].sum()))
    seen = (int(left[True][shared].sum()), int(left[False][shared].sum()))
    if min(seen, default=0) < LEAST_EVENTS:
        return MatchedEffect(np.nan, np.nan, np.nan, *sizes, *seen, is_enough=False)
    weight, usual = treated / treated.sum(), left[False][shared].sum() / control.sum()
    # A stratum of few untreated leans on the rate of all: none of its own says that nobody ever leaves.
    rate = (left[False][shared] + usual) / (control + 1)
    of_treated, of_control = seen[0] / sizes[0], float(weight @ rate)
    errors = of_treated * (1 - of_treated) / sizes[0], float((weight**2 * rate * (1 - rate) / control).sum())
    ratio = of_treated / of_control
    error = np.sqrt((errors[0] + ratio**2 * errors[1]) / of_control**2)
    return MatchedEffect(1 - ratio, float(error), of_control, *sizes, *seen, is_enough=True)
