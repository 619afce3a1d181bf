"""The way back after a change: affected less unaffected in periods from its start, and when that is usual again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from churnml.relationship.impact.panel import Panel
from churnml.relationship.intervals import share_range

__all__ = ["LEAST_ALONE", "LEAST_COMPARED", "Curve", "NoCurve", "Point", "curve_of", "way_back"]

LEAST_COMPARED = 4
"""Periods before the change without which nobody can say how far two groups usually lie apart."""
LEAST_ALONE = 8
"""The same for a group that is held against its own past."""

NoCurve = Literal["no_rows", "nobody_affected", "few_affected", "few_unaffected", "nothing_after", "short_before"]
State = Literal["no_departure", "recovered", "not_yet"]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Point:
    """One period.

    Parameters
    ----------
    period : int
        Below 0 before the change.
    affected, unaffected : float
        Mean outcome; NaN for ``unaffected`` where nobody was spared.
    low, high : float
        Confidence interval of ``affected``.
    n_affected, n_unaffected : int
        Customers.
    difference : float
        Affected less unaffected, less what that usually was; without unaffected, affected less its own usual level.
    difference_low, difference_high : float
        Its confidence interval.
    reach : float
        Half the width of the band around 0 in which a period like those before lies.
    is_out : bool
        Whether it lies outside of the band on the bad side.
    """

    period: int
    affected: float
    unaffected: float
    low: float
    high: float
    n_affected: int
    n_unaffected: int
    difference: float
    difference_low: float
    difference_high: float
    reach: float
    is_out: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """The way of one metric.

    Parameters
    ----------
    points : tuple of Point
    state : str
        ``no_departure`` (never out of the band), ``recovered``, or ``not_yet`` (out, and not back for good by the last
        known period).
    left_at, back_at : int or None
        Period of the first departure; first period from which it is back.
    is_compared : bool
        Whether there are unaffected customers to compare with; alone is weaker.
    base_affected, base_unaffected : float
        Means over the periods before, each period counting once: 100 of the index.
    """

    points: tuple[Point, ...]
    state: State
    left_at: int | None
    back_at: int | None
    is_compared: bool
    base_affected: float
    base_unaffected: float

    @property
    def n_after(self) -> int:
        """Return how many periods after the change are known."""
        return sum(point.period >= 0 for point in self.points)

    def index(self, point: Point, *, affected: bool = True) -> float:
        """Return a point's mean with the level before as 100; NaN where that was not above 0."""
        base = self.base_affected if affected else self.base_unaffected
        value = point.affected if affected else point.unaffected
        return 100.0 * value / base if base > 0 else math.nan


def curve_of(panel: Panel, *, confidence: float, least: int, stays: int, rises: bool) -> Curve | NoCurve:
    """Return the way of a metric around a change, or why there is none.

    Parameters
    ----------
    panel : Panel
        One row a customer and period.
    confidence : float
        Of the intervals and of the band, in (0, 1).
    least : int
        Fewest customers in a group.
    stays : int
        In so many periods in a row it must lie in the band to be back.
    rises : bool
        Whether a rise is the bad side, as of churn.

    Returns
    -------
    Curve or str

    Notes
    -----
    The band holds what a further period like those before would show: the usual difference of the groups, what it
    varies beyond chance from period to period (by moments), the error of the usual difference, and the chance in the
    period's own customers. A departure is a period from 0 on that lies out on the bad side at the confidence shared
    among all periods after the change (Bonferroni), or ``stays`` in a row that lie out at the plain one. It is over at
    the first of ``stays`` in a row that lie in the band, unless another departure follows.
    """
    n_affected, n_unaffected = (len(np.unique(panel.customer[panel.affected == group])) for group in (True, False))
    if not len(panel.outcome):
        return "no_rows"
    if n_affected < least:
        return "few_affected" if n_affected else "nobody_affected"
    if 0 < n_unaffected < least:
        return "few_unaffected"
    compared = n_unaffected > 0
    periods = _shared(panel, compared)
    if not (periods >= 0).any():
        return "nothing_after"
    if int((periods < 0).sum()) < (LEAST_COMPARED if compared else LEAST_ALONE):
        return "short_before"
    made = _Way(panel, periods, compared, confidence)
    out, far_out = made.outside(1.0 if rises else -1.0)
    left_at, back_at = way_back(out, far_out, stays=stays)
    first = int((periods < 0).sum())
    state: State = "no_departure" if left_at is None else "not_yet" if back_at is None else "recovered"
    return Curve(
        made.points(out),
        state,
        None if left_at is None else int(periods[first + left_at]),
        None if back_at is None else int(periods[first + back_at]),
        compared,
        base_affected=float(made.mean[True][:first].mean()),
        base_unaffected=float(made.mean[False][:first].mean()) if compared else math.nan,
    )


def _shared(panel: Panel, compared: bool) -> Int64s:
    """Return the periods in which every group has somebody, ascending."""
    found = np.unique(panel.period[panel.affected])
    return np.intersect1d(found, panel.period[~panel.affected]) if compared else found


