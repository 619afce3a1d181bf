"""The compiled walk: each row goes down every tree, and what its leaves say is added up in the order of the trees."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["CATEGORY", "NAN_LEFT", "NAN_RIGHT", "ROWS", "ZERO", "ZERO_LEFT", "ZERO_RIGHT", "add_leaves"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

ROWS = 128
"""Rows that go down a tree after each other, while it is at hand; the number changes no bit."""
ZERO = np.float32(1e-35)
"""LightGBM takes what is this small for zero."""
NAN_RIGHT, NAN_LEFT, ZERO_RIGHT, ZERO_LEFT, CATEGORY = range(5)
"""Kinds of splits: where a missing number goes, where a zero that stands for missing goes, or a set of levels."""


@numba.njit(cache=True, nogil=True)
def add_leaves(
    X: npt.NDArray[np.float32],
    start: int,
    stop: int,
    root: Ints,
    feature: Ints,
    kind: npt.NDArray[np.uint8],
    limit: npt.NDArray[np.float32],
    child: Ints,
    first_word: Ints,
    words: npt.NDArray[np.uint32],
    leaf: Floats,
    out: Floats,
) -> None:
    """Write the sum over all trees for the rows ``start`` to ``stop`` of X.

    Nodes below zero are leaves: ``-1`` is the first of all. The right child of a split stands at ``2 * split``, the
    left one behind it.
    """
    node, active = np.empty(ROWS, np.int32), np.empty(ROWS, np.int32)
    for begin in range(start, stop, ROWS):
        n_rows = min(ROWS, stop - begin)
        for row in range(begin, begin + n_rows):
            out[row] = 0.0
        for tree in range(root.shape[0]):
            n_active = n_rows if root[tree] >= 0 else 0
            for row in range(n_rows):
                node[row], active[row] = root[tree], row
            while n_active:
                # One level down for every row still on its way: no step waits for that of another row. Places without a
                # sign spare the test for negative ones.
                n_left = 0
                for place in range(n_active):
                    at: Any = np.uintp(active[place])
                    split = np.uintp(node[at])
                    value, how = X[np.uintp(begin) + at, np.uintp(feature[split])], kind[split]
                    if how <= NAN_LEFT:
                        is_left = (value <= limit[split]) | ((value != value) & (how == NAN_LEFT))
                    elif how == CATEGORY:
                        is_left = _is_in(value, first_word[split], first_word[split + 1], words)
                    elif (value != value) | (abs(value) <= ZERO):
                        is_left = how == ZERO_LEFT
                    else:
                        is_left = value <= limit[split]
                    node[at] = child[np.uintp(2) * split + np.uintp(is_left)]
                    active[n_left] = at
                    n_left += node[at] >= 0
                n_active = n_left
            for row in range(n_rows):
                out[begin + row] += leaf[-1 - node[row]]


@numba.njit(cache=True, nogil=True, inline="always")
def _is_in(value: Any, first: int, last: int, words: npt.NDArray[np.uint32]) -> bool:
    # Cut towards zero, as LightGBM does: what lies between -1 and 0 is level 0.
    if (value > -1.0) & (value < 32.0 * (last - first)):
        level = np.uint32(value)
        return bool((words[first + (level >> np.uint32(5))] >> (level & np.uint32(31))) & np.uint32(1))
    return False
