"""What own features may see: rows usable at the observation date, copied, with nothing of what came later in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME, category_column, number_column
from churnml.histories.grouping import LATE_LINE
from churnml.histories.store import TableInfo

__all__ = ["OBSERVED", "SNAPSHOT", "UsableRows", "visible_columns"]

Int64s = npt.NDArray[np.int64]
SNAPSHOT, OBSERVED = "snapshot", "observation_date"
_MONEY = pa.decimal128(18, 4)
_ROLES = {
    "customers": ("customer_id", "joined"),
    "events": ("customer_id", "occurred_at", "known_at", "amount", LATE_LINE),
    "spells": ("customer_id", "started_at", "known_at", "ended_at", "planned_end", "amount", "end_reason"),
    "calendar": ("occurred_at", "known_at", "ended_at", "type", "scope", "value"),
}
"""Columns shown beside numbers and categories; labels, later versions and contact data are not among them."""
_HIDDEN_BEFORE = {"joined": ("joined",), "ended_at": ("ended_at", "end_reason")}
"""Time -> columns that say nothing until that time has come."""


def visible_columns(info: TableInfo) -> dict[str, str]:
    """Return name -> prepared column of what own features see of a table.

    Numbers and categories keep the names of the contract; one that is called like another column gets ``n_`` or
    ``c_`` before it.
    """
    names = {name: name for name in _ROLES[info.kind] if name in info.columns}
    taken = {*(name.lower() for name in names), SNAPSHOT, OBSERVED}
    declared = [("n", name, number_column(name)) for name in info.numbers]
    declared += [("c", name, category_column(name)) for name in info.categories]
    for mark, name, column in declared:
        shown = name
        while shown.lower() in taken:
            shown = f"{mark}_{shown}"
        taken.add(shown.lower())
        names[shown] = column
    return names


class UsableRows:
    """One table of a bucket, seen from observation dates.

    Parameters
    ----------
    bucket : Bucket
        Whose customers are observed.
    entries : Bucket
        Bucket 0, which holds calendar tables.
    info : TableInfo
    """

    def __init__(self, bucket: Bucket, entries: Bucket, info: TableInfo) -> None:
        holder = entries if info.kind == "calendar" else bucket
        table = holder.table(info.name)
        shown = visible_columns(info)
        self._kind = info.kind
        self._table = pa.table({name: _plain(table[column]) for name, column in shown.items()})
        self._from = holder.known_at(info.name)
        if info.kind == "customers":
            # Attributes are constant by contract; when the customer joined is hidden until then.
            self._from = np.full(table.num_rows, np.iinfo(np.int64).min)
        self._until = holder.known_until(info.name)
        self._offsets = None if info.kind == "calendar" else bucket.offsets(info.name)

    def most(self, customers: Int64s) -> Int64s:
        """Return how many rows each snapshot has at most."""
        if self._offsets is None:
            return np.full(len(customers), self._table.num_rows, dtype=np.int64)
        return self._offsets[customers + 1] - self._offsets[customers]

    def at(self, t: int, customers: Int64s) -> pa.Table:
        """Return the rows usable at ``t``, by snapshot in the order of ``customers``, as copies.

        A row is usable from the later of its two clocks until a later version of it is known; an end that has not
        come by ``t``, and its reason, are empty.

        Parameters
        ----------
        t : int
        customers : ndarray of int64, shape (n_snapshots,)
            Number of each snapshot's customer in the bucket.

        Returns
        -------
        pyarrow.Table
            ``snapshot`` (place in ``customers``), then :func:`visible_columns`.
        """
        n_rows = self.most(customers)
        snapshot = np.repeat(np.arange(len(customers), dtype=np.int64), n_rows)
        ahead = np.cumsum(n_rows) - n_rows
        first = np.zeros_like(customers) if self._offsets is None else self._offsets[customers]
        row = np.arange(len(snapshot), dtype=np.int64) + np.repeat(first - ahead, n_rows)
        usable = (self._from[row] <= t) & (t < self._until[row])
        table = self._table.take(pa.array(row[usable]))
        for clock, columns in _HIDDEN_BEFORE.items():
            table = _hide(table, clock, columns, t)
        table = table.add_column(0, SNAPSHOT, pa.array(snapshot[usable]))
        if self._kind in {"spells", "calendar"}:
            # They are kept in an order that knows of later ends.
            table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in table.column_names]))
        return table.combine_chunks()


def _hide(table: pa.Table, clock: str, columns: tuple[str, ...], t: int) -> pa.Table:
    if clock not in table.column_names:
        return table
    has_come = pc.less_equal(table[clock], pa.scalar(t, TIME))
    for name in columns:
        if name in table.column_names:
            shown = pc.if_else(has_come, table[name], pa.scalar(None, table[name].type))
            table = table.set_column(table.column_names.index(name), name, shown)
    return table


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionary, whose levels could tell of later rows, and money in a type all can read."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column.cast(_MONEY) if pa.types.is_decimal(column.type) else column
