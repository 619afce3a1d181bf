"""Another future: rows that cannot be used at a date are deleted, changed at random, or joined by new ones.

A row is usable at *t* from the later of its two clocks until a later version of it became known. What this module
leaves alone is exactly what may inform *t*; everything else it moves.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.store import TableInfo
from churnml.timeline import DAY_US, NEVER
from churnml.verification.excerpt import Excerpt
from churnml.verification.same import plain_type

__all__ = ["KINDS", "Kind", "disturbed"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["deleted", "changed", "added"]
KINDS: tuple[Kind, ...] = ("deleted", "changed", "added")
_FAR_US = 400 * DAY_US
_NEW_LEVEL = "\N{WHITE STAR}new"
_MOST_ADDED = 4_000
_STRANGERS = ("!first", "~last")
"""Customers nobody has heard of before; one sorts before all others, one after."""
_CLOCKS = {"events": "occurred_at", "spells": "started_at", "calendar": "occurred_at", "customers": "joined"}


def disturbed(
    excerpt: Excerpt, t: int, kind: Kind, *, seed: int, observed: pa.Array | None = None
) -> tuple[Excerpt, int]:
    """Return a history that differs only in what cannot be used at ``t``, and how many rows were touched.

    Parameters
    ----------
    excerpt : Excerpt
    t : int
        Microseconds, UTC.
    kind : {"deleted", "changed", "added"}
    seed : int
    observed : pyarrow.Array, optional
        Customers whose row in the customers table stays, though they joined later: who acts before joining is a
        matter of the data, and attributes carry no date.
    """
    rng = np.random.default_rng(seed)
    held, touched = {}, 0
    customers = _customers(excerpt)
    for info in excerpt.tables.values():
        if info.kind == "customers" and "joined" not in info.columns:
            continue
        work = _Work(excerpt.held[info.name], info, t, rng, observed)
        if kind == "deleted":
            work.delete()
        elif kind == "changed":
            work.change()
        else:
            work.add(customers)
        held[info.name] = work.finished()
        touched += work.touched
    return excerpt.with_rows(held), touched


def _customers(excerpt: Excerpt) -> pa.Array:
    ids = [
        excerpt.held[i.name]["customer_id"].cast(pa.string()) for i in excerpt.tables.values() if i.kind != "calendar"
    ]
    known = pc.unique(pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()))
    return pa.concat_arrays([known, pa.array(_STRANGERS, pa.string())])


class _Work:
    """One table on its way to another future."""

    def __init__(
        self, rows: pa.Table, info: TableInfo, t: int, rng: np.random.Generator, observed: pa.Array | None
    ) -> None:
        self.observed = observed
        self.schema, self.info, self.t, self.rng = rows.schema, info, t, rng
        self.rows = rows.cast(pa.schema([pa.field(f.name, plain_type(f.type)) for f in rows.schema]))
        self.clock = _CLOCKS[info.kind]
        self.touched = 0

    def instants(self, column: str, *, missing: int = NEVER) -> Int64s:
        if column not in self.rows.column_names:
            return np.full(self.rows.num_rows, missing, dtype=np.int64)
        values: Int64s = pc.fill_null(self.rows[column].cast(pa.int64()), missing).to_numpy()
        return values.copy()

    def unusable(self) -> Bools:
        """Return the rows that are first usable after *t*."""
        happened = self.instants(self.clock, missing=-NEVER)
        known = self.instants("known_at", missing=-NEVER)
        if self.info.kind == "calendar":  # an entry that is announced may be used before it happens
            usable_from = np.where(known == -NEVER, happened, known)
        else:
            usable_from = np.maximum(happened, known)
        later: Bools = usable_from > self.t
        if self.info.kind == "customers" and self.observed is not None:
            later &= ~pc.is_in(self.rows["customer_id"], value_set=self.observed).to_numpy()
        return later

    def set_instants(self, column: str, values: Int64s) -> None:
        array = pa.array(values, pa.int64(), mask=(values == NEVER) | (values == -NEVER))
        self.put(column, array.cast(self.rows.schema.field(column).type))

    def put(self, column: str, values: pa.Array | pa.ChunkedArray) -> None:
        self.rows = self.rows.set_column(self.rows.column_names.index(column), column, values)

    def delete(self) -> None:
        gone = self.unusable()
        self.touched += int(gone.sum())
        self.rows = self.rows.filter(pa.array(~gone))
        self._move_ends(forget=True)

    def change(self) -> None:
        later = self.unusable()
        self.touched += int(later.sum())
        for column in self.rows.column_names:
            if column != "customer_id":
                self._scramble(column, later)
        self._repair_clocks(later)
        self._move_ends(forget=False)

    def add(self, customers: pa.Array) -> None:
        n_new = int(np.clip(self.rows.num_rows // 3, 20, _MOST_ADDED))
        if not self.rows.num_rows or not len(customers):
            return
        donors = self.rng.integers(0, self.rows.num_rows, n_new)
        new = self.rows.take(pa.array(donors))
        old = self.rows
        self.rows = new
        every = np.ones(n_new, dtype=bool)
        for column in new.column_names:
            if column != "customer_id":
                self._scramble(column, every)
        if self.info.kind == "customers":
            # Somebody who joins later is somebody new: one row a customer.
            self.put("customer_id", pa.array([f"~new-{i}" for i in range(n_new)], pa.string()))
        elif "customer_id" in new.column_names:
            self.put("customer_id", customers.take(pa.array(self.rng.integers(0, len(customers), n_new))))
        self._repair_clocks(every)
        if "superseded_at" in self.rows.column_names:
            self.set_instants("superseded_at", np.full(n_new, NEVER, dtype=np.int64))
        self.rows = pa.concat_tables([old, self.rows])
        self.touched += n_new

    def _scramble(self, column: str, where: Bools) -> None:
        """Give some rows other values of a column; clocks are put right afterwards."""
        values, n = self.rows[column], self.rows.num_rows
        kind = values.type
        if not n or pa.types.is_timestamp(kind) or column == "scope":
            return
        if pa.types.is_decimal(kind):
            # Values outside are kept to the last unit: decimals pass as the whole numbers they are made of.
            drawn = self.rng.integers(-(10**8), 10**9, n)
            units = pc.fill_null(_one(values).view(pa.int64()), 0).to_numpy(zero_copy_only=False)
            missing = ~where & pc.is_null(_one(values)).to_numpy(zero_copy_only=False)
            self.put(column, pa.array(np.where(where, drawn, units), pa.int64(), mask=missing).view(kind))
            return
        if pa.types.is_floating(kind):
            other = pa.array(self.rng.normal(0, 1e4, n), kind, mask=self.rng.random(n) < 0.1)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            drawn = values.take(pa.array(self.rng.integers(0, n, n))).combine_chunks()
            fresh = pa.array(self.rng.random(n) < 0.3)
            other = pc.if_else(fresh, pa.scalar(_NEW_LEVEL, kind), _one(drawn))
        elif pa.types.is_boolean(kind):
            other = pa.array(self.rng.random(n) < 0.5)
        else:
            other = _one(values.take(pa.array(self.rng.integers(0, n, n))))
        self.put(column, pc.if_else(pa.array(where), other, _one(values)))

    def _repair_clocks(self, where: Bools) -> None:
        """Give some rows random times such that none of them is usable at *t*."""
        n, late = len(where), self.t + 1 + self.rng.integers(0, _FAR_US, len(where))
        happened = late.copy()
        if "known_at" in self.rows.column_names and self.info.kind != "customers":
            # Half of them happened before and were known only after.
            back = self.rng.random(n) < 0.5
            happened = np.where(back, self.t - self.rng.integers(0, _FAR_US, n), late)
            known = np.where(back, late, late + self.rng.integers(0, DAY_US, n))
            self.set_instants("known_at", np.where(where, known, self.instants("known_at")))
        self.set_instants(self.clock, np.where(where, happened, self.instants(self.clock)))
        for column in ("ended_at", "planned_end"):
            if column in self.rows.column_names:
                ends = happened + self.rng.integers(1, _FAR_US, n)
                ends = np.where(self.rng.random(n) < 0.3, NEVER, ends)
                self.set_instants(column, np.where(where, ends, self.instants(column)))

    def _move_ends(self, *, forget: bool) -> None:
        """Move what usable rows say of the time after *t*: ends of spells, and when a later version was known."""
        usable = ~self.unusable()
        for column in ("ended_at", "superseded_at"):
            if column not in self.rows.column_names or (column == "ended_at" and self.info.kind != "spells"):
                continue
            ends = self.instants(column)
            later = usable & (ends > self.t)
            moved = self.t + 1 + self.rng.integers(0, _FAR_US, len(ends))
            moved = np.where(self.rng.random(len(ends)) < 0.3, NEVER, moved)
            self.set_instants(column, np.where(later, NEVER if forget else moved, ends))
            self.touched += int(later.sum())
            if column == "ended_at" and "end_reason" in self.rows.column_names:
                self._scramble("end_reason", later)

    def finished(self) -> pa.Table:
        """Return the rows in the order and the types of the store."""
        keys = [self.instants(self.clock, missing=-NEVER)]
        if "customer_id" in self.rows.column_names:
            ids = self.rows["customer_id"].cast(pa.string()).combine_chunks()
            keys.append(pc.rank(ids, sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64))
        return self.rows.take(pa.array(np.lexsort(keys))).cast(self.schema).combine_chunks()


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        return pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], joined.type)
    return joined
