"""What passes by while a table is read: files, days, levels of amounts, ids; in bounded memory, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import MONEY, MONEY_UNITS, category_column, number_column
from churnml.histories.contract import TableContract
from churnml.histories.day_counts import DayCounts, MonthLevels
from churnml.histories.hashing import hash_column
from churnml.histories.placeholders import TokenCounter
from churnml.histories.sketches import HeavySlots, KeySample, LevelCounter, hash_ids
from churnml.timeline import NEVER

__all__ = ["FileSeen", "HistoryProfile", "TableProfile"]

Int64s = npt.NDArray[np.int64]


@dataclass(slots=True)
class FileSeen:
    """One file of a table: rows, first and last instant, its columns with their stored types."""

    rows: int = 0
    first: int = NEVER
    last: int = -NEVER
    columns: dict[str, str] = field(default_factory=dict)


class TableProfile:
    """What was seen of one table.

    Parameters
    ----------
    contract : TableContract
    as_of : int
        Microseconds, UTC; ids and keys are remembered of rows usable then.
    timezone : str
        Whose calendar days are counted.
    currency : str
        Code that every amount should be in.
    """

    def __init__(self, contract: TableContract, *, as_of: int, timezone: str, currency: str) -> None:
        self.contract = contract
        self.as_of, self.timezone, self.currency = as_of, timezone, currency.upper()
        self.files: dict[str, FileSeen] = {}
        self.clocks: dict[str, DayCounts] = {}
        self.levels: dict[str, MonthLevels] = {}
        self.categories: dict[str, LevelCounter] = {}
        self.ids, self.keys, self.slots, self.tokens = KeySample(), KeySample(), HeavySlots(), TokenCounter()
        self.delay_bits = np.zeros(64, dtype=np.int64)
        self.n_usable = self.n_refunds = self.n_amounts = self.n_other_currency = 0
        self.largest_amount = 0.0
        self.refund_sizes = np.zeros(64 * 8, dtype=np.int64)
        self._lock = Lock()

    @property
    def time_column(self) -> str:
        """Return under which name the prepared table has its time."""
        return {"customers": "joined", "spells": "started_at"}.get(self.contract.kind, "occurred_at")

    def see(self, contract: TableContract, batch: pa.RecordBatch, raw: pa.RecordBatch) -> None:
        """Look at one batch.

        Parameters
        ----------
        contract : TableContract
            Its ``file`` names the file the batch comes from.
        batch : pyarrow.RecordBatch
            Conformed rows, nothing left out yet.
        raw : pyarrow.RecordBatch
            The same rows as read.
        """
        with self._lock:
            times, usable = self._see_times(batch)
            self._see_file(contract, batch, raw, times)
            amounts, kinds = self._see_numbers(contract.file, batch)
            if contract.id and batch.num_rows:
                self._see_ids(batch.column("customer_id"), times, usable, amounts, kinds)
            for name in contract.categories:
                self._see_category(name, batch.column(category_column(name)))
            if contract.currency:
                self._see_currency(raw.column(contract.currency))

    def expect(self, file: str) -> None:
        """Count a file in before its first row: one without rows is a file as well."""
        with self._lock:
            self.files.setdefault(file, FileSeen())

    def _see_file(self, contract: TableContract, batch: pa.RecordBatch, raw: pa.RecordBatch, times: Int64s) -> None:
        seen = self.files.setdefault(contract.file, FileSeen())
        seen.rows += batch.num_rows
        seen.columns = {name: str(kind) for name, kind in zip(raw.schema.names, raw.schema.types, strict=True)}
        known = times[times != NEVER]
        if len(known):
            seen.first, seen.last = min(seen.first, int(known.min())), max(seen.last, int(known.max()))

    def _see_times(self, batch: pa.RecordBatch) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """Count days of every clock; return the time of each row (NEVER = none) and whether it is usable at as_of."""
        names = [n for n in (self.time_column, "known_at", "ended_at", "planned_end") if n in batch.schema.names]
        instants = {name: _instants(batch.column(name)) for name in names}
        for name, values in instants.items():
            if name != "known_at":
                self.clocks.setdefault(name, DayCounts(self.timezone)).add(values)
        times = instants.get(self.time_column)
        if times is None:
            return np.full(batch.num_rows, NEVER), np.ones(batch.num_rows, dtype=bool)
        usable = (times <= self.as_of) if self.contract.kind != "customers" else np.ones(len(times), dtype=bool)
        if "known_at" in instants:
            known = instants["known_at"]
            given = (known != NEVER) & (times != NEVER)
            delay = np.maximum(known[given] - times[given], 0).astype(np.float64)
            self.delay_bits += np.bincount(np.frexp(delay)[1], minlength=64)[:64]
            usable &= (known <= self.as_of) | (known == NEVER)
        self.n_usable += int(usable.sum())
        return times, usable

    def _see_numbers(self, file: str, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8]]:
        """Count the sizes of amounts and numbers by month and file; return amounts, and purchase (1) or refund (-1)."""
        days = self.clocks[self.time_column].latest_days if self.time_column in self.clocks else None
        columns = {number_column(name): name for name in self.contract.numbers}
        amounts, kinds = np.zeros(batch.num_rows), np.zeros(batch.num_rows, dtype=np.int8)
        if "amount" in batch.schema.names:
            columns["amount"] = self.contract.amount[-1]
            amounts = _floats(batch.column("amount"))
            kinds = self._see_refunds(amounts)
        for name in columns:
            values = amounts if name == "amount" else _floats(batch.column(name))
            self.levels.setdefault(name, MonthLevels()).add(values, days, file)
        return amounts, kinds

    def _see_refunds(self, amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
        kinds = np.sign(amounts).astype(np.int8)
        below = amounts[kinds < 0]
        self.n_refunds += len(below)
        self.n_amounts += int(np.count_nonzero(kinds))
        self.largest_amount = max(self.largest_amount, float(amounts.max(initial=0.0)))
        self.refund_sizes += np.bincount(_size_bins(-below), minlength=len(self.refund_sizes))
        return kinds

    def _see_ids(
        self,
        ids: pa.Array,
        times: Int64s,
        usable: npt.NDArray[np.bool_],
        amounts: npt.NDArray[np.float64],
        kinds: npt.NDArray[np.int8],
    ) -> None:
        ids = ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids
        raw, normal, shape = hash_ids(ids.cast(pa.string()))
        use = usable & (shape > 1)
        every = bool(use.all())
        self.tokens.add(*((normal, shape) if every else (normal[use], shape[use])))
        self.slots.add(raw if every else raw[use])
        self.ids.add(raw, normal, use, times, kinds)
        if self.contract.kind == "events":
            with np.errstate(over="ignore"):
                keys = (raw * np.uint64(31) + times.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
                keys = ((keys ^ (keys >> np.uint64(29))) + amounts.view(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)
            keys ^= keys >> np.uint64(32)
            self.keys.add(keys, keys, use, times, kinds)

    def _see_category(self, name: str, values: pa.Array) -> None:
        counter = self.categories.setdefault(name, LevelCounter.empty())
        if counter.is_settled:
            return
        coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        if len(coded.dictionary):
            used = coded.dictionary if coded is not values else pc.unique(values).drop_null().dictionary_decode()
            counter.add(hash_column(used.drop_null()), len(values) - values.null_count)

    def _see_currency(self, codes: pa.Array) -> None:
        codes = codes.dictionary_decode() if pa.types.is_dictionary(codes.type) else codes
        upper = pc.utf8_upper(pc.utf8_trim_whitespace(codes.cast(pa.string())))
        self.n_other_currency += len(codes) - (pc.sum(pc.equal(upper, self.currency)).as_py() or 0)


@dataclass(slots=True)
class HistoryProfile:
    """The profiles of all tables of a project, filled while they are read.

    Parameters
    ----------
    as_of : int
    timezone, currency : str
        See :class:`TableProfile`.
    previous : mapping, optional
        What the ledger of the last run says, see :mod:`churnml.histories.ledger`.
    """

    as_of: int
    timezone: str = "UTC"
    currency: str = "EUR"
    previous: dict[str, dict[str, FileSeen]] = field(default_factory=dict)
    tables: dict[str, TableProfile] = field(default_factory=dict)

    def of(self, contract: TableContract) -> TableProfile:
        """Return the profile of a table, empty at first."""
        if contract.name not in self.tables:
            self.tables[contract.name] = TableProfile(
                contract, as_of=self.as_of, timezone=self.timezone, currency=self.currency
            )
        return self.tables[contract.name]


def _instants(column: pa.Array) -> Int64s:
    values = column.cast(pa.int64())
    if values.null_count:
        values = pc.fill_null(values, NEVER)
    instants: Int64s = values.to_numpy(zero_copy_only=False)
    return instants


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers, or money in currency units; missing as zero, which no check counts."""
    if column.type == MONEY:
        column = column.view(pa.int64())
        column = pc.fill_null(column, 0) if column.null_count else column
        units: Int64s = column.to_numpy(zero_copy_only=False)
        return units / MONEY_UNITS
    column = column.cast(pa.float64())
    column = pc.fill_null(column, 0.0) if column.null_count else column
    values: npt.NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return values


def _size_bins(values: npt.NDArray[np.float64]) -> Int64s:
    """Return which eighth of an octave each positive value lies in."""
    bins: Int64s = np.clip((np.log2(values) + 32) * 8, 0, 511).astype(np.int64)
    return bins
