"""What the columns look like: share missing, range, levels, and drift between dates, from a sample of customers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.hashing import hash_column
from churnml.stability import stability_index
from churnml.timeline import us_to_iso

__all__ = ["FeatureStatistics", "Figures"]

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
KEYS = ("customer_id", "observation_date")
FEWEST = 10
"""Figures of fewer customers are not shown."""
LARGE_DRIFT = 0.25
"""A stability index above it is commonly called a major shift (Siddiqi 2006, Credit Risk Scorecards)."""
_MOST_CELLS, _MOST_ROWS = 12_000_000, 20_000
_MOST_DATES, _PERIODS = 60, 12
_BINS, _LEVELS_COMPARED, _LEVELS_SHOWN = 10, 20, 8


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found.

    Parameters
    ----------
    n_rows, n_sampled, n_customers : int
        Rows there are; rows and customers in the sample.
    dates : tuple of str
        Dates compared, oldest first; where every customer has dates of its own, the first of each twelfth of the rows.
    features : mapping of str to mapping
        By column: ``missing_share``, ``range`` (min, median, max) or ``levels`` (level, share), ``drift`` (newest
        against oldest), ``largest_step`` (between neighbouring dates), ``step_date``, ``flags``.
    """

    n_rows: int
    n_sampled: int
    n_customers: int
    dates: tuple[str, ...]
    features: Mapping[str, Mapping[str, Any]]

    @property
    def sample(self) -> dict[str, Any]:
        """Return what the figures come from, as plain values."""
        counts = {"n_rows": self.n_rows, "n_sampled": self.n_sampled, "n_customers": self.n_customers}
        return {**counts, "dates": list(self.dates)}


