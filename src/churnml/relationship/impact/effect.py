"""The effect of a change: difference-in-differences where some were spared, an interrupted series where nobody was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from churnml.relationship.impact.panel import Panel
from churnml.relationship.least_squares import OLS

__all__ = ["LEAST_BEFORE", "LEAST_SERIES", "Design", "Effect", "difference_in_differences", "interrupted_series"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Design = Literal["difference_in_differences", "interrupted_series"]
LEAST_BEFORE = 3
"""Periods before a change without which nobody can see whether the groups went side by side."""
LEAST_SERIES = 8
"""Periods before a change without which no trend can be carried on."""
_PARALLEL = 0.05
_MOST_PLACEBO = 4
_PARTS = 4
"""Level, slope and the two halves of a wave."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimated effect, in the unit of the outcome.

    Parameters
    ----------
    design : str
        An interrupted series is the weaker one: whatever else happened at the time is in it.
    value, low, high : float
        Estimate and confidence interval.
    p_value : float
        Of no effect at all.
    before, after : float
        Mean outcome of the affected before and after the change.
    trend_p : float or None
        Of parallel trends before the change; None for a series.
    n_affected, n_unaffected : int
        Customers.
    n_before, n_after : int
        Periods.
    placebo : tuple of float
        Effects found at dates before the change at which nothing happened.
    placebo_found : int
        How many of them would have been called significant.
    """

    design: Design
    value: float
    low: float
    high: float
    p_value: float
    before: float
    after: float
    trend_p: float | None
    n_affected: int
    n_unaffected: int
    n_before: int
    n_after: int
    placebo: tuple[float, ...] = ()
    placebo_found: int = 0

    @property
    def is_parallel(self) -> bool:
        """Return whether the groups went side by side before the change, as far as can be seen."""
        return self.trend_p is None or self.trend_p >= _PARALLEL

    @property
    def is_found(self) -> bool:
        """Return whether the effect is beyond chance, and may be laid to the change."""
        return self.is_parallel and not self.low <= 0.0 <= self.high


def difference_in_differences(panel: Panel, *, confidence: float, placebo: bool = True) -> Effect:
    """Return how much more the affected changed than the unaffected.

    Ordinary least squares of the outcome on period, group, and group after the change; errors may be related within a
    customer. Beforehand, the groups' differences in the periods before the change are tested to be the same.

    Parameters
    ----------
    panel : Panel
        At least :data:`LEAST_BEFORE` periods before the change, one after, and both groups in each.
    confidence : float
        Of the interval, in (0, 1).
    placebo : bool, optional
        Also look at dates before the change.

    References
    ----------
    .. [1] Bertrand, Duflo, Mullainathan (2004). How much should we trust differences-in-differences estimates? QJE 119,
       249-275.
    .. [2] Cameron, Miller (2015). A practitioner's guide to cluster-robust inference. JHR 50, 317-372.
    """
    after = panel.period >= 0
    fit = _least_squares(panel, (panel.affected & after)[:, None])
    value, (low, high) = float(fit.params[-1]), fit.conf_int(1 - confidence)[-1]
    found, n_found = _placebo(panel, confidence=confidence) if placebo else ((), 0)
    return Effect(
        "difference_in_differences",
        value,
        float(low),
        float(high),
        float(fit.pvalues[-1]),
        before=float(panel.outcome[panel.affected & ~after].mean()),
        after=float(panel.outcome[panel.affected & after].mean()),
        trend_p=_trend_p(panel.only(~after)),
        n_affected=len(np.unique(panel.customer[panel.affected])),
        n_unaffected=len(np.unique(panel.customer[~panel.affected])),
        n_before=len(np.unique(panel.period[~after])),
        n_after=len(np.unique(panel.period[after])),
        placebo=found,
        placebo_found=n_found,
    )


def _least_squares(panel: Panel, treated: npt.NDArray[np.bool_]) -> Any:
    periods = np.unique(panel.period)
    columns = [panel.period[:, None] == periods[None, :], panel.affected[:, None], treated]
    design = np.concatenate(columns, axis=1).astype(np.float64)
    groups = {"groups": np.unique(panel.customer, return_inverse=True)[1]}
    return OLS(panel.outcome, design).fit(cov_type="cluster", cov_kwds=groups)


def _trend_p(before: Panel) -> float:
    """Return the p-value of the groups' differences being the same in all periods before the change (Wald)."""
    periods = np.unique(before.period)
    each = before.affected[:, None] & (before.period[:, None] == periods[None, 1:])
    fit = _least_squares(before, each)
    n = len(periods) - 1
    covariance = fit.cov_params()[-n:, -n:]
    if not np.isfinite(covariance).all() or np.linalg.matrix_rank(covariance) < n:
        return 1.0
    found = fit.params[-n:] @ np.linalg.solve(covariance, fit.params[-n:])
    return float(stats.chi2.sf(found, n))


