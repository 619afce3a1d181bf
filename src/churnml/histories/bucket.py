"""One bucket of customers opened for computing: whole customers, their rows as plain arrays."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import category_column, number_column
from churnml.histories.grouping import LATE_LINE
from churnml.histories.store import History
from churnml.timeline import NEVER

__all__ = ["Bucket"]

Int64s = npt.NDArray[np.int64]


class Bucket:
    """The rows of some customers, table by table, read when first asked for.

    Customers are numbered by their place in ``customers``; the rows of customer *i* in a table are
    ``offsets(table)[i]`` up to ``offsets(table)[i + 1]``, ascending in time.

    Parameters
    ----------
    history : History
    number : int
        Which bucket.
    """

    def __init__(self, history: History, number: int) -> None:
        self._history = history
        self._number = number
        self._tables: dict[str, pa.Table] = {}
        self._offsets: dict[str, Int64s] = {}

    def table(self, name: str) -> pa.Table:
        """Return the rows of a table, sorted by (customer, time)."""
        if name not in self._tables:
            self._tables[name] = self._history.read(name, self._number).combine_chunks()
        return self._tables[name]

    @cached_property
    def customers(self) -> pa.Array:
        """Return every customer of the bucket in any table, sorted, shape (n_customers,)."""
        names = [info.name for info in self._history.tables.values() if info.kind != "calendar"]
        ids = [chunk for name in names for chunk in self.table(name)["customer_id"].chunks]
        every = pc.unique(pa.chunked_array(ids, pa.string()))
        return every.take(pc.sort_indices(every))

    def rows_of(self, ids: pa.ChunkedArray) -> Int64s:
        """Return the number of each customer id, shape (n,)."""
        numbers: Int64s = pc.index_in(ids, value_set=self.customers).to_numpy().astype(np.int64)
        return numbers

    def snapshots(self, spine: pa.Table) -> tuple[Int64s, Int64s]:
        """Return the customer number and the observation date of each row of a spine."""
        dates: Int64s = spine["observation_date"].cast(pa.int64()).to_numpy()
        return self.rows_of(spine["customer_id"]), dates

    def offsets(self, name: str) -> Int64s:
        """Return where each customer's rows begin, shape (n_customers + 1,)."""
        if name not in self._offsets:
            codes = self.rows_of(self.table(name)["customer_id"])
            self._offsets[name] = np.searchsorted(codes, np.arange(len(self.customers) + 1)).astype(np.int64)
        return self._offsets[name]

    def instants(self, name: str, column: str) -> Int64s:
        """Return a time column in microseconds; missing times are :data:`churnml.timeline.NEVER`."""
        table = self.table(name)
        if column not in table.column_names:
            return np.full(table.num_rows, NEVER, dtype=np.int64)
        values: Int64s = pc.fill_null(table[column].cast(pa.int64()), NEVER).to_numpy()
        return values

    def known_at(self, name: str) -> Int64s:
        """Return from when on each row may be used: the later of its two clocks."""
        happened = self.instants(name, "started_at" if self._history.tables[name].kind == "spells" else "occurred_at")
        return np.maximum(happened, self.instants(name, "known_at"))

    def numbers(self, name: str, column: str) -> npt.NDArray[np.float64]:
        """Return a number column, missing as NaN."""
        values: npt.NDArray[np.float64] = pc.fill_null(self.table(name)[number_column(column)], np.nan).to_numpy()
        return values

    def categories(self, name: str, column: str) -> pa.ChunkedArray:
        """Return a category column as text, missing as null."""
        return self.table(name)[category_column(column)]

    def money(self, name: str) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """Return the amounts in ten-thousandths of the currency unit and where they are known."""
        column = self.table(name)["amount"].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        units = pc.fill_null(column.view(pa.int64()), 0).to_numpy(zero_copy_only=False)
        return units, pc.is_valid(column).to_numpy(zero_copy_only=False)

    def is_activity(self, name: str) -> npt.NDArray[np.bool_]:
        """Return which events the customer did: all but refunds and lines added to an event later."""
        return ~self.is_refund(name) & ~self.is_late_line(name)

    def is_refund(self, name: str) -> npt.NDArray[np.bool_]:
        """Return which events gave money back: rows with a negative amount."""
        if not self._history.tables[name].has_amount:
            return np.zeros(self.table(name).num_rows, dtype=bool)
        return self.money(name)[0] < 0

    def is_late_line(self, name: str) -> npt.NDArray[np.bool_]:
        """Return which rows were added to an event that was known already."""
        table = self.table(name)
        if LATE_LINE not in table.column_names:
            return np.zeros(table.num_rows, dtype=bool)
        late: npt.NDArray[np.bool_] = table[LATE_LINE].to_numpy()
        return late
