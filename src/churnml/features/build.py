"""From a bucket and its spine to the feature table: every source's columns side by side, names aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.btyd_features import PurchaseModels, add_purchase_models
from churnml.features.calendar import calendar_features
from churnml.features.columns import Arena, Columns
from churnml.features.events import EventSource, event_features
from churnml.features.own import OwnFeature, own_features
from churnml.features.plan import Feature, FeaturePlan
from churnml.features.ratios import ratio_columns
from churnml.features.spells import spell_features
from churnml.histories.bucket import Bucket
from churnml.histories.conform import number_column
from churnml.histories.store import History, TableInfo

__all__ = ["KEYS", "BucketFeatures", "build_features"]

Int64s = npt.NDArray[np.int64]
KEYS = ("customer_id", "observation_date")
_TILE_BYTES = 32 << 20
_FIRST_TILE_ROWS = 16_384
_LEAST_TILE_ROWS = 1024


def build_features(
    bucket: Bucket,
    entries: Bucket,
    history: History,
    plan: FeaturePlan,
    models: Mapping[int, PurchaseModels],
    spine: pa.Table,
    own: Sequence[OwnFeature] = (),
) -> tuple[pa.Table, list[Feature]]:
    """Compute every feature of some snapshots at once; parameters as of :class:`BucketFeatures`.

    Returns
    -------
    table : pyarrow.Table
        The spine's two columns, then float32 and dictionary columns, rows in the order of the spine.
    features : list of Feature
        Their descriptions, in the same order.
    """
    maker = BucketFeatures(bucket, entries, history, plan, models, own)
    return maker.build(spine), maker.features


@dataclass(slots=True)
class BucketFeatures:
    """Computes the features of a bucket's snapshots; the only way features come into being.

    Parameters
    ----------
    bucket : Bucket
        Whose customers are observed.
    entries : Bucket
        Bucket 0, which holds calendar tables.
    history : History
    plan : FeaturePlan
    models : mapping of int to PurchaseModels
        By observation date.
    own : sequence of OwnFeature
    """

    bucket: Bucket
    entries: Bucket
    history: History
    plan: FeaturePlan
    models: Mapping[int, PurchaseModels]
    own: Sequence[OwnFeature] = ()
    features: list[Feature] = field(init=False, default_factory=list)
    _events: dict[str, EventSource] = field(init=False, default_factory=dict)

    def tiles(self, spine: pa.Table, arena: Arena | None = None) -> Iterator[pa.Table]:
        """Yield the feature table in pieces of bounded size, at least one; the columns say how many rows fit.

        A piece has to be used before the next one is asked for, which takes its memory.

        Parameters
        ----------
        spine : pyarrow.Table
        arena : Arena, optional
            Memory that the pieces of another bucket were made in, and that nobody uses any more.
        """
        customer, dates = self.bucket.snapshots(spine)
        arena = arena if arena is not None else Arena()
        begin, n_rows = 0, _FIRST_TILE_ROWS
        while begin < spine.num_rows or begin == 0:
            end = begin + n_rows
            arena.clear()
            table = self._build(spine.slice(begin, n_rows), customer[begin:end], dates[begin:end], arena)
            yield table
            begin, n_rows = end, max(_LEAST_TILE_ROWS, _TILE_BYTES // (4 * table.num_columns))

    def build(self, spine: pa.Table) -> pa.Table:
        """Return the features of some snapshots, sorted by (customer_id, observation_date) as the spine is."""
        return self._build(spine, *self.bucket.snapshots(spine))

    def _build(self, spine: pa.Table, customer: Int64s, dates: Int64s, arena: Arena | None = None) -> pa.Table:
        arrays: dict[str, Any] = {key: spine[key] for key in KEYS}
        arrays["customer_id"] = arrays["customer_id"].cast(pa.string())
        self.features = []
        sources = [self._columns(info, customer, dates, arena) for info in self.history.tables.values()]
        sources.append(own_features(self.bucket, self.entries, self.history, self.own, customer, dates))
        for columns in sources:
            for feature, values in chain(columns.visible, ratio_columns(columns, self.plan)):
                if not self.plan.keeps(feature.family):
                    continue
                name, number = feature.name, 2
                while name in arrays:
                    name, number = f"{feature.name}_{number}", number + 1
                self.features.append(feature if name == feature.name else replace(feature, name=name))
                arrays[name] = _stored(values)
        fields = [pa.field(name, array.type, nullable=not _is_number(array)) for name, array in arrays.items()]
        return pa.table(list(arrays.values()), schema=pa.schema(fields))

    def _columns(self, info: TableInfo, customer: Int64s, dates: Int64s, arena: Arena | None) -> Columns:
        """Return the features of one table."""
        name, bucket, plan = info.name, self.bucket, self.plan
        nothing = Columns(name, len(dates), frozenset(plan.families))
        if info.kind == "events":
            if name not in self._events:
                self._events[name] = EventSource(bucket, info, plan)
            columns = event_features(self._events[name], customer, dates, arena=arena)
            if name == plan.btyd_table and columns.wants("btyd"):
                add_purchase_models(columns, self.models, plan, dates)
            return columns
        make: dict[str, tuple[str, Callable[[], Columns]]] = {
            "spells": ("spells", lambda: spell_features(bucket, info, plan, customer, dates)),
            "calendar": (
                "calendar",
                lambda: calendar_features(bucket, self.entries, self.history, info, plan, customer, dates),
            ),
            "customers": ("profile", lambda: _customer_features(bucket, info, plan, customer, dates)),
        }
        family, columns_of = make[info.kind]
        wanted = nothing.wants(family) or (info.kind == "customers" and nothing.wants("tenure"))
        return columns_of() if wanted else nothing


def _is_number(array: Any) -> bool:
    return bool(pa.types.is_floating(array.type))


def _stored(values: npt.NDArray[np.float32] | pa.Array) -> pa.Array:
    """Return a column as it is written: float32 with NaN for missing, or a dictionary of text."""
    if isinstance(values, np.ndarray):
        return pa.array(values)
    plain = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return plain if pa.types.is_dictionary(plain.type) else plain.dictionary_encode()


def _customer_features(bucket: Bucket, info: TableInfo, plan: FeaturePlan, customer: Int64s, dates: Int64s) -> Columns:
    """Return what the customers table says: attributes, which must be constant, and time since joining."""
    columns = Columns(info.name, len(dates), frozenset(plan.families))
    table = bucket.table(info.name)
    place = pc.index_in(bucket.customers, value_set=table["customer_id"]).to_numpy(zero_copy_only=False)
    row = pa.array(place[customer], from_pandas=True).cast(pa.int64())
    if "joined" in info.columns:
        joined = table["joined"].cast(pa.int64()).take(row)
        age = pc.divide(pc.subtract(pa.array(dates), joined).cast(pa.float64()), 86_400e6)
        values = pc.fill_null(age, np.nan).to_numpy()
        # Joined later than observed: not known then.
        columns.add("joined_days", np.where(values >= 0, values, np.nan), family="tenure", unit="days")
    for name in info.numbers:
        values = pc.fill_null(table[number_column(name)].take(row), np.nan).to_numpy()
        columns.add("", values, family="profile", unit="number", detail=name, word="attribute")
    for name in info.categories:
        columns.add(
            "",
            bucket.categories(info.name, name).take(row),
            family="profile",
            unit="category",
            detail=name,
            word="attribute",
        )
    return columns
