"""Stage snapshots: who is observed when, bucket by bucket, and the plan of dates beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.flow.buckets import write_buckets
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.histories.store import History, TableInfo
from churnml.labels.settling import delay_counts, settle_days
from churnml.snapshots.spine import SnapshotPlan, check_enough, plan_snapshots, spine_of
from churnml.storage import new_folder, read_json, write_json
from churnml.timeline import DAY_US, days_to_us, us_to_iso

__all__ = ["make_spine", "observed_until", "read_plan", "settle_us"]

Int64s = npt.NDArray[np.int64]
_NO_DATES = np.empty(0, dtype=np.int64)
_LONGEST_DELAY_DAYS = 90
_OWN_CLOCKS_AFTER_ROWS = 100
"""Own clocks count once the churn table has so many rows: then there are levels to choose from."""


def make_spine(history: History, params: Params, target: Path, *, to_score_only: bool = False) -> SnapshotPlan:
    """Write who is observed when, one file a bucket, and the plan of dates.

    Parameters
    ----------
    history : History
    params : Params
    target : Path
    to_score_only : bool
        Observe at ``as_of`` alone.

    Raises
    ------
    TimeContractError
        If the horizon is longer than what can be labelled.
    DataError
        If nobody is at risk at ``as_of`` or at any earlier date.
    """
    definition = churn_definition(params)
    plan = _scored_date(history) if to_score_only else _plan(history, params)
    observed: list[tuple[int, int]] = []

    def make(number: int) -> pa.Table:
        table = spine_of(Bucket(history, number), history, definition, plan)
        is_scored = table["observation_date"].cast(pa.int64()).to_numpy() == plan.as_of
        observed.append((int(is_scored.sum()), int((~is_scored).sum())))
        return table

    with new_folder(target) as temp:
        write_buckets(make, temp, n_buckets=history.n_buckets, threads=params.train.threads)
        _check_population(observed, plan)
        write_json(_plan_to_json(plan), temp / "plan.json")
    return plan


def _scored_date(history: History) -> SnapshotPlan:
    return SnapshotPlan(history.as_of, _NO_DATES, _NO_DATES, 0)


def _plan(history: History, params: Params) -> SnapshotPlan:
    if params.churn.definition == "label":
        return _scored_date(history)
    clv, snapshots, info = params.clv, params.snapshots, history.tables[params.churn.table]
    outcome_tables = {params.churn.table, *([clv.table] if clv else [])}
    return plan_snapshots(
        as_of=history.as_of,
        history_start=info.first_us,
        window=churn_window(params),
        every_us=days_to_us(snapshots.every_days),
        count=snapshots.count,
        value_horizon_us=days_to_us(clv.horizon_days) if clv else None,
        value_start=history.tables[clv.table].first_us if clv else None,
        anchors_us=[days_to_us(days) for days in snapshots.at_days],
        settle_us=settle_us(history, params, outcome_tables),
        observed_until=observed_until(history, outcome_tables),
        own_from=_enough_rows_from(info),
    )


def _enough_rows_from(info: TableInfo) -> int | None:
    """Return the day after which there are rows enough to decide from; it depends on no row after it."""
    seen = np.cumsum(info.rows_per_day)
    place = int(np.searchsorted(seen, _OWN_CLOCKS_AFTER_ROWS))
    return (int(info.day[place]) + 1) * DAY_US if place < len(seen) else None


def settle_us(history: History, params: Params, tables: set[str]) -> int:
    """Return how long outcomes of the tables that churn and value are counted from take to be known."""
    if params.churn.settle_days is not None:
        return days_to_us(params.churn.settle_days)
    longest = min(_LONGEST_DELAY_DAYS, params.churn.horizon_days)
    found = [0, *(_measured_days(history, name, longest, threads=params.train.threads) for name in sorted(tables))]
    return days_to_us(max(found))


def _measured_days(history: History, name: str, longest_days: int, *, threads: int) -> int:
    info = history.tables[name]

    def one(number: int) -> Int64s:
        return delay_counts(Bucket(history, number), info, as_of=history.as_of, longest_days=longest_days)

    return settle_days(map_buckets(one, n_buckets=history.n_buckets, threads=threads))


def observed_until(history: History, tables: set[str]) -> int:
    """Return up to when the tables are complete: ``as_of``, or the day before rows begin to be missing up to it."""
    last = [begin - DAY_US for table, begin, end in history.holes if table in tables and end >= history.as_of]
    return min([history.as_of, *last])


def _check_population(observed: list[tuple[int, int]], plan: SnapshotPlan) -> None:
    """Refuse a spine without anybody at risk.

    Raises
    ------
    DataError
        If nobody is at risk at ``as_of``, or at any date with a settled outcome.
    """
    n_scored, n_earlier = (sum(counts) for counts in zip(*observed, strict=True))
    check_enough(n_scored, at=f"at {us_to_iso(plan.as_of)} (histories.as_of)")
    if len(plan.churn_dates):
        check_enough(n_earlier, at="at any date with a settled outcome")


def _plan_to_json(plan: SnapshotPlan) -> dict[str, Any]:
    """Return the plan of dates as plain values, readable ones beside the exact ones."""
    return {
        "as_of_us": plan.as_of,
        "churn_dates_us": plan.churn_dates.tolist(),
        "churn_dates": [us_to_iso(date) for date in plan.churn_dates.tolist()],
        "value_dates_us": plan.value_dates.tolist(),
        "value_dates": [us_to_iso(date) for date in plan.value_dates.tolist()],
        "value_horizon_days": plan.value_horizon_us // DAY_US,
        "churn_horizon_days": plan.churn_horizon_us // DAY_US,
        "anchors_us": list(plan.anchors_us),
        "settle_days": plan.settle_us // DAY_US,
        "observed_until_us": plan.observed_until,
        "outcomes_known_until": us_to_iso(plan.settled_until),
        "own_from_us": plan.own_from,
    }


def read_plan(folder: Path) -> SnapshotPlan:
    """Read the plan of dates that :func:`make_spine` wrote."""
    value = read_json(folder / "plan.json")
    return SnapshotPlan(
        as_of=value["as_of_us"],
        churn_dates=np.array(value["churn_dates_us"], dtype=np.int64),
        value_dates=np.array(value["value_dates_us"], dtype=np.int64),
        value_horizon_us=days_to_us(value["value_horizon_days"]),
        churn_horizon_us=days_to_us(value["churn_horizon_days"]),
        anchors_us=tuple(value["anchors_us"]),
        settle_us=days_to_us(value["settle_days"]),
        observed_until=value["observed_until_us"],
        own_from=value["own_from_us"],
    )
