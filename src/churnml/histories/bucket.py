"""One bucket of customers opened for computing: whole customers, their rows as plain arrays, read column by column."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churnml.histories.conform import category_column, number_column
from churnml.histories.grouping import LATE_LINE
from churnml.histories.store import History, as_text
from churnml.timeline import NEVER

__all__ = ["Bucket"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Bucket:
    """The rows of some customers, table by table; each file is read once, each column decoded when first asked for.

    Customers are numbered by their place in ``customers``; the rows of customer *i* in a table are
    ``offsets(table)[i]`` up to ``offsets(table)[i + 1]``, ascending in time. Arrays are shared and read-only.

    Parameters
    ----------
    history : History
    number : int
        Which bucket.
    """

    def __init__(self, history: History, number: int) -> None:
        self._history = history
        self._number = number
        self._files: dict[str, pq.ParquetFile] = {}
        self._tables: dict[str, pa.Table] = {}
        self._columns: dict[tuple[str, str], pa.Array] = {}
        self._arrays: dict[tuple[str, ...], Any] = {}
        self._vocabularies: dict[tuple[str, str], list[str]] = {}

    def table(self, name: str) -> pa.Table:
        """Return all columns of a table, texts as text, sorted by (customer, time)."""
        if name not in self._tables:
            table = as_text(self._file(name).read(use_threads=False))
            table = self._history.named(table, self._number, self._history.tables[name].id_columns)
            self._tables[name] = table.combine_chunks()
        return self._tables[name]

    def n_rows(self, name: str) -> int:
        """Return how many rows a table has here."""
        return int(self._file(name).metadata.num_rows)

    def _file(self, name: str) -> pq.ParquetFile:
        if name not in self._files:
            self._files[name] = self._history.open(name, self._number)
        return self._files[name]

    def _has(self, name: str, column: str) -> bool:
        return column in self._history.tables[name].columns

    def _column(self, name: str, column: str) -> pa.Array:
        """Return a stored column in one piece; texts as a vocabulary and codes."""
        if (name, column) not in self._columns:
            read = self._file(name).read(columns=[column], use_threads=False)[column]
            self._columns[name, column] = _one_piece(read)
        return self._columns[name, column]

    def _kept(self, key: tuple[str, ...], make: Callable[[], npt.NDArray[Any]]) -> Any:
        if key not in self._arrays:
            self._arrays[key] = make().view()
            self._arrays[key].flags.writeable = False  # it is shared, and loops are compiled for arrays of one kind
        return self._arrays[key]

    @cached_property
    def customers(self) -> pa.Array:
        """Return every customer of the bucket in any table, in the order of ``stored_ids``, shape (n_customers,)."""
        names = self._history.names
        return self.stored_ids if names is None else names.delivered(self.stored_ids, self._number)

    @cached_property
    def stored_ids(self) -> pa.Array:
        """Return what stands for each customer in the files, sorted: the id, or its pseudonym."""
        names = [info.name for info in self._history.tables.values() if info.kind != "calendar"]
        every: pa.Array = pa.array([], pa.string())
        for name in names:
            known = self._column(name, "customer_id").dictionary
            if not known.equals(every):
                every = pc.unique(pa.concat_arrays([every, known]))
                every = every.take(pc.sort_indices(every))
        return every

    def rows_of(self, ids: pa.ChunkedArray) -> Int64s:
        """Return the number of each customer id, text or coded text, shape (n,)."""
        return _places(ids, self.customers)

    def snapshots(self, spine: pa.Table) -> tuple[Int64s, Int64s]:
        """Return the customer number and the observation date of each row of a spine, whose ids are as stored."""
        dates: Int64s = spine["observation_date"].cast(pa.int64()).to_numpy()
        return _places(spine["customer_id"], self.stored_ids), dates

    def offsets(self, name: str) -> Int64s:
        """Return where each customer's rows begin, shape (n_customers + 1,)."""
        kept: Int64s = self._kept((name, "offsets"), lambda: self._offsets(name))
        return kept

    def _offsets(self, name: str) -> Int64s:
        coded = self._column(name, "customer_id")
        per_customer = np.zeros(len(self.stored_ids) + 1, dtype=np.int64)
        place = pc.index_in(coded.dictionary, value_set=self.stored_ids).to_numpy(zero_copy_only=False)
        per_customer[place + 1] = np.bincount(coded.indices.to_numpy(), minlength=len(coded.dictionary))
        return np.cumsum(per_customer)

    def instants(self, name: str, column: str) -> Int64s:
        """Return a time column in microseconds; missing times are :data:`churnml.timeline.NEVER`.

        A table without the second clock was known as it happened: its ``known_at`` is the time of the event.
        """
        if column == "known_at" and not self._has(name, column):
            column = self._event_time(name)
        kept: Int64s = self._kept((name, "instants", column), lambda: self._instants(name, column))
        return kept

    def _instants(self, name: str, column: str) -> Int64s:
        if not self._has(name, column):
            return np.full(self.n_rows(name), NEVER, dtype=np.int64)
        values: Int64s = _filled(self._column(name, column).view(pa.int64()), NEVER)
        return values

    def _event_time(self, name: str) -> str:
        return "started_at" if self._history.tables[name].kind == "spells" else "occurred_at"

    def has_second_clock(self, name: str) -> bool:
        """Return whether a row may become usable after it happened, or be superseded by a later version."""
        return self._has(name, "known_at") or self._has(name, "superseded_at")

    def known_at(self, name: str) -> Int64s:
        """Return from when on each row may be used: the later of its two clocks.

        Without a second clock this is the array of the event times itself.
        """
        happened = self.instants(name, self._event_time(name))
        if not self._has(name, "known_at"):
            return happened
        known = self.instants(name, "known_at")
        kept: Int64s = self._kept((name, "usable_from"), lambda: np.maximum(happened, known))
        return kept

    def known_until(self, name: str) -> Int64s:
        """Return up to when each row may be used: the instant before a later version of it became known."""
        return self.instants(name, "superseded_at")

    def numbers(self, name: str, column: str) -> Floats:
        """Return a number column, missing as NaN."""
        stored = number_column(column)
        kept: Floats = self._kept((name, stored), lambda: _filled(self._column(name, stored), np.nan))
        return kept

    def categories(self, name: str, column: str) -> pa.ChunkedArray:
        """Return a category column as text, missing as null."""
        return pa.chunked_array([self._column(name, category_column(column)).cast(pa.string())])

    def codes(self, name: str, column: str) -> tuple[Int32s, list[str]]:
        """Return a category column as codes and what they stand for.

        Parameters
        ----------
        name, column : str
            A table and a category of its contract.

        Returns
        -------
        codes : ndarray of int32, shape (n_rows,)
            Places in the vocabulary, missing as -1.
        vocabulary : list of str
            The levels of this bucket, sorted.
        """
        return self.text_codes(name, category_column(column))

    def text_codes(self, name: str, stored: str) -> tuple[Int32s, list[str]]:
        """Return a stored text column, for example ``end_reason`` or ``type``, as :meth:`codes` returns categories."""
        coded = self._column(name, stored)
        codes: Int32s = self._kept((name, "codes", stored), lambda: _filled(coded.indices, -1))
        if (name, stored) not in self._vocabularies:
            self._vocabularies[name, stored] = coded.dictionary.to_pylist()
        return codes, self._vocabularies[name, stored]

    def money(self, name: str) -> tuple[Int64s, Bools]:
        """Return the amounts in ten-thousandths of the currency unit and where they are known."""
        column = self._column(name, "amount")
        units: Int64s = self._kept((name, "units"), lambda: _filled(column.view(pa.int64()), 0))
        known: Bools = self._kept((name, "is_paid"), lambda: pc.is_valid(column).to_numpy(zero_copy_only=False))
        return units, known

    def is_activity(self, name: str) -> Bools:
        """Return which events the customer did: all but refunds and lines added to an event later."""
        return ~self.is_refund(name) & ~self.is_late_line(name)

    def is_refund(self, name: str) -> Bools:
        """Return which events gave money back: rows with a negative amount."""
        if not self._history.tables[name].has_amount:
            return np.zeros(self.n_rows(name), dtype=bool)
        refund: Bools = self._kept((name, "is_refund"), lambda: self.money(name)[0] < 0)
        return refund

    def is_late_line(self, name: str) -> Bools:
        """Return which rows were added to an event that was known already."""
        if not self._has(name, LATE_LINE):
            return np.zeros(self.n_rows(name), dtype=bool)
        late: Bools = self._column(name, LATE_LINE).to_numpy(zero_copy_only=False)
        return late


