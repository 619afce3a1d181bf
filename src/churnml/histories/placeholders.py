"""Ids that stand for nobody and days that stand for no date: known by a list, or by how they lie among the others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.sketches import normal_hashes

__all__ = ["TokenCounter", "placeholder_days"]

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
_FEW_ROWS = 10
_RARE_SHAPE = 0.001
_LEADING_BITS = 14


@cache
def _lists() -> dict[str, list[str]]:
    path = resources.files("churnml.histories").joinpath("placeholders.json")
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def placeholder_days() -> frozenset[int]:
    """Return the days that stand for "no date", counted from 1 January 1970."""
    epoch = date(1970, 1, 1).toordinal()
    return frozenset(date.fromisoformat(text).toordinal() - epoch for text in _lists()["days"])


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Hashes looked for, ascending, and where in them the words, the numbers and the numbers' neighbours stand."""

    hashes: UInt64s
    first: npt.NDArray[np.int32]
    words: Int64s
    numbers: Int64s
    around: Int64s
    shapes: Int64s
    is_positive: npt.NDArray[np.bool_]


@cache
def _tokens() -> _Tokens:
    words, numbers = _lists()["words"], _lists()["numbers"]
    around = [str(int(number) + step) for number in numbers for step in (-2, -1, 1, 2)]
    every, shapes = normal_hashes([*words, *numbers, *around])
    hashes = np.unique(every)
    at = np.searchsorted(hashes, every)
    low, high = len(words), len(words) + len(numbers)
    positive = np.array([int(number) > 0 for number in numbers])
    # By the leading bits of a hash: the first one that may be equal, or -1 where none is.
    first = np.full(1 << _LEADING_BITS, -1, dtype=np.int32)
    leading = (hashes >> np.uint64(64 - _LEADING_BITS)).astype(np.int64)
    first[leading[::-1]] = np.arange(len(hashes))[::-1]
    return _Tokens(
        hashes, first, np.unique(at[:low]), at[low:high], at[high:].reshape(-1, 4), shapes[low:high], positive
    )


@numba.njit(cache=True, nogil=True)
def _count_tokens(
    normal: UInt64s, shape: Int64s, hashes: UInt64s, first: npt.NDArray[np.int32], rows: Int64s, by_shape: Int64s
) -> None:
    shift = np.uint64(64 - _LEADING_BITS)
    for i in range(normal.shape[0]):
        by_shape[shape[i]] += 1
        at = first[normal[i] >> shift]
        if at < 0:
            continue
        while at < hashes.shape[0] and hashes[at] < normal[i]:
            at += 1
        if at < hashes.shape[0] and hashes[at] == normal[i]:
            rows[at] += 1


class TokenCounter:
    """Rows of the ids that stand for nobody and of the numbers beside them, and rows by the shape of their id."""

    def __init__(self) -> None:
        self._rows = np.zeros(len(_tokens().hashes), dtype=np.int64)
        self._by_shape = np.zeros(128, dtype=np.int64)

    def add(self, normal: UInt64s, shape: Int64s) -> None:
        """Add rows by the hash of their id's normal form and by its shape."""
        _count_tokens(normal, shape, _tokens().hashes, _tokens().first, self._rows, self._by_shape)

    def n_rows(self, *, many_rows: float) -> int:
        """Return how many rows belong to nobody.

        A word of the list stands for nobody. A number does where its length fits no other id, or where it has far
        too many rows; nought and negative ones also where the numbers beside them are no ids.

        Parameters
        ----------
        many_rows : float
            More rows than an ordinary customer has.
        """
        tokens = _tokens()
        rows, beside = self._rows[tokens.numbers], self._rows[tokens.around] > 0
        others = self._by_shape[tokens.shapes] - rows
        fits = others > _RARE_SHAPE * self._by_shape.sum()
        below, above = beside[:, 1] & beside[:, 0], beside[:, 2] & beside[:, 3]
        is_id = np.where(tokens.is_positive, fits, below | above | (beside[:, 1] & beside[:, 2]))
        is_nobody = (rows > 0) & (~is_id | (rows > max(many_rows, _FEW_ROWS)))
        return int(self._rows[tokens.words].sum() + rows[is_nobody].sum())
