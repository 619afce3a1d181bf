"""How well one column alone tells who is gone: as a number, by its levels out of fold, and by what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

__all__ = ["Column", "Pattern", "Strength", "auc_of", "column_of", "pure_pattern", "silent_pattern", "strength_of"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_N_BINS = 20
_FEW_LEVELS = 50
_SMOOTHING = 10.0
_SURE = 1.96
_STRAY = 0.02
_MOST_SILENT = 0.7
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Column:
    """One feature, ready to be judged.

    Parameters
    ----------
    number : ndarray of float64, shape (n_rows,), or None
        Its values, missing as NaN; None for a category that is no number.
    code : ndarray of int64, shape (n_rows,)
        Level of each row, missing as a level of its own; numbers with many values in equal parts.
    usual : int
        The level that says nothing: missing where there is any, else the most frequent.
    """

    number: Floats | None
    code: Int64s
    usual: int

    def take(self, rows: Int64s | Bools) -> Column:
        """Return some rows."""
        return Column(None if self.number is None else self.number[rows], self.code[rows], self.usual)


@dataclass(frozen=True, slots=True)
class Strength:
    """Area under the ROC curve, in [0.5, 1], and the lower end of its interval by distinct customers."""

    auc: float
    low: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that only one outcome shows: customers with it, share of them gone, share of the gone with it."""

    n_customers: int
    precision: float
    recall: float


def column_of(values: pa.ChunkedArray | pa.Array) -> Column:
    """Return a feature column ready to be judged.

    Texts that are numbers or dates are judged as numbers too.
    """
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        number = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return Column(number, *_coded(number))
    text = values.cast(pa.string())
    text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    number_of_text = _as_number(text)
    levels = pc.unique(text.drop_null())
    levels = levels.take(pc.sort_indices(levels))
    code = pc.fill_null(pc.index_in(text, value_set=levels), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Column(number_of_text, code, _usual(code))


def _usual(code: Int64s) -> int:
    if (code == -1).any():
        return -1
    return int(np.bincount(code).argmax()) if len(code) else -1


def _as_number(text: pa.Array) -> Floats | None:
    """Return texts as numbers where all of them are numbers, or ISO dates."""
    known = pc.unique(text.drop_null())
    for kind in (pa.float64(), pa.timestamp("s")):
        try:
            if len(known):
                known.cast(kind)
                number = text.cast(kind).cast(pa.int64() if pa.types.is_timestamp(kind) else kind).cast(pa.float64())
                as_numpy: Floats = pc.fill_null(number, np.nan).to_numpy(zero_copy_only=False)
                return as_numpy
        except pa.ArrowInvalid:
            continue
    return None


def _coded(number: Floats) -> tuple[Int64s, int]:
    known = ~np.isnan(number)
    code = np.full(len(number), -1, dtype=np.int64)
    distinct, place, counts = np.unique(number[known], return_inverse=True, return_counts=True)
    if len(distinct) <= _FEW_LEVELS:
        code[known] = place
        return code, _usual(code)
    # The value that says nothing (0, -1) keeps a level of its own; the others are cut in equal parts.
    often = int(counts.argmax())
    edges = np.unique(np.quantile(number[known], np.linspace(0, 1, _N_BINS + 1)[1:-1]))
    code[known] = 1 + np.searchsorted(edges, number[known], side="right")
    if counts[often] > 0.2 * known.sum():
        code[known] = np.where(place == often, 0, code[known])
        return code, -1 if (code == -1).any() else 0
    return code, _usual(code)


def auc_of(y: Bools, score: Floats) -> float:
    """Return the area under the ROC curve of a finite score, ties counting one half; 0.5 with one class only."""
    n_one, n_zero = int(y.sum()), int((~y).sum())
    if not n_one or not n_zero:
        return 0.5
    ranks = rankdata(score)
    return float((ranks[y].sum() - n_one * (n_one + 1) / 2) / (n_one * n_zero))


def strength_of(column: Column, y: Bools, customers: Int64s) -> Strength:
    """Return the best a column does alone: its values up or down, or its levels by their mean outcome out of fold.

    Parameters
    ----------
    column : Column
    y : ndarray of bool, shape (n_rows,)
    customers : ndarray of int64, shape (n_rows,)
        Rows of one customer are never on both sides of a fold, and count as one in the interval.
    """
    best = 0.5
    if column.number is not None:
        missing = np.isnan(column.number)
        # "Never again" is missing too, and lies beyond the largest value rather than below the smallest.
        for edge in (-np.inf, np.inf) if missing.any() else (0.0,):
            best = max(best, *_both_ways(auc_of(y, np.where(missing, edge, column.number))))
    if len(np.unique(column.code)) > 1:
        best = max(best, auc_of(y, _out_of_fold(column.code, y, customers)))
    n_one, n_zero = len(np.unique(customers[y])), len(np.unique(customers[~y]))
    return Strength(best, best - _SURE * _standard_error(best, n_one, n_zero))


def _both_ways(auc: float) -> tuple[float, float]:
    return auc, 1 - auc


def _out_of_fold(code: Int64s, y: Bools, customers: Int64s) -> Floats:
    """Return the mean outcome of each row's level among the customers of the other fold, smoothed."""
    shifted, side = code - code.min(), (customers * np.int64(0x9E3779B1) >> 7) & 1
    score, n_levels = np.empty(len(y)), int(shifted.max()) + 1
    for fold in (0, 1):
        learn, judge = side != fold, side == fold
        base = y[learn].mean() if learn.any() else 0.5
        total = np.bincount(shifted[learn], minlength=n_levels)
        gone = np.bincount(shifted[learn], weights=y[learn], minlength=n_levels)
        # A fold's own base would order the folds; only what a level adds to it counts.
        score[judge] = ((gone + _SMOOTHING * base) / (total + _SMOOTHING) - base)[shifted[judge]]
    return score


def _standard_error(auc: float, n_one: int, n_zero: int) -> float:
    """Return the standard error of an area by Hanley and McNeil (1982)."""
    if not n_one or not n_zero:
        return 1.0
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_one - 1) * (one - auc**2) + (n_zero - 1) * (two - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (n_one * n_zero)))


