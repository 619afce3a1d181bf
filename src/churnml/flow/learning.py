"""What is learned from: rows with a settled outcome, folds by date, and the columns the simple rules are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import EventsTable, Params
from churnml.errors import DataError
from churnml.estimators.durations import Durations
from churnml.estimators.leaving import LeavingModel
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.evaluation.folds import Fold
from churnml.evaluation.hazard_rows import HazardRows
from churnml.features.build import KEYS
from churnml.flow.buckets import bucket_path, read_buckets, sort_by_date
from churnml.flow.roles import churn_window, purchases_table, value_purchases
from churnml.flow.spine import read_plan
from churnml.histories.hashing import hash_column
from churnml.parquet import read_parquet
from churnml.snapshots.spine import SnapshotPlan
from churnml.snapshots.splits import (
    Split,
    check_purged,
    final_split,
    split_by_customer,
    split_by_date,
    split_stratified,
)
from churnml.timeline import DAY_US

__all__ = ["LearnableRows", "LearningTask", "churn_folds", "churn_task", "hazard_rows", "leaving_model", "value_task"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_MAX_HAZARD_ROWS = 200_000
"""Snapshots times periods: more tell a hazard hardly anything, and it is fitted several times."""


@dataclass(frozen=True, slots=True)
class LearnableRows:
    """Snapshots with a settled outcome, in the one order models see; ``half`` is what came in half the horizon."""

    table: pa.Table
    y: Floats
    dates: Int64s
    customers: Int64s
    half: Floats | None = None


def _learnable(features: Path, labels: Path, column: str, *, max_rows: int) -> LearnableRows:
    def settled(number: int, table: pa.Table) -> pa.Table:
        outcome = read_parquet(bucket_path(labels, number))
        if not all(table[key].equals(outcome[key]) for key in KEYS):
            raise DataError(
                "features and labels are not of the same snapshots",
                rule="data.out_of_step",
                file=bucket_path(labels, number).name,
                next_step="Run featurize and label again.",
            )
        for name in (column, *_halves(column, outcome)):
            table = table.append_column(name, outcome[name])
        return table.filter(pc.is_valid(outcome[column]))

    table = sort_by_date(_thinned(read_buckets(features, keep=settled), max_rows=max_rows))
    if not table.num_rows:
        raise DataError(
            "no snapshot has a settled outcome",
            rule="data.no_rows",
            file="params.yaml",
            column="churn" if column == "is_churned" else "clv",
            count=0,
            next_step="Lengthen the history or shorten the horizon.",
        )
    y = table[column].cast(pa.float64()).to_numpy()
    dates = table["observation_date"].cast(pa.int64()).to_numpy()
    customers = pc.rank(table["customer_id"], tiebreaker="dense").to_numpy().astype(np.int64)
    halves = _halves(column, table)
    half = table[halves[0]].to_numpy() if halves else None
    return LearnableRows(table.drop_columns([column, *halves]), y, dates, customers, half)


def _halves(column: str, table: pa.Table) -> list[str]:
    return [name for name in (f"{column}_half",) if name in table.column_names]


def _thinned(table: pa.Table, *, max_rows: int) -> pa.Table:
    """Keep whole customers, chosen by hash, so that about ``max_rows`` rows remain."""
    if table.num_rows <= max_rows:
        return table
    limit = np.uint64(max_rows / table.num_rows * float(2**64 - 1))
    kept = hash_column(table["customer_id"].combine_chunks()) < limit
    return table.filter(pa.array(kept))


def _splits(params: Params, rows: LearnableRows, *, reach_us: int) -> list[Split]:
    if params.churn.definition == "label":
        return split_stratified(rows.y.astype(np.int8), seed=params.train.seed)
    splits = split_by_date(rows.dates, reach_us=reach_us)
    for split in splits:
        check_purged(split, rows.dates, reach_us=reach_us, as_of=int(rows.dates.max()))
    return splits or split_by_customer(rows.customers, seed=params.train.seed)


def _final(params: Params, rows: LearnableRows, plan: SnapshotPlan, *, reach_us: int) -> Fold:
    if params.churn.definition == "label":
        return Fold("final", np.arange(len(rows.y)))
    split = final_split(rows.dates, as_of=plan.as_of, reach_us=reach_us)
    check_purged(split, rows.dates, reach_us=reach_us, as_of=plan.as_of)
    return _fold(split)


def _fold(split: Split) -> Fold:
    return Fold(split.name, split.train, split.valid, split.test, split.between)


def churn_folds(params: Params, keys: pa.Table, is_churned: Floats, plan: SnapshotPlan) -> tuple[list[Fold], bool]:
    """Return the folds that training makes of labelled snapshots, the final one last, and whether dates part them.

    Parameters
    ----------
    params : Params
    keys : pyarrow.Table
        ``customer_id`` and ``observation_date``, in the order models see.
    is_churned : ndarray, shape (n_rows,)
    plan : SnapshotPlan
    """
    dates = keys["observation_date"].cast(pa.int64()).to_numpy()
    customers = pc.rank(keys["customer_id"], tiebreaker="dense").to_numpy().astype(np.int64)
    rows, reach = LearnableRows(keys, is_churned, dates, customers), churn_window(params, plan).reach_us
    splits = _splits(params, rows, reach_us=reach)
    return [*(_fold(split) for split in splits), _final(params, rows, plan, reach_us=reach)], splits[0].is_out_of_time


def _churn_roles(params: Params) -> dict[str, str]:
    """Return the feature columns that the simple churn rules are made of."""
    source, longest = purchases_table(params), params.features.windows_days[-1]
    table = params.churn.table
    kind = params.histories.tables[table].kind
    if kind == "customers":
        return {}
    if kind == "spells":
        return (_purchase_roles(source, longest) if source else {}) | {"tenure": f"{table}_tenure_days"}
    roles, bought = _purchase_roles(source or table, longest), params.histories.tables[source or table]
    if isinstance(bought, EventsTable) and bought.amount is not None:
        roles["spend"] = f"{source or table}_amount_sum_{longest}d"
    return roles


def _purchase_roles(source: str, longest: int) -> dict[str, str]:
    return {
        "recency": f"{source}_recency_days",
        "frequency": f"{source}_count_{longest}d",
        "tenure": f"{source}_tenure_days",
        "x": f"{source}_repeat_days",
        "t_x": f"{source}_span_days",
        "T": f"{source}_tenure_days",
    }


def _value_roles(params: Params, *, horizon_days: float) -> dict[str, str]:
    """Return the feature columns that the simple value rules are made of."""
    source, windows = value_purchases(params), params.features.windows_days
    if not source or params.clv is None:
        return {"spend": f"{params.clv.table}_amount_now"} if params.clv and params.clv.measure == "amount" else {}
    nearest = min(windows, key=lambda days: abs(days - horizon_days))
    roles = _purchase_roles(source, windows[-1])
    expected = "value" if params.clv.measure == "amount" else "purchases"
    roles["expected"] = f"{source}_expected_{expected}_{horizon_days:g}d"
    if params.clv.measure == "count":
        return roles | {"spend": f"{source}_count_{nearest}d"}
    return roles | {"spend": f"{source}_amount_sum_{nearest}d", "mean_spend": f"{source}_amount_mean_all"}


def hazard_rows(params: Params, plan: SnapshotPlan, *, features: Path, labels: Path) -> HazardRows | None:
    """Return what a hazard of the churn event, or of coming back, is learned from; None without common dates."""
    if params.churn.definition == "label" or plan.anchors_us:
        return None

    def with_durations(number: int, table: pa.Table) -> pa.Table:
        found = read_parquet(bucket_path(labels / "duration", number))
        return table.append_column("event_days", found["event_days"]).append_column(
            "observed_days", found["observed_days"]
        )

    table = sort_by_date(_thinned(read_buckets(features, keep=with_durations), max_rows=params.train.max_rows))
    event, observed = (table[name].to_numpy().astype(np.float64) for name in ("event_days", "observed_days"))
    window = churn_window(params, plan)
    return HazardRows(
        table.drop_columns(["event_days", "observed_days"]),
        Durations(event, observed),
        dates=table["observation_date"].cast(pa.int64()).to_numpy(),
        customers=pc.rank(table["customer_id"], tiebreaker="dense").to_numpy().astype(np.int64),
        horizon_days=window.horizon_us / DAY_US,
        lead_days=window.lead_us / DAY_US,
        settle_days=(window.grace_us + plan.settle_us) / DAY_US,
        settings={
            "seed": params.train.seed,
            "max_rows": _MAX_HAZARD_ROWS,
            "is_return": params.churn.definition == "inactivity",
        },
    )


def leaving_model(
    params: Params, plan: SnapshotPlan, spec: FeatureSpec, *, features: Path, labels: Path
) -> LeavingModel | None:
    """Return what foretells the leaving that can be prevented; None where churn is leaving itself, or too few left.

    Parameters
    ----------
    params : Params
    plan : SnapshotPlan
    spec : FeatureSpec
        Of the churn model: both see the same columns.
    features, labels : Path
    """
    if params.churn.definition != "inactivity" or plan.anchors_us:
        return None
    try:
        rows = _learnable(features, labels / "duration", "has_left", max_rows=params.train.max_rows)
    except DataError as error:
        if error.rule != "data.no_rows":
            raise
        return None
    return LeavingModel.fitted(
        to_matrix(rows.table, spec),
        rows.y,
        customers=rows.customers,
        categorical=spec.categorical,
        seed=params.train.seed,
        threads=params.train.threads,
    )


@dataclass(frozen=True, slots=True)
class LearningTask:
    """Everything a model of one outcome is trained and tested on.

    Parameters
    ----------
    rows : LearnableRows
    plan : SnapshotPlan
    folds : list of Fold
        To be tested on.
    final : Fold
        What the model to be used learns from.
    is_out_of_time : bool
        Whether dates part what is learned from what is tested.
    roles : dict of str to str
        Columns that the simple rules are made of, by role.
    horizon_days : float
        Horizon of the labels.
    """

    rows: LearnableRows
    plan: SnapshotPlan
    folds: list[Fold]
    final: Fold
    is_out_of_time: bool
    roles: dict[str, str]
    horizon_days: float


def churn_task(params: Params, *, features: Path, labels: Path, spine: Path) -> LearningTask:
    """Return what the churn model is trained and tested on.

    Raises
    ------
    DataError
        If no outcome is settled.
    """
    plan = read_plan(spine)
    window = churn_window(params, plan)
    rows = _learnable(features, labels / "churn", "is_churned", max_rows=params.train.max_rows)
    reach = window.reach_us + plan.settle_us
    return _task(params, rows, plan, _churn_roles(params), reach_us=reach, horizon_days=window.horizon_us / DAY_US)


def value_task(params: Params, *, features: Path, labels: Path, spine: Path) -> LearningTask:
    """Return what the value model is trained and tested on; errors as :func:`churn_task`."""
    plan = read_plan(spine)
    rows = _learnable(features, labels / "value", "value", max_rows=params.train.max_rows)
    horizon = plan.value_horizon_us / DAY_US
    roles = _value_roles(params, horizon_days=horizon)
    return _task(params, rows, plan, roles, reach_us=plan.value_horizon_us + plan.settle_us, horizon_days=horizon)


def _task(
    params: Params,
    rows: LearnableRows,
    plan: SnapshotPlan,
    roles: dict[str, str],
    *,
    reach_us: int,
    horizon_days: float,
) -> LearningTask:
    splits = _splits(params, rows, reach_us=reach_us)
    final = _final(params, rows, plan, reach_us=reach_us)
    folds = [_fold(split) for split in splits]
    return LearningTask(rows, plan, folds, final, splits[0].is_out_of_time, roles, horizon_days)
