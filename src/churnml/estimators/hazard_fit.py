"""How the trees of a hazard are grown: on person-periods, stopped on later ones, the calendar kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix
from churnml.estimators.hazard_level import period_and_calendar, slope_of
from churnml.estimators.person_periods import PersonPeriods

__all__ = ["FittedTrees", "Stacked", "fit_trees", "stacked"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LEAST_ROWS = 200_000
ROWS_PER_SNAPSHOT = 4
MIN_EVENTS_TO_STOP = 15
_PATIENCE = 2.0
"""Stop when trees with this sum of learning rates brought nothing."""
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Stacked:
    """Person-periods to learn from, each array of shape (n_stacked,).

    Parameters
    ----------
    row, period : ndarray of int64
        Snapshot, and period after it.
    is_event, begin, end : ndarray of float64
        Outcome; days on which the period begins and ends.
    customer, place : ndarray of int64
        Customer; part of the calendar, 0 the newest, each as long as the first period.
    is_in_horizon : ndarray of bool
        Whether the period ends within the horizon.
    bins_in_horizon : int
        Parts of the calendar in a horizon.
    """

    row: Int64s
    period: Int64s
    is_event: Floats
    begin: Floats
    end: Floats
    customer: Int64s
    place: Int64s
    is_in_horizon: Bools
    bins_in_horizon: int

    def weights(self, given: Floats | None, *, half_life_days: float | None) -> Floats:
        """Return the weights: those given for the snapshots, and less for what is long ago."""
        weight = np.ones(self.row.size) if given is None else np.asarray(given, dtype=np.float64)[self.row]
        if half_life_days is not None:
            weight = weight * 0.5 ** ((self.begin.max() - self.begin) / half_life_days)
        return weight

    def splits(self, *, seed: int) -> boosting.Splits:
        """Split by time, periods of the newest horizon against those that had ended before; else by customer."""
        first = self.end.max() - self.bins_in_horizon * (self.end - self.begin).min()
        valid, learned = self.begin >= first - 1e-6, self.end <= first + 1e-6
        if all(_is_enough(self.is_event[rows]) for rows in (valid, learned)):
            return [(np.flatnonzero(learned), np.flatnonzero(valid))]
        return boosting.splits_by_customer(self.is_event, self.customer, seed=seed)


@dataclass(frozen=True, slots=True)
class FittedTrees:
    """Trees on all rows, their number, and by how much to stretch what they say."""

    booster: lgb.Booster
    n_rounds: int
    slope: float


def stacked(
    periods: PersonPeriods, edges: Floats, *, dates: Floats, customer: Int64s, max_rows: int, seed: int
) -> Stacked:
    """Place person-periods in the calendar, customers by a hash where there are more rows than wanted."""
    n_snapshots = np.unique(periods.row).size
    limit = min(max_rows, max(LEAST_ROWS, ROWS_PER_SNAPSHOT * n_snapshots))
    kept = np.flatnonzero(_chance(customer, seed=seed)[periods.row] < limit / max(periods.row.size, 1))
    row, period = periods.row[kept], periods.period[kept]
    begin, end = dates[row] + edges[period], dates[row] + edges[period + 1]
    width = edges[1]
    n_in_horizon = int(np.isclose(np.diff(edges), width).sum())
    place = np.floor((end.max() - (begin + end) / 2) / width).astype(np.int64)
    return Stacked(
        row,
        period,
        periods.is_event[kept],
        begin,
        end,
        customer[row],
        place,
        period < n_in_horizon,
        n_in_horizon,
    )


def _chance(customer: Int64s, *, seed: int) -> Floats:
    """Return a number in [0, 1) for each customer, the same in any order of the rows."""
    mixed = (customer.astype(np.uint64) + np.uint64(seed) + np.uint64(1)) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX
    mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def fit_trees(
    design: Matrix,
    rows: Stacked,
    weight: Floats,
    settings: dict[str, Any],
    *,
    categorical: Sequence[int],
    max_rounds: int,
) -> FittedTrees:
    """Find the number of trees on later periods, then grow them on all.

    Log odds of the periods and of the calendar are given to the trees as they are: so no tree has to tell by an age
    when a year was bad, and the number of trees is not decided by a level that nobody could know.
    """
    periods, calendar = period_and_calendar(rows.period, rows.place, rows.is_event)
    start = periods[rows.period] + calendar[rows.place]
    whole = lgb.Dataset(
        design,
        label=rows.is_event,
        weight=weight,
        init_score=start,
        categorical_feature=list(categorical),
        params=settings,
    ).construct()
    patience = lgb.early_stopping(round(_PATIENCE / settings["learning_rate"]), verbose=False)
    splits = rows.splits(seed=settings["seed"])
    found = lgb.cv(
        settings,
        whole,
        num_boost_round=max_rounds,
        folds=splits,
        stratified=False,
        callbacks=[patience],
        return_cvbooster=True,
    )["cvbooster"]
    searched = cast(lgb.CVBooster, found)
    n_rounds = max(boosting.MIN_ROUNDS, int(searched.best_iteration))
    checked = np.concatenate([check for _, check in splits])
    how = {"raw_score": True, "num_iteration": n_rounds, "num_threads": settings["num_threads"]}
    pairs = zip(searched.boosters, splits, strict=True)
    raw = np.concatenate([np.asarray(booster.predict(design[check], **how)) for booster, (_, check) in pairs])
    slope = slope_of(raw, rows.is_event[checked], offset=start[checked], weight=weight[checked])
    return FittedTrees(lgb.train(settings, whole, num_boost_round=n_rounds), n_rounds, slope)


def _is_enough(y: Floats) -> bool:
    return bool(min(y.sum(), y.size - y.sum()) >= MIN_EVENTS_TO_STOP)