def silent_pattern(column: Column, silence: Floats) -> Pattern | None:
    """Return what only customers show who fell silent and stayed so, for how long is found out; None where nothing is.

    Who wrote the column had an end of their own in mind, seldom the one of the churn definition. A level whose silences
    lie close together is the mark of one occasion (a sale, a season) rather than of leaving.

    Parameters
    ----------
    column : Column
        One row a customer.
    silence : ndarray of float64, shape (n_customers,)
        Days without a sign of life at the end of the history.
    """
    best: Pattern | None = None
    for here in _candidates(column):
        n_here = int(here.sum())
        if not n_here:
            continue
        least = float(np.quantile(silence[here], _STRAY, method="lower"))
        silent = silence >= least
        if least <= 0 or silent.mean() > _MOST_SILENT or _spread(silence[here]) < 0.5 * _spread(silence[silent]):
            continue
        found = Pattern(n_here, float(silent[here].mean()), float((here & silent).sum() / silent.sum()))
        if best is None or found.recall > best.recall:
            best = found
    return best


def _spread(values: Floats) -> float:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low)


def _candidates(column: Column) -> list[Bools]:
    """Return where a column is not as usual, and where it has each level but the usual one."""
    unusual: Bools = column.code != column.usual
    # Where most rows have a value, it is the gap that says something.
    unusual_gap = [~unusual] if column.usual == -1 and not unusual.all() and unusual.mean() > _MOSTLY else []
    levels, counts = np.unique(column.code, return_counts=True)
    if len(levels) > _FEW_LEVELS:
        return [unusual, *unusual_gap]
    n_rows = len(column.code)
    return [
        unusual,
        *unusual_gap,
        *(column.code == level for level in levels[counts < n_rows] if level != column.usual),
    ]


def pure_pattern(column: Column, y: Bools, customers: Int64s) -> Pattern | None:
    """Return what holds where a column says anything at all, or says one certain thing; None where it is never unusual.

    Judged is "not the usual level" (filled in, not zero), and each single level.
    """
    best: Pattern | None = None
    n_gone = len(np.unique(customers[y]))
    for here in _candidates(column):
        n_here = len(np.unique(customers[here]))
        if not n_here or not n_gone:
            continue
        found = Pattern(n_here, float(y[here].mean()), len(np.unique(customers[here & y])) / n_gone)
        if best is None or (found.precision, found.recall) > (best.precision, best.recall):
            best = found
    return best
