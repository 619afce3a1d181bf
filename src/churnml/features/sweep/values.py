"""Amounts and numbers: sum, mean, extremes and spread in every window, and the newest."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.features.sweep.walk import (
    FLOATS,
    INT64S,
    LANES,
    OUT,
    PLACES,
    ROWS,
    SNAPSHOTS,
    has_second_clock,
    most_rows,
    usable,
)

__all__ = ["sweep_values"]

_LOST_DIGITS = 1e-5
"""Below this share of the sum of squares a difference of sums has lost half its digits: then it is summed again."""
_KEPT = 7
"""What is kept of a window until its block is written: rows, sum, largest, smallest, two sums of distances, spread."""
_STRIDE = LANES + 8
_ROWS, _SUM, _HIGH, _LOW, _SHIFTED, _SQUARES, _SPREAD = (np.uint64(m * _STRIDE) for m in range(_KEPT))
_UNKNOWN = -1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _spread(
    values: Any, picked: Any, late: bool, first: int, begin: int, end: int, mean: float, shifted: float, squares: float
) -> float:
    """Return the population standard deviation of rows ``begin`` up to ``end`` from sums of distances to a pivot.

    ``shifted`` and ``squares`` are the sums of the distances and of their squares; where their difference has lost its
    digits, the rows are walked once more around their mean.
    """
    n = end - begin
    rest = squares - shifted * shifted / n
    if rest >= _LOST_DIGITS * squares:
        return float(np.sqrt(rest / n))
    if squares == 0.0:
        return 0.0
    rest = 0.0
    for p in range(end - 1, begin - 1, -1):
        distance = values[picked[p] if late else first + p] - mean
        rest += distance * distance
    return float(np.sqrt(rest / n))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _keep(
    kept: Any, w: int, lane: int, n: int, total: float, high: float, low: float, shifted: float, squares: float
) -> bool:
    """Keep what was added up in a window until its block is written; return whether the spread may have lost digits."""
    place, rows = np.uint64(_KEPT * w * _STRIDE + lane), float(n)
    kept[place + _ROWS] = rows
    kept[place + _SUM] = total
    kept[place + _HIGH] = high
    kept[place + _LOW] = low
    kept[place + _SHIFTED] = shifted
    kept[place + _SQUARES] = squares
    kept[place + _SPREAD] = _UNKNOWN
    both = squares * rows
    return not both - shifted * shifted >= 2.0 * _LOST_DIGITS * both


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mend(
    occurred: Any, values: Any, picked: Any, late: bool, first: int, p: int, t: int, windows: Any, lane: int, kept: Any
) -> None:
    """Compute the spreads of one row that may have lost digits from its values instead of from sums."""
    begin = p
    for w in range(windows.shape[0]):
        while begin > 0 and t - occurred[picked[begin - 1] if late else first + begin - 1] < windows[w]:
            begin -= 1
        place = _KEPT * w * _STRIDE + lane
        rows, total = kept[place + _ROWS], kept[place + _SUM]
        if rows == p - begin and begin < p:
            shifted, squares = kept[place + _SHIFTED], kept[place + _SQUARES]
            kept[place + _SPREAD] = _spread(values, picked, late, first, begin, p, total / rows, shifted, squares)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write(kept: Any, place: Any, unit: float, r: int, n: int, flat: Any, width: int) -> None:
    """Write sum, mean, largest, smallest and spread of ``n`` rows from row ``r`` on where they are wanted."""
    for w in range(place.shape[1]):
        base = np.uint64(_KEPT * w * _STRIDE)
        count, total = base + _ROWS, base + _SUM
        shifted, squares, known = base + _SHIFTED, base + _SQUARES, base + _SPREAD
        if place[0, w] >= 0:
            begin = np.uint64(place[0, w] * width + r)
            for k in range(n):
                lane = np.uint64(k)
                flat[begin + lane] = kept[total + lane] * unit + 0.0
        if place[1, w] >= 0:
            begin = np.uint64(place[1, w] * width + r)
            for k in range(n):
                lane = np.uint64(k)
                rows = kept[count + lane]
                mean = kept[total + lane] * unit / rows
                flat[begin + lane] = mean if rows > 0.0 else np.nan
        for m in range(2, 4):
            if place[m, w] >= 0:
                begin, extreme = np.uint64(place[m, w] * width + r), base + (_HIGH if m == 2 else _LOW)
                for k in range(n):
                    lane = np.uint64(k)
                    flat[begin + lane] = kept[extreme + lane] * unit if kept[count + lane] > 0.0 else np.nan
        if place[4, w] >= 0:
            begin = np.uint64(place[4, w] * width + r)
            for k in range(n):
                lane = np.uint64(k)
                rows, sum_, of_squares = kept[count + lane], kept[shifted + lane], kept[squares + lane]
                spread = np.sqrt((of_squares - sum_ * sum_ / rows) / rows)
                spread = kept[known + lane] if kept[known + lane] >= 0.0 else spread
                flat[begin + lane] = spread * abs(unit) if rows > 0.0 else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _keep_windows(
    occurred: Any,
    values: Any,
    picked: Any,
    late: bool,
    first: int,
    p: int,
    t: int,
    windows: Any,
    zero: Any,
    lane: int,
    kept: Any,
) -> bool:
    """Add up from the newest row backwards, and keep what there is at the edge of each window.

    Returns whether some spread may have lost digits.
    """
    lost = False
    total = zero
    high, low, pivot = total, total, total
    shifted, squares = 0.0, 0.0
    if p:
        pivot = values[np.uint64(picked[p - 1] if late else first + p - 1)]
        high, low = pivot, pivot
    q = p
    for w in range(windows.shape[0] - 1):
        edge = t - windows[w]
        while q > 0:
            k = np.uint64(picked[q - 1] if late else first + q - 1)
            if occurred[k] <= edge:
                break
            v = values[k]
            total += v
            high, low = max(high, v), min(low, v)
            distance = float(v - pivot)
            shifted += distance
            squares += distance * distance
            q -= 1
        lost |= _keep(kept, w, lane, p - q, float(total), float(high), float(low), shifted, squares)
    return lost


@numba.njit(
    [types.void(*ROWS, kind, types.float64, *SNAPSHOTS, PLACES, types.int64, OUT) for kind in (INT64S, FLOATS)],
    cache=True,
    nogil=True,
    error_model="numpy",
)
def sweep_values(
    offsets: Any,
    occurred: Any,
    known_from: Any,
    known_until: Any,
    one_clock: bool,
    values: Any,
    scale: float,
    customer: Any,
    dates: Any,
    windows: Any,
    place: Any,
    last_place: int,
    out: Any,
) -> None:
    """Sum, mean, extremes and spread of a value per window; whole numbers are summed exactly.

    Parameters
    ----------
    offsets, occurred, known_from, known_until, one_clock, customer, dates, windows
        As for :func:`churnml.features.sweep.sweep_rhythm`.
    values : ndarray of int64 or float64, shape (n_rows,)
        Whole numbers (money in ten-thousandths) or floating point, none missing.
    scale : float
        Units of ``values`` in one unit of the results.
    place : ndarray of int32, shape (5, n_windows)
        Of the sum, the mean, the largest, the smallest, and the population standard deviation. Where no row lies in
        the window, the sum is 0 and the others are NaN.
    last_place : int
        Of the value of the newest row.
    out : ndarray of float32, shape (n_columns, n_snapshots)
    """
    n_windows = windows.shape[0]
    picked = np.empty(0 if one_clock else most_rows(offsets, customer), np.int64)
    whole, wants_whole, wants_windows, wants_spread = n_windows - 1, False, False, False
    for w in range(n_windows):
        wants_spread |= place[4, w] >= 0
    for m in range(5):
        wants_whole |= place[m, whole] >= 0
        for w in range(n_windows - 1):
            wants_windows |= place[m, w] >= 0
    zero, unit = values[:0].sum(), 1.0 / scale
    none: Any = np.int64(0)
    kept, flat = np.zeros(_KEPT * n_windows * _STRIDE), out.reshape(out.size)
    previous, first, end, late, p = np.int64(-1), none, none, False, none
    all_sum, all_high, all_low, all_pivot = zero, zero, zero, zero
    all_shifted, all_squares = 0.0, 0.0
    for r in range(customer.shape[0]):
        i, t, lane = customer[r], dates[r], r % LANES
        if i != previous:
            first, end = offsets[i], offsets[i + 1]
            late = not one_clock and has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = usable(occurred, known_from, known_until, first, end, t, picked) if late else end - first
        if late or i != previous:
            p, all_sum, all_shifted, all_squares = none, zero, 0.0, 0.0
        previous = i
        while p < n_rows:
            k = picked[p] if late else first + p
            if occurred[k] > t:
                break
            if wants_whole:
                v = values[k]
                if p == 0:
                    all_pivot, all_high, all_low = v, v, v
                all_sum += v
                all_high, all_low = max(all_high, v), min(all_low, v)
                distance = float(v - all_pivot)
                all_shifted += distance
                all_squares += distance * distance
            p += 1
        if last_place >= 0:
            out[last_place, r] = values[picked[p - 1] if late else first + p - 1] * unit if p else np.nan
        lost = False
        if wants_whole:
            lost = _keep(
                kept, whole, lane, p, float(all_sum), float(all_high), float(all_low), all_shifted, all_squares
            )
        if wants_windows:
            lost |= _keep_windows(occurred, values, picked, late, first, p, t, windows, zero, lane, kept)
        if lost and wants_spread:
            _mend(occurred, values, picked, late, first, p, t, windows, lane, kept)
        if lane == LANES - 1 or r == customer.shape[0] - 1:
            _write(kept, place, unit, r - lane, lane + 1, flat, out.shape[1])