@dataclass(slots=True)
class FeatureStatistics:
    """Gathers a sample while buckets are made: the same one whatever their order and the threads.

    A customer is in the sample when its hash is small enough; the limit is halved whenever the sample has grown too
    large, so memory is bounded.

    Parameters
    ----------
    n_expected : int
        Rows to come, where that is known: the limit starts near its end, so that few rows are taken in vain.
    """

    n_expected: int = 0
    _halvings: int = 0
    _n_rows: int = 0
    _chosen: list[UInt64s] = field(default_factory=list)
    _parts: list[tuple[UInt64s, pa.Table]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, table: pa.Table, hashes: UInt64s | None = None) -> None:
        """Take the sample's rows of a table of ``customer_id``, ``observation_date`` and features.

        Parameters
        ----------
        table : pyarrow.Table
        hashes : ndarray of uint64, shape (n_rows,), optional
            :func:`~churnml.histories.hashing.hash_column` of the customers, where it is known already.
        """
        if hashes is None:
            hashes = hash_column(table["customer_id"].combine_chunks()) if table.num_rows else np.empty(0, np.uint64)
        most = max(100, min(_MOST_ROWS, _MOST_CELLS // max(1, table.num_columns)))
        with self._lock:
            if not self._n_rows and self.n_expected > 4 * most:
                self._halvings = int(np.log2(self.n_expected / most)) - 1
            # The hashes alone decide the limit, so that rows are copied only once they are known to stay.
            self._n_rows += table.num_rows
            self._chosen.append(hashes[hashes <= self._limit])
            while sum(map(len, self._chosen)) > most and self._halvings < 63:
                self._halvings += 1
                self._chosen = [held[held <= self._limit] for held in self._chosen]
                self._parts = [_below(held, rows, self._limit) for held, rows in self._parts]
            kept = np.flatnonzero(hashes <= self._limit)
        plain = _rows(table.drop_columns(["customer_id"]), pa.array(kept))
        with self._lock:
            self._parts.append((hashes[kept], plain))

    def finish(self) -> Figures:
        """Return the figures of all columns."""
        parts = [_below(hashes, rows, self._limit) for hashes, rows in self._parts]
        if not parts:
            return Figures(0, 0, 0, (), {})
        hashes = np.concatenate([held for held, _ in parts])
        table = pa.concat_tables([rows for _, rows in parts]).combine_chunks()
        dates: Int64s = table["observation_date"].cast(pa.int64()).to_numpy()
        order = np.lexsort([dates, hashes])
        table, dates = table.take(pa.array(order)), dates[order]
        customers, customer = np.unique(hashes[order], return_inverse=True)
        periods, period = _periods(dates)
        names = [name for name in table.column_names if name not in KEYS]
        look = _Look(period, len(periods), customer, len(customers))
        found = {name: look.at(table[name].combine_chunks()) for name in names}
        days = tuple(us_to_iso(int(date)) for date in periods)
        for figures in found.values():
            step = figures.pop("step")
            figures["step_date"] = None if step is None else days[step]
        return Figures(self._n_rows, len(dates), len(customers), days, found)

    @property
    def _limit(self) -> np.uint64:
        return np.uint64(np.iinfo(np.uint64).max >> self._halvings)


def _rows(table: pa.Table, kept: pa.Array) -> pa.Table:
    """Return some rows, texts as text; a batch takes them in half the time that a table does."""
    batches = [batch.take(kept) for batch in table.combine_chunks().to_batches()]
    taken = pa.Table.from_batches(batches, schema=table.schema)
    for place, column in enumerate(taken.columns):
        if pa.types.is_dictionary(column.type):
            taken = taken.set_column(place, taken.column_names[place], column.cast(column.type.value_type))
    return taken


def _below(hashes: UInt64s, rows: pa.Table, limit: np.uint64) -> tuple[UInt64s, pa.Table]:
    kept = hashes <= limit
    return (hashes, rows) if kept.all() else (hashes[kept], rows.filter(pa.array(kept)))


def _periods(dates: Int64s) -> tuple[Int64s, Int64s]:
    """Return the dates compared and the number of each row's; where there are many, twelfths of the rows."""
    distinct, number = np.unique(dates, return_inverse=True)
    if len(distinct) <= _MOST_DATES:
        return distinct, number.astype(np.int64)
    starts = np.unique(np.sort(dates)[(np.arange(_PERIODS) * len(dates)) // _PERIODS])
    return starts, np.searchsorted(starts, dates, side="right").astype(np.int64) - 1


@dataclass(frozen=True, slots=True)
class _Look:
    """Rows of the sample as numbers: the period and the customer of each."""

    period: Int64s
    n_periods: int
    customer: Int64s
    n_customers: int

    def at(self, column: pa.Array) -> dict[str, Any]:
        """Return the figures of one column; ``step`` is the place of the period in which the largest step ends."""
        if pa.types.is_floating(column.type):
            return self._numbers(column.to_numpy(zero_copy_only=False).astype(np.float64))
        return self._levels(column.dictionary_encode())

    def _numbers(self, values: Floats) -> dict[str, Any]:
        known = ~np.isnan(values)
        seen = values[known]
        oldest = values[known & (self.period == 0)]
        edges = np.unique(np.quantile(oldest, np.arange(1, _BINS) / _BINS)) if len(oldest) else np.empty(0)
        code = np.where(known, np.searchsorted(edges, values, side="left"), len(edges) + 1)
        low, high = (float(seen.min()), float(seen.max())) if len(seen) else (np.nan, np.nan)
        figures = self._common(known, code, is_constant=bool(known.all()) and low == high)
        if self._customers(known) >= FEWEST:
            figures["range"] = [_short(low), _short(float(np.median(seen))), _short(high)]
        return figures

    def _levels(self, coded: pa.DictionaryArray) -> dict[str, Any]:
        level = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        names: Sequence[str] = coded.dictionary.to_pylist()
        known = level >= 0
        counts = np.bincount(level[known], minlength=len(names))
        oldest = np.bincount(level[known & (self.period == 0)], minlength=len(names))
        # By count, then by name: the same whatever the order in which levels were met.
        ranked = sorted(range(len(names)), key=lambda i: (-oldest[i], -counts[i], names[i]))
        place = np.empty(len(names) + 1, dtype=np.int64)
        place[ranked] = np.minimum(np.arange(len(names)), _LEVELS_COMPARED)
        place[-1] = _LEVELS_COMPARED + 1
        figures = self._common(known, place[level], is_constant=bool(known.all()) and len(names) == 1)
        frequent = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))[:_LEVELS_SHOWN]
        shown = [i for i in frequent if self._customers(level == i) >= FEWEST]
        figures["levels"] = [{"level": names[i], "share": _short(counts[i] / len(level))} for i in shown]
        return figures

    def _customers(self, rows: npt.NDArray[np.bool_]) -> int:
        return int(np.count_nonzero(np.bincount(self.customer[rows], minlength=self.n_customers)))

    def _common(self, known: npt.NDArray[np.bool_], code: Int64s, *, is_constant: bool) -> dict[str, Any]:
        n_bins = int(code.max()) + 1
        counts = np.bincount(self.period * n_bins + code, minlength=self.n_periods * n_bins)
        counts = counts.reshape(self.n_periods, n_bins)
        n_rows = counts.sum(axis=1, keepdims=True)
        shares = counts / n_rows
        drift, largest, step = None, None, None
        flags = ["empty"] if not known.any() else ["constant"] if is_constant else []
        if self.n_periods > 1:
            drift = float(stability_index(shares[0], shares[-1]))
            steps = stability_index(shares[:-1], shares[1:])
            largest, step = float(steps.max()), int(np.argmax(steps)) + 1
            # What chance alone gives on average: twice a chi-squared, over the rows of both dates.
            used = int((counts[[0, -1]].sum(axis=0) > 0).sum())
            chance = (used - 1) * float(1 / n_rows[0, 0] + 1 / n_rows[-1, 0])
            flags += ["drift"] if drift - chance > LARGE_DRIFT else []
        return {
            "missing_share": _short(float(1 - known.mean())),
            "drift": None if drift is None else _short(drift),
            "largest_step": None if largest is None else _short(largest),
            "step": step,
            "flags": flags,
        }


def _short(value: float) -> float:
    """Return a figure with six digits, as it is worth showing."""
    return float(f"{value:.6g}")
