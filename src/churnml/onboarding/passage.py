"""One passage over a table with the chosen id and time: whose rows lie when, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.cells import in_microseconds, lost, plain, text_cells, time_cells, to_utc
from churnml.histories.contract import CsvDialect
from churnml.histories.dates import odd_days
from churnml.histories.day_counts import DayCounts
from churnml.histories.hashing import hash_column
from churnml.onboarding.sample import batches_of
from churnml.timeline import DAY_US

__all__ = ["Passage", "pass_over"]

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
MISSING = np.iinfo(np.int64).min
_MOST_ROWS = 3_000_000


@dataclass(frozen=True)
class Passage:
    """The rows of a table, or those of every second, fourth ... customer.

    Parameters
    ----------
    customer : ndarray of uint64, shape (n,)
        Hash of the id; rows are sorted by (customer, time).
    times : dict of str to ndarray of int64, shape (n,)
        Column -> instants in microseconds; the least number where there is none.
    days, rows : ndarray of int64
        Days of the first time with rows, and how many, of all customers.
    n_rows, n_blank : int
        Rows of the table, and those without an id.
    n_unreadable : dict of str to int
        Times that the declared format does not read.
    is_all : bool
        Whether every customer is there.
    """

    customer: UInt64s
    times: dict[str, Int64s]
    days: Int64s
    rows: Int64s
    n_rows: int
    n_blank: int
    n_unreadable: dict[str, int]
    is_all: bool

    @property
    def first_day(self) -> int:
        """Return the first day of the history, placeholder and stray dates apart."""
        return odd_days(self.days, self.rows).first

    @property
    def last_day(self) -> int:
        """Return its last day."""
        return odd_days(self.days, self.rows).last

    def usual(self, column: str) -> npt.NDArray[np.bool_]:
        """Return which rows have a time inside the history."""
        times = self.times[column]
        return (times >= self.first_day * DAY_US) & (times < (self.last_day + 1) * DAY_US)


class _Kept:
    """Rows kept so far; where there are too many, those of half the customers go."""

    def __init__(self) -> None:
        self._pieces: list[tuple[UInt64s, list[Int64s]]] = []
        self._n = 0
        self.bits = 0

    def add(self, customer: UInt64s, times: list[Int64s]) -> None:
        self._append(customer, times)
        while self._n > _MOST_ROWS:
            self.bits += 1
            pieces, self._pieces, self._n = self._pieces, [], 0
            for old, old_times in pieces:
                self._append(old, old_times)

    def _append(self, customer: UInt64s, times: list[Int64s]) -> None:
        if self.bits:
            stays = (customer >> np.uint64(64 - self.bits)) == 0
            customer, times = customer[stays], [each[stays] for each in times]
        self._pieces.append((customer, times))
        self._n += len(customer)

    def sorted(self, n_times: int) -> tuple[UInt64s, list[Int64s]]:
        customer = np.concatenate([np.empty(0, np.uint64), *(piece[0] for piece in self._pieces)])
        times = [
            np.concatenate([np.empty(0, np.int64), *(piece[1][at] for piece in self._pieces)]) for at in range(n_times)
        ]
        order = np.lexsort((times[0], customer)) if times else np.argsort(customer, kind="stable")
        return customer[order], [each[order] for each in times]


def pass_over(
    paths: Iterable[Path],
    dialect: CsvDialect,
    *,
    id_: str,
    times: list[str],
    where: tuple[str, list[str]] | None = None,
) -> Passage:
    """Read a table once.

    Parameters
    ----------
    paths : iterable of Path
        Its files.
    dialect : CsvDialect
        With the format of times and the texts that mean "no value".
    id_ : str
    times : list of str
        Columns of times, the table's own first.
    where : (str, list of str), optional
        Only rows whose cell in this column is one of these.
    """
    kept, clock = _Kept(), DayCounts("UTC")
    n_rows, n_blank, unreadable = 0, 0, dict.fromkeys(times, 0)
    for batch in _batches(paths, dialect):
        table = _only(batch, where, dialect)
        ids = text_cells(plain(table.column(id_)), dialect.null_values)
        read = [_instants(table.column(name), dialect, dialect.format_of(name)) for name in times]
        for name, (_, n_lost) in zip(times, read, strict=True):
            unreadable[name] += n_lost
        there = pc.is_valid(ids).to_numpy(zero_copy_only=False)
        n_rows, n_blank = n_rows + len(ids), n_blank + ids.null_count
        first = read[0][0] if read else np.empty(0, np.int64)
        clock.add(first[first != MISSING])
        kept.add(hash_column(ids)[there], [values[there] for values, _ in read])
    customer, columns = kept.sorted(len(times))
    days, rows = clock.table()
    return Passage(
        customer, dict(zip(times, columns, strict=True)), days, rows, n_rows, n_blank, unreadable, not kept.bits
    )


def _batches(paths: Iterable[Path], dialect: CsvDialect) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from batches_of(path, dialect)


def _only(batch: pa.RecordBatch, where: tuple[str, list[str]] | None, dialect: CsvDialect) -> pa.RecordBatch:
    if where is None:
        return batch
    texts = text_cells(plain(batch.column(where[0])), dialect.null_values)
    return batch.filter(pc.fill_null(pc.is_in(texts, value_set=pa.array(where[1])), False))


def _instants(column: pa.Array, dialect: CsvDialect, time_format: str | None) -> tuple[Int64s, int]:
    raw, n_lost = plain(column), 0
    if pa.types.is_string(raw.type):
        given, values = time_cells(raw, time_format=time_format, timezone="UTC", null_values=dialect.null_values)
        n_lost = int(lost(given, values).sum())
    elif pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type):
        values = to_utc(in_microseconds(raw), "UTC")
    else:
        return np.full(len(raw), MISSING, dtype=np.int64), len(raw)
    return pc.fill_null(values.cast(pa.int64()), MISSING).to_numpy(zero_copy_only=False), n_lost
