"""Levels of a category: how often each in every window, the newest, and its last change."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.features.sweep.walk import (
    INT32S,
    LANES,
    OUT,
    PLACES,
    ROWS,
    SNAPSHOTS,
    has_second_clock,
    most_rows,
    rings,
    usable,
)
from churnml.timeline import DAY_US

__all__ = ["sweep_levels"]

_DAY = np.uint64(DAY_US)
_LANES = np.uint64(LANES)


@numba.njit(cache=True, nogil=True)
def _last_wanted(place: Any) -> int:
    """Return how many windows there are up to the last one that is wanted."""
    n = 0
    for w in range(place.shape[1]):
        for m in range(place.shape[0]):
            if place[m, w] >= 0:
                n = w + 1
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count(
    occurred: Any,
    level: Any,
    picked: Any,
    late: bool,
    first: int,
    p: int,
    t: int,
    reach: int,
    ring_of: Any,
    n_levels: int,
    lane: int,
    counts: Any,
) -> None:
    """Count the levels of the rows between the edges of one window and the next, newest row first."""
    others, last, stride = np.int32(n_levels), np.uint64(ring_of.shape[0] - 1), np.uint64(n_levels + 1)
    for q in range(p - 1, -1, -1):
        k = np.uint64(picked[q] if late else first + q)
        age = t - occurred[k]
        if age >= reach:
            break
        ring = ring_of[min(np.uint64(age) // _DAY, last)]
        counts[(ring * stride + np.uint64(min(level[k], others))) * _LANES + np.uint64(lane)] += 1


@numba.njit(cache=True, nogil=True)
def _write(counts: Any, place: Any, n_windows: int, r: int, n: int, flat: Any, width: int) -> None:
    """Add counts between edges up to those of whole windows, write the wanted ones of ``n`` rows, and forget them."""
    n_levels = place.shape[0]
    total = np.empty(LANES, np.int32)
    for m in range(n_levels):
        total[:] = 0
        for w in range(n_windows):
            begin = np.uint64((w * (n_levels + 1) + m) * LANES)
            for lane in range(LANES):
                total[np.uint64(lane)] += counts[begin + np.uint64(lane)]
            if place[m, w] >= 0:
                start = np.uint64(place[m, w] * width + r)
                for lane in range(n):
                    flat[start + np.uint64(lane)] = total[np.uint64(lane)]
    counts[:] = 0


@numba.njit(
    types.void(*ROWS, INT32S, *SNAPSHOTS, PLACES, types.int64, types.Array(types.int32, 1, "C"), OUT),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def sweep_levels(
    offsets: Any,
    occurred: Any,
    known_from: Any,
    known_until: Any,
    one_clock: bool,
    level: Any,
    customer: Any,
    dates: Any,
    windows: Any,
    place: Any,
    change_place: int,
    newest: Any,
    out: Any,
) -> None:
    """Count the kept levels of a category per window, and find the newest level and its last change.

    Parameters
    ----------
    offsets, occurred, known_from, known_until, one_clock, customer, dates, windows
        As for :func:`churnml.features.sweep.sweep_rhythm`.
    level : ndarray of int32, shape (n_rows,)
        Number of the level, none missing; ``n_levels`` and above = levels that get no count.
    place : ndarray of int32, shape (n_levels, n_windows)
    change_place : int
        Of the days since the newest level took over from another; NaN where it never did.
    newest : ndarray of int32, shape (n_snapshots,)
        Output: level of the newest row, -1 where there is none.
    out : ndarray of float32, shape (n_columns, n_snapshots)
    """
    n_levels, n_windows = place.shape[0], _last_wanted(place)
    picked = np.empty(0 if one_clock else most_rows(offsets, customer), np.int64)
    ring_of, reach = rings(windows[:n_windows])
    counts, flat = np.zeros((n_windows + 1) * (n_levels + 1) * LANES, np.int32), out.reshape(out.size)
    none: Any = np.int64(0)
    previous, first, end, late, p = np.int64(-1), none, none, False, none
    current, run_start, changed = np.int32(-1), none, False
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        if i != previous:
            first, end = offsets[i], offsets[i + 1]
            late = not one_clock and has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = usable(occurred, known_from, known_until, first, end, t, picked) if late else end - first
        if late or i != previous:
            p, current, changed = none, np.int32(-1), False
        previous = i
        while p < n_rows:
            k = picked[p] if late else first + p
            if occurred[k] > t:
                break
            if level[k] != current:
                changed = bool(current >= 0)
                current, run_start = level[k], occurred[k]
            p += 1
        newest[r] = current
        if change_place >= 0:
            out[change_place, r] = (t - run_start) / DAY_US if changed else np.nan
        lane = r % LANES
        _count(occurred, level, picked, late, first, p, t, reach, ring_of, n_levels, lane, counts)
        if lane == LANES - 1 or r == customer.shape[0] - 1:
            _write(counts, place, n_windows, r - lane, lane + 1, flat, out.shape[1])
