"""Amounts and numbers: sum, mean, extremes and spread in every window, and the newest."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.features.sweep.walk import (
    FLOATS,
    INT64S,
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write(out: Any, place: Any, w: int, r: int, found: Any) -> None:
    """Write sum, mean, largest, smallest and spread of one window where they are wanted."""
    for m in range(5):
        row = place[np.uint64(m), np.uint64(w)]
        if row >= 0:
            out[np.uint64(row), np.uint64(r)] = found[m]


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
def _write_windows(
    occurred: Any,
    values: Any,
    picked: Any,
    late: bool,
    first: int,
    p: int,
    t: int,
    windows: Any,
    unit: float,
    wants_spread: bool,
    zero: Any,
    place: Any,
    out: Any,
    r: int,
) -> None:
    """Add up from the newest row backwards, and write what there is at the edge of each window."""
    total = zero
    high, low, pivot = total, total, total
    shifted, squares, found = 0.0, 0.0, (0.0, np.nan, np.nan, np.nan, np.nan)
    if p:
        pivot = values[np.uint64(picked[p - 1] if late else first + p - 1)]
        high, low = pivot, pivot
    q, n_found = p, p
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
        if q != n_found:
            n, spread = p - q, 0.0
            if wants_spread:
                spread = _spread(values, picked, late, first, q, p, total / n, shifted, squares)
            found = (total * unit + 0.0, total * unit / n, high * unit, low * unit, spread * abs(unit))
            n_found = q
        _write(out, place, w, r, found)


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
    for m in range(5):
        wants_whole |= place[m, whole] >= 0
        for w in range(n_windows - 1):
            wants_windows |= place[m, w] >= 0
            wants_spread |= m == 4 and place[m, w] >= 0
    zero, unit, nothing = values[:0].sum(), 1.0 / scale, (0.0, np.nan, np.nan, np.nan, np.nan)
    none: Any = np.int64(0)
    previous, first, end, late, p = np.int64(-1), none, none, False, none
    all_sum, all_high, all_low, all_pivot = zero, zero, zero, zero
    all_shifted, all_squares = 0.0, 0.0
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
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
        if wants_whole:
            spread = 0.0
            if p and place[4, whole] >= 0:
                spread = _spread(values, picked, late, first, 0, p, all_sum / p, all_shifted, all_squares)
            found = nothing
            if p:
                found = (all_sum * unit + 0.0, all_sum * unit / p, all_high * unit, all_low * unit, spread * abs(unit))
            _write(out, place, whole, r, found)
        if wants_windows:
            _write_windows(
                occurred, values, picked, late, first, p, t, windows, unit, wants_spread, zero, place, out, r
            )
