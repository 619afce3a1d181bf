"""Stage snapshots: who is observed when, bucket by bucket, and the plan of dates beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churnml.config import Params
from churnml.flow.buckets import write_buckets
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.snapshots.spine import SnapshotPlan, check_enough, plan_snapshots, spine_of
from churnml.storage import new_folder, read_json, read_parquet, write_json
from churnml.timeline import DAY_US, days_to_us, us_to_iso

__all__ = ["make_spine", "read_plan"]

_NO_DATES = np.empty(0, dtype=np.int64)


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
    with new_folder(target) as temp:
        write_buckets(
            lambda number: spine_of(Bucket(history, number), history, definition, plan),
            temp,
            n_buckets=history.n_buckets,
            threads=params.train.threads,
        )
        _check_population(temp, plan)
        write_json(_plan_to_json(plan), temp / "plan.json")
    return plan


def _scored_date(history: History) -> SnapshotPlan:
    return SnapshotPlan(history.as_of, _NO_DATES, _NO_DATES, 0)


def _plan(history: History, params: Params) -> SnapshotPlan:
    if params.churn.definition == "label":
        return _scored_date(history)
    clv, snapshots = params.clv, params.snapshots
    return plan_snapshots(
        as_of=history.as_of,
        history_start=history.tables[params.churn.table].first_us,
        window=churn_window(params),
        every_us=days_to_us(snapshots.every_days),
        count=snapshots.count,
        value_horizon_us=days_to_us(clv.horizon_days) if clv else None,
        value_start=history.tables[clv.table].first_us if clv else None,
        anchors_us=[days_to_us(days) for days in snapshots.at_days],
    )


def _check_population(folder: Path, plan: SnapshotPlan) -> None:
    """Refuse a spine without anybody at risk.

    Raises
    ------
    DataError
        If nobody is at risk at ``as_of``, or at any date with a settled outcome.
    """
    dates = np.concatenate(
        [read_parquet(p)["observation_date"].cast(pa.int64()).to_numpy() for p in sorted(folder.glob("*.parquet"))]
    )
    check_enough(int((dates == plan.as_of).sum()), at=f"at {us_to_iso(plan.as_of)} (histories.as_of)")
    if len(plan.churn_dates):
        check_enough(int((dates < plan.as_of).sum()), at="at any date with a settled outcome")


def _plan_to_json(plan: SnapshotPlan) -> dict[str, Any]:
    """Return the plan of dates as plain values, readable ones beside the exact ones."""
    return {
        "as_of_us": plan.as_of,
        "churn_dates_us": plan.churn_dates.tolist(),
        "churn_dates": [us_to_iso(date) for date in plan.churn_dates.tolist()],
        "value_dates_us": plan.value_dates.tolist(),
        "value_dates": [us_to_iso(date) for date in plan.value_dates.tolist()],
        "value_horizon_days": plan.value_horizon_us // DAY_US,
        "anchors_us": list(plan.anchors_us),
    }


def read_plan(folder: Path) -> SnapshotPlan:
    """Read the plan of dates that :func:`make_spine` wrote."""
    value = read_json(folder / "plan.json")
    return SnapshotPlan(
        as_of=value["as_of_us"],
        churn_dates=np.array(value["churn_dates_us"], dtype=np.int64),
        value_dates=np.array(value["value_dates_us"], dtype=np.int64),
        value_horizon_us=days_to_us(value["value_horizon_days"]),
        anchors_us=tuple(value["anchors_us"]),
    )
