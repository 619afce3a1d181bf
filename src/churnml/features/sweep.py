"""The backward sweep: one walk from the newest usable row of a customer gives every window at once.

A row may be used at *t* when it has happened, is known, and no later version of it is known (``occurred <= t``,
``known_from <= t < known_until``); it lies in a window of length *w* when ``t - w < occurred <= t``. Windows are
nested, so running totals are written out as each window's edge is passed, and the walk ends at the longest one. What
concerns the whole history is carried forward from one snapshot of a customer to the next. Where rows became known
later than they happened, or were corrected, the usable ones are gathered for each snapshot and the same steps run
over them: the order of every addition depends on the usable rows alone, so results are equal to the last bit.

All kernels take rows sorted by (customer, occurred), snapshots sorted by (customer, date), and write columns: row
``place[measure, window]`` of ``out``, shape (n_columns, n_snapshots); a place of -1 is left out. ``windows`` ends with
:data:`churnml.timeline.NEVER`: the whole history.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.timeline import DAY_US, NEVER

__all__ = ["sweep_levels", "sweep_rhythm", "sweep_values"]

_INT64S = types.Array(types.int64, 1, "C", readonly=True)
_INT32S = types.Array(types.int32, 1, "C", readonly=True)
_FLOATS = types.Array(types.float64, 1, "C", readonly=True)
_PLACES = types.Array(types.int32, 2, "C", readonly=True)
_OUT = types.Array(types.float32, 2, "C")
_SCRATCH = types.Array(types.int64, 1, "C")
_ROWS = (_INT64S, _INT64S, _INT64S, _INT64S, types.boolean)
_SNAPSHOTS = (_INT64S, _INT64S, _INT64S)
_LOST_DIGITS = 1e-5
"""Below this share of the sum of squares a difference of sums has lost half its digits: then it is summed again."""


@numba.njit(types.boolean(_INT64S, _INT64S, _INT64S, types.int64, types.int64), cache=True, nogil=True)
def _has_second_clock(occurred: Any, known_from: Any, known_until: Any, first: int, end: int) -> bool:
    """Return whether some row became known after it happened, or was corrected."""
    late = False
    for k in range(first, end):
        late |= known_from[k] != occurred[k] or known_until[k] != NEVER
    return late


@numba.njit(
    types.int64(_INT64S, _INT64S, _INT64S, types.int64, types.int64, types.int64, _SCRATCH), cache=True, nogil=True
)
def _gather(occurred: Any, known_from: Any, known_until: Any, first: int, end: int, t: int, picked: Any) -> int:
    """Write the places of the rows usable at ``t`` into ``picked``, ascending, and return how many they are."""
    n = 0
    for k in range(first, end):
        if occurred[k] > t:
            break
        if known_from[k] <= t < known_until[k]:
            picked[n] = k
            n += 1
    return n


@numba.njit(types.int64(_INT64S, _INT64S), cache=True, nogil=True)
def _most_rows(offsets: Any, customer: Any) -> int:
    """Return the largest number of rows among the customers of some snapshots."""
    most = 0
    for i in customer:
        most = max(most, offsets[i + 1] - offsets[i])
    return most


@numba.njit(
    types.void(*_ROWS, *_SNAPSHOTS, _PLACES, types.Array(types.int32, 1, "C", readonly=True), _OUT),
    cache=True,
    nogil=True,
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
    most = _most_rows(offsets, customer)
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
            late = not one_clock and _has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = end - first
        if late:
            n_rows = _gather(occurred, known_from, known_until, first, end, t, picked)
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
        for w in range(n_windows):
            while low[w] < p and t - occurred[picked[low[w]] if late else first + low[w]] >= windows[w]:
                low[w] += 1
            if place[0, w] >= 0:
                out[place[0, w], r] = p - low[w]
            if place[1, w] >= 0:
                n_days = 0
                if p > low[w]:
                    n_days = day_number[p - 1] - day_number[low[w]] + 1
                out[place[1, w], r] = n_days
            if place[2, w] >= 0:
                out[place[2, w], r] = decayed[w] * 2.0 ** (-float(t - newest) / windows[w]) if p else 0.0
        recency, tenure, span, mean, spread = np.nan, np.nan, np.nan, np.nan, np.nan
        if p:
            recency, tenure = (t - newest) / DAY_US, (t - oldest) / DAY_US
            span = tenure - recency if n_gaps else 0.0
        if n_gaps:
            mean = gap_sum / n_gaps
        if n_gaps > 1:
            spread = np.sqrt(max(0.0, float(n_gaps * gap_squares - gap_sum * gap_sum))) / n_gaps
        deviations = (recency - mean) / spread if spread > 0.0 else np.nan
        own = (
            recency,
            tenure,
            mean,
            spread,
            float(latest_gap) if n_gaps else np.nan,
            float(n_gaps),
            span,
            recency / mean,
            deviations,
        )
        for m in range(len(own)):
            if own_place[m] >= 0:
                out[own_place[m], r] = own[m]


@numba.njit(cache=True, nogil=True)
def _write_values(out: Any, place: Any, w: int, r: int, found: Any) -> None:
    """Write sum, mean, largest, smallest and spread of one window where they are wanted."""
    for m in range(5):
        if place[m, w] >= 0:
            out[place[m, w], r] = found[m]


@numba.njit(cache=True, nogil=True)
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


@numba.njit(
    [types.void(*_ROWS, kind, types.float64, *_SNAPSHOTS, _PLACES, types.int64, _OUT) for kind in (_INT64S, _FLOATS)],
    cache=True,
    nogil=True,
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
        As for :func:`sweep_rhythm`.
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
    longest = windows[n_windows - 2] if n_windows > 1 else np.int64(0)
    picked = np.empty(0 if one_clock else _most_rows(offsets, customer), np.int64)
    whole, wants_whole, wants_windows = n_windows - 1, False, False
    for m in range(5):
        wants_whole |= place[m, whole] >= 0
        for w in range(n_windows - 1):
            wants_windows |= place[m, w] >= 0
    wants_spread = False
    for w in range(n_windows - 1):
        wants_spread |= place[4, w] >= 0
    zero, unit, nothing = values[:0].sum(), 1.0 / scale, (0.0, np.nan, np.nan, np.nan, np.nan)
    none: Any = np.int64(0)
    previous, first, end, late, p = np.int64(-1), none, none, False, none
    all_sum, all_high, all_low, all_pivot = zero, zero, zero, zero
    all_shifted, all_squares = 0.0, 0.0
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        if i != previous:
            first, end = offsets[i], offsets[i + 1]
            late = not one_clock and _has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = end - first
        if late:
            n_rows = _gather(occurred, known_from, known_until, first, end, t, picked)
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
            _write_values(out, place, whole, r, found)
        if not wants_windows:
            continue
        n, n_found, w, total, high, low, pivot = none, none, 0, zero, zero, zero, zero
        shifted, squares, found = 0.0, 0.0, nothing
        for q in range(p - 1, -2, -1):
            k, age = none, longest
            if q >= 0:
                k = picked[q] if late else first + q
                age = t - occurred[k]
            while w < n_windows - 1 and age >= windows[w]:
                if n != n_found:
                    spread = 0.0
                    if wants_spread:
                        spread = _spread(values, picked, late, first, p - n, p, total / n, shifted, squares)
                    found = (total * unit + 0.0, total * unit / n, high * unit, low * unit, spread * abs(unit))
                    n_found = n
                _write_values(out, place, w, r, found)
                w += 1
            if age >= longest:
                break
            v = values[k]
            if n == 0:
                pivot, high, low = v, v, v
            n = p - q
            total += v
            high, low = max(high, v), min(low, v)
            distance = float(v - pivot)
            shifted += distance
            squares += distance * distance


@numba.njit(
    types.void(*_ROWS, _INT32S, *_SNAPSHOTS, _PLACES, types.int64, types.Array(types.int32, 1, "C"), _OUT),
    cache=True,
    nogil=True,
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
        As for :func:`sweep_rhythm`.
    level : ndarray of int32, shape (n_rows,)
        Number of the level, none missing; ``n_levels`` and above = levels that get no count.
    place : ndarray of int32, shape (n_levels, n_windows)
    change_place : int
        Of the days since the newest level took over from another; NaN where it never did.
    newest : ndarray of int32, shape (n_snapshots,)
        Output: level of the newest row, -1 where there is none.
    out : ndarray of float32, shape (n_columns, n_snapshots)
    """
    n_windows, n_levels = windows.shape[0], place.shape[0]
    picked = np.empty(0 if one_clock else _most_rows(offsets, customer), np.int64)
    running = np.zeros(n_levels, np.float32)
    last_wanted = -1
    for w in range(n_windows):
        for m in range(n_levels):
            if place[m, w] >= 0:
                last_wanted = w
    longest = windows[last_wanted] if last_wanted >= 0 else np.int64(0)
    none: Any = np.int64(0)
    previous, first, end, late, p = np.int64(-1), none, none, False, none
    current, run_start, changed = np.int32(-1), none, False
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        if i != previous:
            first, end = offsets[i], offsets[i + 1]
            late = not one_clock and _has_second_clock(occurred, known_from, known_until, first, end)
        n_rows = end - first
        if late:
            n_rows = _gather(occurred, known_from, known_until, first, end, t, picked)
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
        if last_wanted < 0:
            continue
        running[:] = np.float32(0.0)
        w = 0
        for q in range(p - 1, -1, -1):
            k = picked[q] if late else first + q
            age = t - occurred[k]
            while w <= last_wanted and age >= windows[w]:
                for m in range(n_levels):
                    if place[m, w] >= 0:
                        out[place[m, w], r] = running[m]
                w += 1
            if age >= longest:
                break
            if level[k] < n_levels:
                running[level[k]] += np.float32(1.0)
        for left in range(w, last_wanted + 1):
            for m in range(n_levels):
                if place[m, left] >= 0:
                    out[place[m, left], r] = running[m]