def _places(ids: pa.ChunkedArray, known: pa.Array) -> Int64s:
    """Return where each id, text or coded text, stands among those known."""
    if pa.types.is_dictionary(ids.type):
        coded = _one_piece(ids)
        place: Int64s = pc.index_in(coded.dictionary, value_set=known).to_numpy().astype(np.int64)
        numbers: Int64s = place[coded.indices.to_numpy()]
    else:
        numbers = pc.index_in(ids, value_set=known).to_numpy().astype(np.int64)
    return numbers


def _filled(column: pa.Array, value: float) -> npt.NDArray[Any]:
    """Return a column as an array, missing values replaced; without any it is not copied."""
    whole = pc.fill_null(column, value) if column.null_count else column
    filled: npt.NDArray[Any] = whole.to_numpy(zero_copy_only=False)
    return filled


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; texts with their vocabulary sorted, so that codes ascend as the texts do."""
    if not pa.types.is_dictionary(column.type):
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [_none_of(column.type)])
    chunks = column.unify_dictionaries().chunks or [_none_of(column.type)]
    coded = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
    if pc.all(pc.less(coded.dictionary[:-1], coded.dictionary[1:])).as_py():
        return coded
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    codes = pa.array(rank).take(coded.indices)
    return pa.DictionaryArray.from_arrays(codes, coded.dictionary.take(pa.array(order)))


def _none_of(kind: pa.DataType) -> pa.Array:
    return pa.array([], kind)
