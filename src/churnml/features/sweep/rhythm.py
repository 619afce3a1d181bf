"""Counts, active days, decayed intensity, recency, tenure and gaps: when things happened, not what."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.features.sweep.walk import INT32S, OUT, PLACES, ROWS, SNAPSHOTS, has_second_clock, most_rows, usable
from churnml.timeline import DAY_US

__all__ = ["sweep_rhythm"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write_windows(
    occurred: Any,
    picked: Any,
    late: bool,
    first: int,
    p: int,
    t: int,
    newest: int,
    windows: Any,
    low: Any,
    day_number: Any,
    decayed: Any,
    place: Any,
    out: Any,
    r: int,
) -> None:
    """Move ``low``, the first row inside each window, on to the date, and write what lies between it and the newest."""
    for w in range(windows.shape[0]):
        begin, length, column = low[w], windows[w], np.uint64(w)
        while begin < p and t - occurred[np.uint64(picked[begin] if late else first + begin)] >= length:
            begin += 1
        low[w] = begin
        rows, days, decay = place[np.uint64(0), column], place[np.uint64(1), column], place[np.uint64(2), column]
        if rows >= 0:
            out[np.uint64(rows), np.uint64(r)] = p - begin
        if days >= 0:
            n_days = day_number[np.uint64(p - 1)] - day_number[np.uint64(begin)] + 1 if p > begin else 0
            out[np.uint64(days), np.uint64(r)] = n_days
        if decay >= 0:
            out[np.uint64(decay), np.uint64(r)] = decayed[w] * 2.0 ** (-float(t - newest) / length) if p else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _own(
    t: int, p: int, oldest: int, newest: int, n_gaps: int, gap_sum: int, gap_squares: int, latest_gap: int
) -> tuple[float, ...]:
    """Return recency, tenure and what the gaps between active days say, in the order of ``own_place``."""
    recency, tenure, span, mean, spread = np.nan, np.nan, np.nan, np.nan, np.nan
    if p:
        recency, tenure = (t - newest) / DAY_US, (t - oldest) / DAY_US
        span = tenure - recency if n_gaps else 0.0
    if n_gaps:
        mean = gap_sum / n_gaps
    if n_gaps > 1:
        spread = np.sqrt(max(0.0, float(n_gaps * gap_squares - gap_sum * gap_sum))) / n_gaps
    deviations = (recency - mean) / spread if spread > 0.0 else np.nan
    latest = float(latest_gap) if n_gaps else np.nan
    return recency, tenure, mean, spread, latest, float(n_gaps), span, recency / mean, deviations


@numba.njit(
    types.void(*ROWS, *SNAPSHOTS, PLACES, INT32S, OUT),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def sweep_rhythm(
    offsets: Any,
    occurred: Any,
    known_from: Any,
    known_until: Any,
    one_clock: bool,
    customer: Any,
    dates: Any,
    windows: Any,
    place: Any,
    own_place: Any,
    out: Any,
) -> None:
    """Count rows, active days and decayed intensity per window, and measure the rhythm of the whole history.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_customers + 1,)
    occurred, known_from, known_until : ndarray of int64, shape (n_rows,)
        Microseconds.
    one_clock : bool
        Every row is known when it happens and never corrected.
    customer, dates : ndarray of int64, shape (n_snapshots,)
    windows : ndarray of int64, shape (n_windows,)
        Microseconds, ascending, the last one unlimited.
    place : ndarray of int32, shape (3, n_windows)
        Of the number of rows, of distinct UTC days with a row, and of the sum of ``2 ** (-age / window)`` over the
        whole history, the window taken as half-life.
    own_place : ndarray of int32, shape (9,)
        Of recency, tenure, mean, standard deviation and latest of the gaps between active days, number of gaps, days
        from first to newest row, recency over mean gap, and how many standard deviations recency lies above it.
    out : ndarray of float32, shape (n_columns, n_snapshots)
    """
    n_windows = windows.shape[0]
    most = most_rows(offsets, customer)
    picked = np.empty(0 if one_clock else most, np.int64)
    day_number = np.empty(most, np.int64)
    low, decayed = np.zeros(n_windows, np.int64), np.zeros(n_windows)
    wants_decay = False
    for w in range(n_windows):
        wants_decay |= place[2, w] >= 0
    zero: Any = np.int64(0)
    previous, first, end, late = np.int64(-1), zero, zero, False
    p, oldest, newest, last_day = zero, zero, zero, zero
    n_gaps, gap_sum, gap_squares, latest_gap = zero, zero, zero, zero
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        if i != previous:
            first, end = offsets[i], offsets[i + 1]
            late = not one_clock and has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = usable(occurred, known_from, known_until, first, end, t, picked) if late else end - first
        if late or i != previous:
            p, n_gaps, gap_sum, gap_squares, latest_gap = zero, zero, zero, zero, zero
            low[:], decayed[:] = 0, 0.0
        previous = i
        while p < n_rows:
            now = occurred[picked[p] if late else first + p]
            if now > t:
                break
            day = now // DAY_US
            if p == 0:
                oldest, day_number[0] = now, 1
            else:
                day_number[p] = day_number[p - 1]
                if day != last_day:
                    latest_gap = day - last_day
                    n_gaps += 1
                    gap_sum += latest_gap
                    gap_squares += latest_gap * latest_gap
                    day_number[p] += 1
            if wants_decay:
                for w in range(n_windows - 1):
                    if place[2, w] >= 0:
                        decayed[w] = decayed[w] * 2.0 ** (-float(now - newest) / windows[w]) + 1.0 if p else 1.0
            newest, last_day = now, day
            p += 1
        _write_windows(occurred, picked, late, first, p, t, newest, windows, low, day_number, decayed, place, out, r)
        own = _own(t, p, oldest, newest, n_gaps, gap_sum, gap_squares, latest_gap)
        for m in range(len(own)):
            if own_place[m] >= 0:
                out[own_place[m], r] = own[m]
