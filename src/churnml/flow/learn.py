"""Training: the rows with a settled outcome, the folds by date, the backtest, and the model to be used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params
from churnml.errors import DataError, TimeContractError
from churnml.estimators.artifact import save
from churnml.estimators.churn import check_labels
from churnml.estimators.clv import check_values
from churnml.evaluation.backtest import backtest_churn, backtest_value, fit_final_churn, fit_final_value
from churnml.evaluation.folds import Fold
from churnml.features.build import KEYS
from churnml.flow.buckets import bucket_path, read_buckets, sort_by_date
from churnml.flow.predictions import write_predictions
from churnml.flow.roles import churn_window, purchases_table, value_purchases
from churnml.flow.spine import read_plan
from churnml.flow.treatments import treatment_limits
from churnml.histories.hashing import hash_column
from churnml.snapshots.spine import SnapshotPlan
from churnml.snapshots.splits import (
    Split,
    check_purged,
    final_split,
    split_by_customer,
    split_by_date,
    split_stratified,
)
from churnml.storage import new_folder, read_json, read_parquet, write_json
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["churn_folds", "train_churn", "train_value"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Learnable:
    """Snapshots with a settled outcome, in the one order models see."""

    table: pa.Table
    y: Floats
    dates: Int64s
    customers: Int64s


def _learnable(features: Path, labels: Path, column: str, *, max_rows: int) -> _Learnable:
    def settled(number: int, table: pa.Table) -> pa.Table:
        outcome = read_parquet(bucket_path(labels, number))
        if not all(table[key].equals(outcome[key]) for key in KEYS):
            raise DataError(
                "features and labels are not of the same snapshots",
                rule="data.out_of_step",
                file=bucket_path(labels, number).name,
                next_step="Run featurize and label again.",
            )
        return table.append_column(column, outcome[column]).filter(pc.is_valid(outcome[column]))

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
    return _Learnable(table.drop_columns([column]), y, dates, customers)


def _thinned(table: pa.Table, *, max_rows: int) -> pa.Table:
    """Keep whole customers, chosen by hash, so that about ``max_rows`` rows remain."""
    if table.num_rows <= max_rows:
        return table
    limit = np.uint64(max_rows / table.num_rows * float(2**64 - 1))
    kept = hash_column(table["customer_id"].combine_chunks()) < limit
    return table.filter(pa.array(kept))


def _splits(params: Params, rows: _Learnable, *, reach_us: int) -> list[Split]:
    if params.churn.definition == "label":
        return split_stratified(rows.y.astype(np.int8), seed=params.train.seed)
    splits = split_by_date(rows.dates, reach_us=reach_us)
    for split in splits:
        check_purged(split, rows.dates, reach_us=reach_us, as_of=int(rows.dates.max()))
    return splits or split_by_customer(rows.customers, seed=params.train.seed)


def _final(params: Params, rows: _Learnable, plan: SnapshotPlan, *, reach_us: int) -> Fold:
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
    rows, reach = _Learnable(keys, is_churned, dates, customers), churn_window(params).reach_us
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
    return _purchase_roles(source or table, longest)


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
    if params.clv.measure == "count":
        return roles | {"spend": f"{source}_count_{nearest}d"}
    return roles | {"spend": f"{source}_amount_sum_{nearest}d", "mean_spend": f"{source}_amount_mean_all"}


def train_churn(params: Params, *, features: Path, labels: Path, spine: Path, model: Path, backtest: Path) -> None:
    """Backtest the churn model beside simple rules, then fit and save the one to be used.

    Raises
    ------
    DataError
        If there is one class only, or too few customers of one.
    """
    plan = read_plan(spine)
    reach = churn_window(params).reach_us + plan.settle_us
    rows = _learnable(features, labels / "churn", "is_churned", max_rows=params.train.max_rows)
    roles, horizon = _churn_roles(params), float(params.churn.horizon_days)
    check_labels(rows.y)
    settings: dict[str, Any] = {"seed": params.train.seed, "threads": params.train.threads}
    splits = _splits(params, rows, reach_us=reach)
    folds, last = [_fold(split) for split in splits], _final(params, rows, plan, reach_us=reach)
    # One thread a fit, side by side: faster than several threads in one fit, and the same result.
    with ThreadPoolExecutor(1) as beside:
        final = beside.submit(fit_final_churn, rows.table, rows.y, last, **{**settings, "threads": 1})
        tested = backtest_churn(rows.table, rows.y, folds, roles=roles, horizon_days=horizon, **settings)
        fitted, spec = final.result()
    save(fitted, spec, model, meta=_meta(params, rows, plan, "churn", horizon, features))
    write_predictions(tested, backtest, is_out_of_time=splits[0].is_out_of_time)


def train_value(params: Params, *, features: Path, labels: Path, spine: Path, model: Path, backtest: Path) -> None:
    """Backtest the value model beside simple rules, then fit and save the one to be used.

    Without a ``clv`` block both folders are left empty but for a note, so that later stages can tell.

    Raises
    ------
    DataError
        If the value cannot be learned: constant, or too few customers with any.
    """
    if params.clv is None:
        for folder in (model, backtest):
            with new_folder(folder) as temp:
                write_json({"absent": "params.yaml has no clv block"}, temp / "absent.json")
        return
    if params.churn.definition == "label":
        raise TimeContractError(
            "a value model needs histories with dates, and churn.definition label has none",
            rule="time.value_without_dates",
            file="params.yaml",
            column="clv",
            next_step="Take the clv block out; campaign.value_column can name a column that holds the value.",
        )
    plan = read_plan(spine)
    reach, horizon = plan.value_horizon_us + plan.settle_us, plan.value_horizon_us / DAY_US
    rows = _learnable(features, labels / "value", "value", max_rows=params.train.max_rows)
    settings: dict[str, Any] = {
        "seed": params.train.seed,
        "threads": params.train.threads,
        "measure": params.clv.measure,
    }
    check_values(rows.y)
    roles, splits = _value_roles(params, horizon_days=horizon), _splits(params, rows, reach_us=reach)
    folds, last = [_fold(split) for split in splits], _final(params, rows, plan, reach_us=reach)
    with ThreadPoolExecutor(1) as beside:
        final = beside.submit(fit_final_value, rows.table, rows.y, last, **{**settings, "threads": 1})
        tested = backtest_value(rows.table, rows.y, folds, roles=roles, horizon_days=horizon, **settings)
        fitted, spec = final.result()
    save(fitted, spec, model, meta=_meta(params, rows, plan, "clv", horizon, features))
    write_predictions(tested, backtest, is_out_of_time=splits[0].is_out_of_time)


def _meta(
    params: Params,
    rows: _Learnable,
    plan: SnapshotPlan,
    kind: Literal["churn", "clv"],
    horizon_days: float,
    features: Path,
) -> dict[str, Any]:
    """Return what the model's record and card say beside its numbers."""
    known = {"first": us_to_iso(int(rows.dates.min())), "last": us_to_iso(int(rows.dates.max()))}
    return {
        "title": "Churn" if kind == "churn" else "Customer lifetime value",
        "data_window": f"observation dates {known['first']} to {known['last']}, outcomes up to {us_to_iso(plan.as_of)}",
        "population": _population(params),
        "horizon_days": horizon_days,
        "n_snapshots": len(rows.y),
        "n_customers": len(np.unique(rows.customers)),
        "mean_outcome": float(rows.y.mean()),
        "seed": params.train.seed,
        "limits": treatment_limits(params),
        "feature_plan": read_json(features / "plan.json"),
    }


def _population(params: Params) -> str:
    churn = params.churn
    if churn.definition == "inactivity":
        within = "ever" if churn.active_within_days is None else f"within {churn.active_within_days} days"
        return f"customers active in {churn.table} {within}"
    if churn.definition == "spell_end":
        return f"customers with a spell in force in {churn.table}"
    if churn.definition == "event":
        return f"customers with history and no churn event in {churn.table} since their last activity"
    return f"customers in {churn.table}"
