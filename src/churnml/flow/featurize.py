"""Stage featurize: every feature of every snapshot, and the plan that says which columns there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.features.btyd_features import PurchaseModels, fit_purchase_models, purchase_summaries
from churnml.features.build import build_features
from churnml.features.calendar import calendar_types
from churnml.features.plan import Feature, FeaturePlan, choose_levels, level_counts
from churnml.flow.buckets import bucket_path, write_buckets
from churnml.flow.roles import purchases_table
from churnml.flow.spine import read_plan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import new_folder, read_parquet, write_json

__all__ = ["featurize"]

Int64s = npt.NDArray[np.int64]
_MAX_FITTED_DATES = 24


def featurize(
    history: History, params: Params, spine: Path, target: Path, *, plan: FeaturePlan | None = None
) -> list[Feature]:
    """Write the features of every snapshot, one file a bucket, and ``plan.json``.

    Parameters
    ----------
    history : History
    params : Params
    spine, target : Path
    plan : FeaturePlan, optional
        The plan of a trained model; by default it is made from rows usable at the earliest observation date.

    Returns
    -------
    list of Feature
        Descriptions, in the order of the columns.
    """
    dates, threads = _fitted_dates(read_plan(spine), spine), params.train.threads
    if plan is None:
        plan = _feature_plan(history, params, earliest=int(dates[0]))
    models = _purchase_models(history, plan, dates, threads=threads)
    described: dict[int, list[Feature]] = {}

    def make(number: int) -> pa.Table:
        bucket = Bucket(history, number)
        entries = bucket if number == 0 else Bucket(history, 0)
        rows = read_parquet(bucket_path(spine, number))
        table, described[number] = build_features(bucket, entries, history, plan, models, rows)
        return table

    with new_folder(target) as temp:
        write_buckets(make, temp, n_buckets=history.n_buckets, threads=threads)
        write_json(plan.to_json(), temp / "plan.json")
    return described[0]


def _fitted_dates(plan: SnapshotPlan, spine: Path) -> Int64s:
    """Return the dates at which buy-till-you-die models are fitted: all, or evenly spaced ones where they are many."""
    if not plan.anchors_us:
        return plan.dates
    paths = sorted(spine.glob("bucket-*.parquet"))
    seen = np.unique(np.concatenate([read_parquet(p)["observation_date"].cast(pa.int64()).to_numpy() for p in paths]))
    places = np.linspace(0, len(seen) - 1, min(len(seen), _MAX_FITTED_DATES)).astype(np.int64)
    return np.unique(np.append(seen[places], plan.as_of))


def _feature_plan(history: History, params: Params, *, earliest: int) -> FeaturePlan:
    levels = choose_levels(
        map_buckets(
            lambda number: level_counts(Bucket(history, number), history, known_by=earliest),
            n_buckets=history.n_buckets,
            threads=params.train.threads,
        )
    )
    for info in history.of_kind("calendar"):
        levels[f"{info.name}.type"] = calendar_types(Bucket(history, 0), info, known_by=earliest)
    return FeaturePlan(params.features.windows_days, levels, purchases_table(params), float(params.churn.horizon_days))


def _purchase_models(history: History, plan: FeaturePlan, dates: Int64s, *, threads: int) -> dict[int, PurchaseModels]:
    if not plan.btyd_table:
        return {}
    info = history.tables[plan.btyd_table]
    parts = map_buckets(
        lambda number: purchase_summaries(Bucket(history, number), info, dates),
        n_buckets=history.n_buckets,
        threads=threads,
    )
    return fit_purchase_models(dates, parts)
