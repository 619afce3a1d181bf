"""What every sweep does first: the rows usable at a date, and the first of them inside each window."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.timeline import DAY_US, NEVER

__all__ = [
    "FLOATS",
    "INT32S",
    "INT64S",
    "LANES",
    "OUT",
    "PLACES",
    "ROWS",
    "SNAPSHOTS",
    "has_second_clock",
    "most_rows",
    "rings",
    "usable",
]

LANES = 64
"""Rows that are gathered before their columns are written: the processor then writes whole lines at once."""
INT64S = types.Array(types.int64, 1, "C", readonly=True)
INT32S = types.Array(types.int32, 1, "C", readonly=True)
FLOATS = types.Array(types.float64, 1, "C", readonly=True)
PLACES = types.Array(types.int32, 2, "C", readonly=True)
OUT = types.Array(types.float32, 2, "C")
ROWS = (INT64S, INT64S, INT64S, INT64S, types.boolean)
SNAPSHOTS = (INT64S, INT64S, INT64S)


@numba.njit(cache=True, nogil=True)
def has_second_clock(occurred: Any, known_from: Any, known_until: Any, first: int, end: int) -> bool:
    """Return whether some row became known after it happened, or was corrected."""
    late = False
    for k in range(first, end):
        late |= known_from[k] != occurred[k] or known_until[k] != NEVER
    return late


@numba.njit(cache=True, nogil=True)
def usable(occurred: Any, known_from: Any, known_until: Any, first: int, end: int, t: int, picked: Any) -> int:
    """Write the places of the rows usable at ``t`` into ``picked``, ascending, and return how many they are."""
    n = 0
    for k in range(first, end):
        if occurred[k] > t:
            break
        if known_from[k] <= t < known_until[k]:
            picked[n] = k
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def most_rows(offsets: Any, customer: Any) -> int:
    """Return the largest number of rows among the customers of some snapshots."""
    most = 0
    for i in customer:
        most = max(most, offsets[i + 1] - offsets[i])
    return most


@numba.njit(cache=True, nogil=True)
def rings(windows: Any) -> Any:
    """Return in how many of some windows an age in whole days no longer lies, and from which age on in none.

    Windows are whole days, so the number for an age needs no comparison with each; ages behind the array have its
    last.
    """
    finite = 0
    for w in range(windows.shape[0]):
        if windows[w] != NEVER:
            finite = windows[w] // DAY_US
    ring_of = np.zeros(finite + 1, np.uint64)
    for day in range(finite + 1):
        for w in range(windows.shape[0]):
            ring_of[day] += np.uint64(day * DAY_US >= windows[w])
    is_whole = windows.shape[0] > 0 and windows[windows.shape[0] - 1] == NEVER
    return ring_of, (NEVER if is_whole else finite * DAY_US)
