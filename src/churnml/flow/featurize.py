"""Stage featurize: every feature of every snapshot, and the plan that says which columns there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.features.btyd_features import PurchaseModels, fit_purchase_models, most_per_bucket, purchase_summaries
from churnml.features.build import KEYS, BucketFeatures
from churnml.features.calendar import calendar_types
from churnml.features.columns import Arena
from churnml.features.own import OwnFeature, learned_own, own_digests
from churnml.features.plan import QUARTERS, Feature, FeaturePlan, choose_levels, is_enough, level_counts
from churnml.features.statistics import FeatureStatistics
from churnml.flow.buckets import bucket_path, write_buckets
from churnml.flow.own import read_own
from churnml.flow.roles import is_value_carried, purchases_table
from churnml.flow.spine import read_plan
from churnml.histories.bucket import Bucket
from churnml.histories.hashing import hash_column
from churnml.histories.store import History
from churnml.parquet import parquet_rows, read_parquet
from churnml.progress import step
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import new_folder, write_json
from churnml.timeline import DAY_US

__all__ = ["FeatureSet", "featurize", "featurize_sets", "purchase_horizons"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features by one plan.

    Parameters
    ----------
    plan : FeaturePlan
    view : History
        With the tables and columns that they are made of.
    prefix : str
        What their names begin with.
    """

    plan: FeaturePlan
    view: History
    prefix: str = ""


def featurize(
    history: History,
    params: Params,
    spine: Path,
    target: Path,
    *,
    root: Path,
    plan: FeaturePlan | None = None,
    statistics: FeatureStatistics | None = None,
) -> list[Feature]:
    """Write the features of every snapshot, one file a bucket, and ``plan.json``.

    Parameters
    ----------
    history : History
    params : Params
    spine, target : Path
    root : Path
        Project folder, where the files of own features lie.
    plan : FeaturePlan, optional
        The plan of a trained model; by default it is made from rows usable at the earliest observation date.
    statistics : FeatureStatistics, optional
        Gets every table that is made.

    Returns
    -------
    list of Feature
        Descriptions, in the order of the columns.
    """
    if plan is None:
        plan = _feature_plan(history, params, read_own(params, root=root), read_plan(spine))
    one = FeatureSet(plan, history)
    return featurize_sets([one], history, params, spine, target, root=root, statistics=statistics)


def featurize_sets(
    sets: Sequence[FeatureSet],
    history: History,
    params: Params,
    spine: Path,
    target: Path,
    *,
    root: Path,
    statistics: FeatureStatistics | None = None,
) -> list[Feature]:
    """Write the features of several plans side by side, and the ``plan.json`` of the first; see :func:`featurize`."""
    first, *others = [_Maker(one, history, params, read_plan(spine), root=root) for one in sets]
    described: dict[int, list[Feature]] = {}
    arenas: list[Arena] = []  # one for each bucket being made at once
    n_rows = sum(parquet_rows(bucket_path(spine, number)) for number in range(history.n_buckets))
    if statistics is not None:
        statistics.n_expected = n_rows

    def make(number: int) -> Iterator[pa.Table]:
        bucket = Bucket(history, number)
        entries = bucket if number == 0 else Bucket(history, 0)
        maker, beside = first.of(bucket, entries), [other.of(bucket, entries) for other in others]
        observed = read_parquet(bucket_path(spine, number), coded=["customer_id"])
        hashes, done = hash_column(observed["customer_id"].combine_chunks()), 0
        arena = arenas.pop() if arenas else Arena()
        for table in maker.tiles(observed, arena):
            begin, done = done, done + table.num_rows
            if statistics is not None:
                statistics.add(table, hashes[begin:done])
            made = [one.build(observed.slice(begin, table.num_rows)) for one in beside]
            yield _side_by_side(table, made, [other.set.prefix for other in others])
            advance(table.num_rows)
        arenas.append(arena)
        described[number] = maker.features

    with new_folder(target) as temp, step("make features", n_rows) as advance:
        write_buckets(make, temp, n_buckets=history.n_buckets, threads=params.train.threads)
        write_json(first.set.plan.to_json(), temp / "plan.json")
    return described[0]


class _Maker:
    """What making the features of one set takes, whichever bucket they are of."""

    def __init__(self, one: FeatureSet, history: History, params: Params, dates: SnapshotPlan, *, root: Path) -> None:
        self.set = one
        self._own = learned_own(one.plan, read_own(params, root=root))
        self._models = _purchase_models(history, one, dates.fitted_dates, threads=params.train.threads)

    def of(self, bucket: Bucket, entries: Bucket) -> BucketFeatures:
        return BucketFeatures(bucket, entries, self.set.view, self.set.plan, self._models, self._own)


def _side_by_side(table: pa.Table, others: Sequence[pa.Table], prefixes: Sequence[str]) -> pa.Table:
    for other, prefix in zip(others, prefixes, strict=True):
        for name in other.column_names:
            if name not in KEYS:
                table = table.append_column(other.schema.field(name).with_name(prefix + name), other[name])
    return table


def _feature_plan(history: History, params: Params, own: Sequence[OwnFeature], observed: SnapshotPlan) -> FeaturePlan:
    earliest = observed.decided_at
    levels = choose_levels(
        _levels_counted(history, earliest=earliest, threads=params.train.threads),
        kept=params.features.levels_kept,
        least_share=params.features.least_level_share,
    )
    for info in history.of_kind("calendar"):
        levels[f"{info.name}.type"] = calendar_types(Bucket(history, 0), info, known_by=earliest)
    return FeaturePlan(
        params.features.windows_days,
        levels,
        purchases_table(params),
        purchase_horizons(params, observed),
        params.features.families,
        params.features.every_window,
        own_digests(own),
    )


def purchase_horizons(params: Params, observed: SnapshotPlan) -> tuple[float, ...]:
    """Return the horizons of churn and of value, those asked for and those that can be labelled, in days.

    Where value has to be carried beyond its labels, half of the labelled horizon too: the carrying is checked from it.
    """
    asked = [params.churn.horizon_days, params.clv.horizon_days if params.clv else 0]
    labelled = [observed.churn_horizon_us / DAY_US, observed.value_horizon_us / DAY_US]
    half = [observed.value_half_us / DAY_US] if is_value_carried(params, observed) else []
    return tuple(sorted({float(days) for days in (*asked, *labelled, *half) if days}))


def _levels_counted(history: History, *, earliest: int, threads: int) -> list[dict[str, Counter[str]]]:
    """Count levels among a quarter of the customers, and among the others too where that does not tell enough."""

    def count(number: int) -> dict[str, Counter[str]]:
        return level_counts(Bucket(history, number), history, known_by=earliest)

    first = list(range(0, history.n_buckets, QUARTERS))
    counted = map_buckets(lambda place: count(first[place]), n_buckets=len(first), threads=threads)
    if is_enough(counted):
        return counted
    others = [number for number in range(history.n_buckets) if number % QUARTERS]
    return counted + map_buckets(lambda place: count(others[place]), n_buckets=len(others), threads=threads)


def _purchase_models(history: History, one: FeatureSet, dates: Int64s, *, threads: int) -> dict[int, PurchaseModels]:
    table = one.plan.btyd_table
    if not table or not one.plan.keeps("btyd"):
        return {}
    info, most = one.view.tables[table], most_per_bucket(history.n_buckets)
    parts = map_buckets(
        lambda number: purchase_summaries(Bucket(history, number), info, dates, most=most),
        n_buckets=history.n_buckets,
        threads=threads,
    )
    return fit_purchase_models(dates, parts)