def way_back(out: Bools, far_out: Bools, *, stays: int) -> tuple[int | None, int | None]:
    """Return at which known period after the change it left the band, and from which on it is back in it.

    Parameters
    ----------
    out, far_out : ndarray of bool, shape (n_after,)
        Which periods lie outside of the band; which do so even if all periods are looked at together.
    stays : int
        So many in a row make a departure of those that are just out, and a return.

    Examples
    --------
    >>> out = np.array([False, True, True, True, False, True, False, False])
    >>> way_back(out, np.zeros(8, dtype=bool), stays=2)
    (1, 6)
    """
    n = len(out)

    def all_of(chosen: Bools, place: int) -> bool:
        return place + stays <= n and bool(chosen[place : place + stays].all())

    leaves = [place for place in range(n) if far_out[place] or all_of(out, place)]
    if not leaves:
        return None, None
    # Nothing before the last departure can have been for good.
    back = [place for place in range(leaves[-1] + 1, n) if all_of(~out, place)]
    return leaves[0], back[0] if back else None


class _Way:
    """Means, their errors, and the band of usual differences.

    Parameters
    ----------
    panel : Panel
    periods : ndarray of int64, shape (n_periods,)
        Ascending, some of them below 0.
    compared : bool
    confidence : float
    """

    def __init__(self, panel: Panel, periods: Int64s, compared: bool, confidence: float) -> None:
        self.panel, self.periods, self.confidence = panel, periods, confidence
        self.mean, self.n, self.spread = dict[bool, Floats](), dict[bool, Floats](), dict[bool, Floats]()
        groups = (True, False) if compared else (True,)
        for group in groups:
            self._look_at(group)
        self.before = periods < 0
        self.noise = np.sum([self._usual_spread(group) / self.n[group] for group in groups], axis=0)
        raw = self.mean[True] - (self.mean[False] if compared else 0.0)
        self.difference = raw - raw[self.before].mean()
        self.is_share = bool(np.isin(panel.outcome, (0.0, 1.0)).all())

    def _look_at(self, group: bool) -> None:
        chosen = (self.panel.affected == group) & np.isin(self.panel.period, self.periods)
        place, outcome = np.searchsorted(self.periods, self.panel.period[chosen]), self.panel.outcome[chosen]
        self.n[group] = np.bincount(place, minlength=len(self.periods)).astype(np.float64)
        self.mean[group] = np.bincount(place, outcome, minlength=len(self.periods)) / self.n[group]
        squares = np.bincount(place, outcome**2, minlength=len(self.periods)) / self.n[group]
        self.spread[group] = np.maximum(squares - self.mean[group] ** 2, 0.0)

    def _usual_spread(self, group: bool) -> float:
        """Return the variance of an outcome within a period before the change."""
        return float(np.average(self.spread[group][self.before], weights=self.n[group][self.before]))

    def reach(self, level: float) -> Floats:
        """Return half the width of the band in each period."""
        n, noise = int(self.before.sum()), float(self.noise[self.before].mean())
        between = max(0.0, float(self.difference[self.before].var(ddof=1)) - noise)
        found: Floats = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(between + self.noise + (between + noise) / n)
        return found

    def outside(self, sign: float) -> tuple[Bools, Bools]:
        """Return which periods after the change lie out on the bad side, singly and with all looked at together."""
        after = ~self.before
        bad, all_levels = sign * self.difference[after], (1 - self.confidence) / int(after.sum())
        return bad > self.reach(self.confidence)[after], bad > self.reach(1 - all_levels)[after]

    def points(self, out: Bools) -> tuple[Point, ...]:
        """Return every period with its intervals."""
        z = float(stats.norm.ppf((1 + self.confidence) / 2))
        reach, alone = self.reach(self.confidence), np.full(len(self.periods), np.nan)
        unaffected = self.mean.get(False, alone)
        first = int(self.before.sum())
        error = np.sqrt(np.sum([self.spread[group] / self.n[group] for group in self.mean], axis=0))
        made = []
        for k, period in enumerate(self.periods.tolist()):
            low, high = self._range(k, z)
            difference, half = float(self.difference[k]), z * float(error[k])
            made.append(
                Point(
                    period,
                    float(self.mean[True][k]),
                    float(unaffected[k]),
                    low,
                    high,
                    int(self.n[True][k]),
                    int(self.n[False][k]) if False in self.n else 0,
                    difference,
                    difference - half,
                    difference + half,
                    float(reach[k]),
                    bool(k >= first and out[k - first]),
                )
            )
        return tuple(made)

    def _range(self, k: int, z: float) -> tuple[float, float]:
        """Return the interval of the affected's mean: Wilson's for a share, else the normal one."""
        mean, n = float(self.mean[True][k]), float(self.n[True][k])
        if self.is_share:
            return share_range(round(mean * n), round(n), confidence=self.confidence)
        half = z * math.sqrt(float(self.spread[True][k]) / n)
        return mean - half, mean + half
