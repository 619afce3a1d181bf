"""Some customers of prepared histories, held in memory behind the same door as the whole store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churnml.histories.store import History, bucket_file
from churnml.parquet import open_parquet

__all__ = ["Excerpt", "choose_customers", "excerpt_of"]


@dataclass(frozen=True)
class Excerpt(History):
    """A history whose rows lie in memory, all customers in bucket 0.

    Whatever opens a bucket of the store opens this one the same way, so that the very code of the stages runs on it.
    """

    held: Mapping[str, pa.Table] = field(default_factory=dict)

    def open(self, table: str, bucket: int) -> pq.ParquetFile:
        """Open the rows of a table, sorted by (customer, time), as the store keeps them: texts coded."""
        rows = self.held[table]
        for place, column in enumerate(rows.schema):
            if pa.types.is_string(column.type):
                rows = rows.set_column(place, column.name, rows.column(place).dictionary_encode())
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, store_decimal_as_integer=True)
        return open_parquet(sink.getvalue(), name=bucket_file(table, bucket))

    def with_rows(self, held: Mapping[str, pa.Table]) -> Excerpt:
        """Return the same history with other rows."""
        return _made(self, {**self.held, **held})


def _made(history: History, held: Mapping[str, pa.Table]) -> Excerpt:
    parts = {part.name: getattr(history, part.name) for part in fields(History)}
    return Excerpt(**{**parts, "n_buckets": 1}, held=held)


def choose_customers(ids: pa.Array, n_wanted: int, *, seed: int) -> pa.Array:
    """Return up to ``n_wanted`` distinct ids drawn at random, sorted."""
    distinct = pc.unique(ids)
    distinct = distinct.take(pc.sort_indices(distinct))
    if len(distinct) <= n_wanted:
        return distinct
    drawn = np.random.default_rng(seed).choice(len(distinct), n_wanted, replace=False)
    return distinct.take(pa.array(np.sort(drawn)))


def excerpt_of(history: History, customers: pa.Array, *, buckets: Collection[int]) -> Excerpt:
    """Return all rows of some customers, and the calendars.

    Parameters
    ----------
    history : History
    customers : pyarrow.Array of string
    buckets : collection of int
        Where the customers may lie; only these are read.
    """
    held = {}
    for info in history.tables.values():
        if info.kind == "calendar":
            held[info.name] = history.read(info.name, 0)
            continue
        parts = []
        for bucket in sorted(buckets):
            rows = history.read(info.name, bucket)
            parts.append(rows.filter(pc.is_in(rows["customer_id"], value_set=customers)))
        held[info.name] = _by_customer(pa.concat_tables(parts).unify_dictionaries())
    return _made(history, held)


def _by_customer(rows: pa.Table) -> pa.Table:
    """Return rows sorted by customer; those of one customer stay in the order of the store."""
    ids = rows["customer_id"].cast(pa.string()).combine_chunks()
    rank = pc.rank(ids, sort_keys="ascending", tiebreaker="dense").to_numpy()
    return rows.take(pa.array(np.argsort(rank, kind="stable"))).combine_chunks()
