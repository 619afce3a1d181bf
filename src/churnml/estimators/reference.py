"""What the columns of a model looked like when it learned: bins and shares, compact, of many customers each.

It is stored with the model, so it holds nothing of anybody: the edges of bins are rounded to three digits, a bin is
made of many rows, and levels are those the model keeps anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.metrics.stability import shift_of

__all__ = ["ColumnProfile", "Profile", "ProfileCounts", "profile_of"]

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]

MAX_ROWS = 200_000
"""Rows looked at; more tell the share of a bin no better."""
_BINS, _LEVELS = 10, 20
_FEWEST = 10
"""Fewest customers of a bin, on average, and of a level that has a bin of its own."""
_MOST_DATES, _PERIODS = 36, 12


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Bins of one column; the last one holds what is missing, of a category also what the model does not know.

    Parameters
    ----------
    edges : tuple of float
        Inner edges, ascending; a value belongs to the first bin whose edge it does not exceed. Of a category, none.
    n_levels : int
        Levels of a category with a bin each, before one for the other known ones; 0 = numbers.
    counts : tuple of int
        Rows of each bin.
    usual : float
        The largest stability index of one observation date against the others, beyond chance: what moves by itself.
    """

    edges: tuple[float, ...]
    n_levels: int
    counts: tuple[int, ...]
    usual: float = 0.0

    def codes(self, values: Float32s) -> Int64s:
        """Return the bin of each value; NaN = missing."""
        last = len(self.counts) - 1
        if self.n_levels:
            known = np.minimum(np.nan_to_num(values, nan=0.0), self.n_levels)
        else:
            # Compared in single precision, as the values are: an edge is the same number on both sides.
            known = np.searchsorted(np.array(self.edges, dtype=np.float32), values, side="left")
        codes: Int64s = np.where(np.isnan(values), last, known).astype(np.int64)
        return codes


@dataclass(frozen=True, slots=True)
class Profile:
    """Bins of every column of a model's matrix, by name and in its order.

    Parameters
    ----------
    n_customers : int
        How many the rows are of.
    middle_us, half_span_us : int
        Middle of the observation dates, and how far the farthest lies from it.
    columns : mapping of str to ColumnProfile
    """

    n_customers: int
    middle_us: int
    half_span_us: int
    columns: Mapping[str, ColumnProfile]

    def to_json(self) -> dict[str, Any]:
        """Return the profile as plain values."""
        # A list, since files are written with sorted keys, and the order is the model's.
        columns = [
            {"name": name, "edges": list(c.edges), "levels": c.n_levels, "counts": list(c.counts), "usual": c.usual}
            for name, c in self.columns.items()
        ]
        facts = {"n_customers": self.n_customers, "middle_us": self.middle_us, "half_span_us": self.half_span_us}
        return facts | {"columns": columns}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Profile:
        """Read a profile back."""
        columns = {
            c["name"]: ColumnProfile(tuple(c["edges"]), c["levels"], tuple(c["counts"]), c["usual"])
            for c in value["columns"]
        }
        return cls(value["n_customers"], value["middle_us"], value["half_span_us"], columns)


def profile_of(
    matrix: Float32s, names: Sequence[str], *, categorical: Sequence[int], dates: Int64s, customers: Int64s
) -> Profile:
    """Return the profile of the rows a model has learned from.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n_rows, n_columns)
        As the model sees it: NaN for missing, level numbers for categories.
    names : sequence of str
    categorical : sequence of int
        Columns of level numbers.
    dates, customers : ndarray of int64, shape (n_rows,)
        Observation dates and numbers of customers; of many rows whole customers are left out, evenly.
    """
    step = -(-len(dates) // MAX_ROWS)
    kept = np.flatnonzero(customers % step == 0) if step > 1 else np.arange(len(dates))
    matrix, dates, customers = matrix[kept], dates[kept], customers[kept]
    period = _periods(dates)
    n_customers = len(np.unique(customers))
    columns = {
        name: _column(matrix[:, place], period, n_customers=n_customers, is_category=place in set(categorical))
        for place, name in enumerate(names)
    }
    middle = int(dates.mean())
    return Profile(n_customers, middle, int(np.abs(dates - middle).max()), columns)


def _periods(dates: Int64s) -> Int64s:
    """Return the number of each row's date; where there are many, twelfths of the rows stand for dates."""
    distinct, number = np.unique(dates, return_inverse=True)
    if len(distinct) <= _MOST_DATES:
        return number.astype(np.int64)
    starts = np.unique(np.sort(dates)[(np.arange(_PERIODS) * len(dates)) // _PERIODS])
    return np.searchsorted(starts, dates, side="right").astype(np.int64) - 1


def _column(values: Float32s, period: Int64s, *, n_customers: int, is_category: bool) -> ColumnProfile:
    known = values[~np.isnan(values)]
    if is_category:
        times = np.bincount(known.astype(np.int64))
        # Levels come by how frequent they were: those behind a rare one are rare too.
        n_levels = min(_LEVELS, max(1, int((times >= _FEWEST).sum())))
        empty = ColumnProfile((), n_levels, (0,) * (n_levels + 2))
    else:
        edges = _edges(known, n_bins=int(np.clip(n_customers // (2 * _FEWEST), 2, _BINS)))
        empty = ColumnProfile(edges, 0, (0,) * (len(edges) + 2))
    n_bins, n_periods = len(empty.counts), int(period.max()) + 1
    by_period = np.bincount(period * n_bins + empty.codes(values), minlength=n_periods * n_bins)
    by_period = by_period.reshape(n_periods, n_bins)
    counts = tuple(int(n) for n in by_period.sum(axis=0))
    return ColumnProfile(empty.edges, empty.n_levels, counts, _usual(by_period, n_customers))


def _edges(known: Float32s, *, n_bins: int) -> tuple[float, ...]:
    if not len(known):
        return ()
    edges = np.quantile(known, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    return tuple(sorted({float(f"{edge:.3g}") for edge in edges}))


def _usual(by_period: Int64s, n_customers: int) -> float:
    total = by_period.sum(axis=0)
    found = [
        shift_of(total - counts, counts, n_expected=min(n_customers, total.sum() - counts.sum())).excess
        for counts in by_period
        if 0 < counts.sum() < total.sum()
    ]
    return float(f"{max(found, default=0.0):.4g}")


class ProfileCounts:
    """Counts rows into the bins of a profile, batch by batch, in any order.

    Parameters
    ----------
    profile : Profile
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.n_rows = 0
        self.counts: dict[str, Int64s] = {
            name: np.zeros(len(column.counts), dtype=np.int64) for name, column in profile.columns.items()
        }

    def add(self, matrix: Float32s) -> None:
        """Count the rows of a matrix, shape (n_rows, n_columns), its columns in the order of the profile's."""
        self.n_rows += len(matrix)
        for place, (name, column) in enumerate(self.profile.columns.items()):
            self.counts[name] += np.bincount(column.codes(matrix[:, place]), minlength=len(column.counts))