def _placebo(panel: Panel, *, confidence: float) -> tuple[tuple[float, ...], int]:
    n_before = len(np.unique(panel.period[panel.period < 0]))
    effects, n_found = [], 0
    for shift in range(1, min(n_before - LEAST_BEFORE, _MOST_PLACEBO) + 1):
        found = difference_in_differences(panel.shifted(shift), confidence=confidence, placebo=False)
        effects.append(found.value)
        n_found += not found.low <= 0.0 <= found.high
    return tuple(effects), n_found


def interrupted_series(panel: Panel, *, confidence: float, year: float) -> Effect:
    """Return how far the periods after the change lie from the way things went before it.

    A straight line with a yearly wave through the means before the change is carried on. The interval holds its error,
    that of the later means, what neighbouring periods share (first-order autocorrelation), and how far the same step
    misses at dates before the change. Weaker than a comparison: whatever else happened at the time is in it.

    Parameters
    ----------
    panel : Panel
        At least :data:`LEAST_SERIES` periods, and a year, before the change, and one after; who is affected does not
        matter.
    confidence : float
    year : float
        How many periods a year has.

    References
    ----------
    .. [1] Bernal, Cummins, Gasparrini (2017). Interrupted time series regression for the evaluation of public health
       interventions: a tutorial. International Journal of Epidemiology 46, 348-355.
    """
    periods, place = np.unique(panel.period, return_inverse=True)
    means = np.bincount(place, panel.outcome) / np.bincount(place)
    n_after = int((periods >= 0).sum())
    value, error = _carried(periods, means, year)
    missed = [_carried(*_earlier(periods, means, shift, n_after), year) for shift in _shifts(periods, year)]
    # Where the line does not fit how the year goes, it misses before the change as well.
    error = math.sqrt(error**2 + (sum(miss**2 for miss, _ in missed) / len(missed) if missed else 0.0))
    df = int((periods < 0).sum()) - _PARTS
    reach = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    return Effect(
        "interrupted_series",
        value,
        value - reach,
        value + reach,
        p_value=float(2 * stats.t.sf(abs(value) / error, df)) if error else 0.0,
        before=float(means[periods < 0].mean()),
        after=float(means[periods >= 0].mean()),
        trend_p=None,
        n_affected=len(np.unique(panel.customer)),
        n_unaffected=0,
        n_before=int((periods < 0).sum()),
        n_after=n_after,
        placebo=tuple(miss for miss, _ in missed),
        placebo_found=sum(abs(miss) > reach for miss, _ in missed),
    )


def _shifts(periods: Int64s, year: float) -> range:
    """Return how many periods earlier the same step can be made with a year before it."""
    n_before = int((periods < 0).sum())
    return range(1, min(n_before - math.ceil(max(LEAST_SERIES, year)), _MOST_PLACEBO) + 1)


def _earlier(periods: Int64s, means: Floats, shift: int, n_after: int) -> tuple[Int64s, Floats]:
    moved = periods + shift
    keep = (periods < 0) & (moved < n_after)
    return moved[keep], means[keep]


def _carried(periods: Int64s, means: Floats, year: float) -> tuple[float, float]:
    """Return by how much the periods from 0 on miss the line carried on to them, and its standard error."""
    before, after = periods < 0, periods >= 0
    turn = 2 * np.pi * periods / year
    line = np.stack([np.ones(len(periods)), periods.astype(np.float64), np.sin(turn), np.cos(turn)], axis=1)
    fit = OLS(means[before], line[before]).fit()
    ahead = line[after].mean(axis=0)
    shared = _autocorrelation(np.asarray(fit.resid))
    spread = float(fit.scale) * (1 / after.sum() + ahead @ np.linalg.inv(line[before].T @ line[before]) @ ahead)
    value = float(means[after].mean() - ahead @ fit.params)
    return value, math.sqrt(spread * (1 + shared) / (1 - shared))


def _autocorrelation(residuals: Floats) -> float:
    """Return the correlation of neighbouring residuals, none where it is negative, at most 0.8."""
    total = float(residuals @ residuals)
    found = float(residuals[1:] @ residuals[:-1]) / total if total else 0.0
    return min(max(found, 0.0), 0.8)
