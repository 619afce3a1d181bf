"""Stage label: what came after each observation date, rows in the order of the spine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.flow.buckets import bucket_path, write_buckets
from churnml.flow.roles import churn_definition, churn_window, value_definition
from churnml.flow.spine import read_plan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels, static_labels
from churnml.labels.value import value_labels
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import new_folder, read_parquet
from churnml.timeline import us_to_iso

__all__ = ["label"]

Int64s = npt.NDArray[np.int64]


def label(history: History, params: Params, spine: Path, target: Path) -> dict[str, Any]:
    """Write ``churn/`` and ``value/``, rows in the order of the spine, unsettled outcomes missing.

    Returns
    -------
    dict
        Churned, stayed and censored snapshots per observation date; with dates of each customer's own, per month.
    """
    plan, counts = read_plan(spine), {}
    with new_folder(target) as temp:
        (temp / "churn").mkdir()
        (temp / "value").mkdir()

        def churn(number: int) -> pa.Table:
            table, labels = _churn_of(history, params, number, spine, plan)
            counts[number] = _counted(table, labels)
            return table.append_column("is_churned", pa.array(labels, pa.int8(), mask=labels == CENSORED))

        n_buckets, threads = history.n_buckets, params.train.threads
        write_buckets(churn, temp / "churn", n_buckets=n_buckets, threads=threads)
        write_buckets(
            lambda number: _value_of(history, params, number, spine, plan),
            temp / "value",
            n_buckets=n_buckets,
            threads=threads,
        )
    return _merged(list(counts.values()), months=bool(plan.anchors_us))


def _churn_of(
    history: History, params: Params, number: int, spine: Path, plan: SnapshotPlan
) -> tuple[pa.Table, npt.NDArray[np.int8]]:
    table, bucket = read_parquet(bucket_path(spine, number)), Bucket(history, number)
    definition = churn_definition(params)
    customer, dates = bucket.snapshots(table)
    if definition.kind == "label":
        info = history.tables[definition.table]
        ready = static_labels(
            bucket.table(info.name)["label"],
            churned_values=params.churn.label_values,
            file=info.file,
            name=params.churn.label or "",
        )
        by_customer = np.full(len(bucket.customers), CENSORED, dtype=np.int8)
        by_customer[bucket.rows_of(bucket.table(info.name)["customer_id"])] = ready
        return table, by_customer[customer]
    labels = churn_labels(bucket, definition, churn_window(params), customer, dates, as_of=history.as_of)
    wanted = dates < plan.as_of if plan.anchors_us else np.isin(dates, plan.churn_dates)
    labels[~wanted] = CENSORED
    return table, labels


def _value_of(history: History, params: Params, number: int, spine: Path, plan: SnapshotPlan) -> pa.Table:
    table, bucket = read_parquet(bucket_path(spine, number)), Bucket(history, number)
    definition = value_definition(params)
    customer, dates = bucket.snapshots(table)
    settled = dates + plan.value_horizon_us <= plan.as_of
    wanted = settled if plan.anchors_us else settled & np.isin(dates, plan.value_dates)
    values = np.zeros(len(dates))
    if definition is None or not plan.value_horizon_us:
        wanted = np.zeros(len(dates), dtype=bool)
    else:
        is_spells = history.tables[definition.table].kind == "spells"
        values[wanted] = value_labels(
            bucket, definition, customer[wanted], dates[wanted], horizon_us=plan.value_horizon_us, is_spells=is_spells
        )
    return table.append_column("value", pa.array(values, mask=~wanted))


def _counted(table: pa.Table, labels: npt.NDArray[np.int8]) -> dict[int, Int64s]:
    """Return per date how many churned, stayed, and are censored."""
    dates = table["observation_date"].cast(pa.int64()).to_numpy()
    kinds = np.array([1, 0, CENSORED])
    return {int(date): (labels[dates == date][:, None] == kinds).sum(axis=0) for date in np.unique(dates)}


def _merged(parts: list[dict[int, Int64s]], *, months: bool) -> dict[str, Any]:
    total: dict[str, Int64s] = {}
    for part in parts:
        for date, counts in part.items():
            name = us_to_iso(date)[:7] if months else us_to_iso(date)
            total[name] = total.get(name, np.zeros(3, dtype=np.int64)) + counts
    words = ("churned", "stayed", "censored")
    return {name: dict(zip(words, total[name].tolist(), strict=True)) for name in sorted(total)}
