"""From a bucket and its spine to the feature table: every source's columns side by side, names aligned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.btyd_features import PurchaseModels, add_purchase_models
from churnml.features.calendar import calendar_features
from churnml.features.columns import Columns
from churnml.features.events import event_features
from churnml.features.plan import Feature, FeaturePlan
from churnml.features.spells import spell_features
from churnml.histories.bucket import Bucket
from churnml.histories.conform import number_column
from churnml.histories.store import History, TableInfo

__all__ = ["KEYS", "build_features"]

Int64s = npt.NDArray[np.int64]
KEYS = ("customer_id", "observation_date")


def build_features(
    bucket: Bucket,
    entries: Bucket,
    history: History,
    plan: FeaturePlan,
    models: Mapping[int, PurchaseModels],
    spine: pa.Table,
) -> tuple[pa.Table, list[Feature]]:
    """Compute every feature of some snapshots; the only way features come into being.

    Parameters
    ----------
    bucket : Bucket
        Whose customers the spine names.
    entries : Bucket
        Bucket 0, which holds calendar tables.
    history : History
    plan : FeaturePlan
    models : mapping of int to PurchaseModels
        By observation date.
    spine : pyarrow.Table
        ``customer_id``, ``observation_date``.

    Returns
    -------
    table : pyarrow.Table
        The spine's two columns, then float32 and dictionary columns, rows in the order of the spine.
    features : list of Feature
        Their descriptions, in the same order.
    """
    customer, dates = bucket.snapshots(spine)
    arrays: dict[str, object] = {key: spine[key] for key in KEYS}
    features: list[Feature] = []
    for info in history.tables.values():
        if info.kind == "events":
            columns = event_features(bucket, info, plan, customer, dates)
            if info.name == plan.btyd_table:
                add_purchase_models(columns, models, plan, dates)
        elif info.kind == "spells":
            columns = spell_features(bucket, info, plan, customer, dates)
        elif info.kind == "calendar":
            columns = calendar_features(bucket, entries, history, info, plan, customer, dates)
        else:
            columns = _customer_features(bucket, info, customer, dates)
        for feature, values in zip(columns.features, columns.values.values(), strict=True):
            name, number = feature.name, 2
            while name in arrays:
                name, number = f"{feature.name}_{number}", number + 1
            features.append(replace(feature, name=name))
            arrays[name] = _stored(values)
    return pa.table(arrays), features


def _stored(values: npt.NDArray[np.float32] | pa.Array) -> pa.Array:
    """Return a column as it is written: float32 with NaN for missing, or a dictionary of text."""
    if isinstance(values, np.ndarray):
        return pa.array(values)
    plain = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return plain.dictionary_encode()


def _customer_features(bucket: Bucket, info: TableInfo, customer: Int64s, dates: Int64s) -> Columns:
    """Return what the customers table says: attributes, which must be constant, and time since joining."""
    columns = Columns(info.name, len(dates))
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
