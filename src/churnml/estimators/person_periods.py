"""Person-periods: each snapshot once for every period after it in which its customer was still at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from churnml.estimators.durations import Durations

__all__ = ["PersonPeriods", "advancing_columns", "at_period", "period_edges", "stack_periods"]

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
PERIODS_IN_HORIZON = 4
MAX_PERIODS = 12
GROWTH = 1.5
"""Periods after the horizon grow by this factor: what is far away is known less exactly."""
LEAST_REACH_DAYS = 365.0
REACH_IN_HORIZONS = 3.0
MIN_EVENTS = 20
MIN_AT_RISK = 100
_ALMOST = 1e-9
_GROWING = ("_tenure_days", "_age_days", "_joined_days", "_since_end_days", "_since_change_days", "_subscribed_days")
_SHRINKING = ("_to_planned_end_days",)


@dataclass(frozen=True, slots=True)
class PersonPeriods:
    """Rows of the stacked table, ascending by (snapshot, period).

    Parameters
    ----------
    row : ndarray of int64, shape (n_stacked,)
        Which snapshot.
    period : ndarray of int64, shape (n_stacked,)
        Which period after it; observed to its end, and no event before it.
    is_event : ndarray of float64, shape (n_stacked,)
        1 = the event lies in the period.
    """

    row: Int64s
    period: Int64s
    is_event: Floats


def period_edges(durations: Durations, *, horizon_days: float) -> Floats:
    """Choose the periods: four to the horizon, then longer ones for as long as there are events to learn from.

    Parameters
    ----------
    durations : Durations
    horizon_days : float

    Returns
    -------
    ndarray, shape (n_periods + 1,)
        Days, beginning with 0; at most 12 periods, and at least one, however little is known of it.
    """
    parts = int(np.clip(np.floor(horizon_days), 1, PERIODS_IN_HORIZON))
    edges = [horizon_days * part / parts for part in range(parts + 1)]
    width = horizon_days / parts
    reach = max(REACH_IN_HORIZONS * horizon_days, LEAST_REACH_DAYS)
    while len(edges) <= MAX_PERIODS and edges[-1] < reach - _ALMOST:
        width *= GROWTH
        edges.append(edges[-1] + width)
    whole = stack_periods(durations, np.array(edges))
    n_periods = len(edges) - 1
    n_events = np.bincount(whole.period, weights=whole.is_event, minlength=n_periods)
    n_at_risk = np.bincount(whole.period, minlength=n_periods)
    is_enough = (n_events >= MIN_EVENTS) & (n_at_risk >= MIN_AT_RISK)
    last = 1 + int(np.max(np.flatnonzero(is_enough), initial=0))
    return np.array(edges[: last + 1])


def stack_periods(durations: Durations, edges: Floats) -> PersonPeriods:
    """Lay out which snapshot was at risk in which period, and whether the event came in it.

    A period that was not observed to its end is left out, event or not: keeping only its events would make them look
    more frequent than they are.
    """
    parts = []
    with np.errstate(invalid="ignore"):
        for period, (begin, end) in enumerate(pairwise(edges.tolist())):
            before = durations.event_days <= begin if period else np.zeros(len(durations.event_days), dtype=bool)
            rows = np.flatnonzero((durations.observed_days >= end - _ALMOST) & ~before)
            parts.append((rows, np.full(rows.size, period), durations.event_days[rows] <= end))
    row, number, is_event = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((number, row))
    return PersonPeriods(row[order], number[order].astype(np.int64), is_event[order].astype(np.float64))


def advancing_columns(names: Sequence[str]) -> dict[int, int]:
    """Return which columns move by themselves, a day a day: 1 for ages and tenures, -1 for days to a planned end.

    Parameters
    ----------
    names : sequence of str
        Columns of the feature matrix.

    Examples
    --------
    >>> advancing_columns(["plans_age_days", "orders_count_90d", "plans_to_planned_end_days"])
    {0: 1, 2: -1}
    """
    signs = {j: 1 for j, name in enumerate(names) if name.endswith(_GROWING)}
    return dict(sorted({**signs, **{j: -1 for j, name in enumerate(names) if name.endswith(_SHRINKING)}}.items()))


def at_period(X: Matrix, start_days: Floats | float, advancing: Mapping[int, int]) -> Matrix:
    """Return the features as a period begins: those that move by themselves moved, its begin as the last column."""
    out = np.empty((X.shape[0], X.shape[1] + 1), dtype=np.float32)
    out[:, :-1], out[:, -1] = X, start_days
    for column, sign in advancing.items():
        out[:, column] += sign * out[:, -1]
    return out
