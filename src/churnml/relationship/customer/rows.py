"""The rows of one customer as known at a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.histories.conform import TIME
from churnml.histories.hashing import bucket_of
from churnml.histories.store import History, TableInfo

__all__ = ["CustomerRows", "bucket_number", "rows_of_customer"]


@dataclass(frozen=True, slots=True)
class CustomerRows:
    """Everything the histories hold of one customer at a date.

    Parameters
    ----------
    customer : str
        Id, as delivered.
    at : int
        Microseconds, UTC: rows that happened or became known later are not in here, nor versions replaced by then.
    tables : mapping of str to pyarrow.Table
        Rows of each table of customers, events and spells, ascending in time.
    infos : mapping of str to TableInfo
    """

    customer: str
    at: int
    tables: Mapping[str, pa.Table]
    infos: Mapping[str, TableInfo]

    def of_kind(self, kind: str) -> list[str]:
        """Return the tables of a kind, in the order of the contract."""
        return [name for name, info in self.infos.items() if info.kind == kind]


def bucket_number(history: History, customer: str) -> int:
    """Return the bucket that holds a customer."""
    return int(bucket_of(pa.array([history.stored_id(customer)], pa.string()), n_buckets=history.n_buckets)[0])


def rows_of_customer(history: History, customer: str, *, at: int) -> CustomerRows:
    """Return a customer's rows as known at a date.

    Parameters
    ----------
    history : History
    customer : str
    at : int
        Microseconds, at most the history's ``as_of``.

    Raises
    ------
    DataError
        If no table has a row of this customer by then.
    """
    number = bucket_number(history, customer)
    infos = {info.name: info for info in history.tables.values() if info.kind != "calendar"}
    tables = {}
    for name, info in infos.items():
        rows = history.read(name, number)
        rows = rows.filter(pc.equal(rows["customer_id"].cast(pa.string()), customer))
        tables[name] = _known(rows, info, at=at)
    if not any(rows.num_rows for rows in tables.values()):
        raise DataError(
            "no table has a row of this customer by then",
            rule="data.no_such_customer",
            next_step="Write the id as it stands in the tables; spaces and leading zeros count.",
        )
    return CustomerRows(customer, at, tables, infos)


def _known(rows: pa.Table, info: TableInfo, *, at: int) -> pa.Table:
    """Return the rows usable at a date; an end that had not happened by then is forgotten."""
    instant = pa.scalar(at, pa.int64()).cast(TIME)
    # Of attributes there is one state, the one delivered last: they are facts of the customer, not of a date.
    happened = {"events": "occurred_at", "spells": "started_at"}.get(info.kind)
    for clock in (happened, "known_at" if happened else None):
        if clock in rows.column_names:
            rows = rows.filter(pc.less_equal(rows[clock], instant))
    if "superseded_at" in rows.column_names:
        rows = rows.filter(pc.fill_null(pc.greater(rows["superseded_at"], instant), True))
    if info.kind == "spells" and "ended_at" in rows.column_names:
        is_ahead = pc.fill_null(pc.greater(rows["ended_at"], instant), False)
        for name, kind in (("ended_at", TIME), ("end_reason", pa.string())):
            if name in rows.column_names:
                place = rows.column_names.index(name)
                rows = rows.set_column(place, name, pc.if_else(is_ahead, pa.scalar(None, kind), rows[name]))
    return rows.combine_chunks()
