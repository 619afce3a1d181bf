"""The backward sweep: one walk from the newest usable row of a customer gives every window at once.

Windows are nested, so running totals are written out as each window's edge is passed. A row may be used at *t* when
it has happened and is known at or before *t*; it lies in a window of length *w* when ``t - w < occurred_at <= t``.
All kernels take the rows of a bucket sorted by (customer, occurred_at), the first and last row of each snapshot's
customer, and write one line per snapshot. ``windows`` ends with :data:`churnml.timeline.NEVER`: the whole history.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from churnml.timeline import DAY_US

__all__ = ["sweep_levels", "sweep_rhythm", "sweep_values"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@numba.njit(cache=True, nogil=True)
def sweep_rhythm(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    counts: Bools,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    count: Floats,
    days: Floats,
    decayed: Floats,
    rhythm: Floats,
) -> None:
    """Count rows, active days and decayed intensity per window, and measure the rhythm of the whole history.

    Parameters
    ----------
    offsets : shape (n_customers + 1,)
    occurred, usable_from, counts : shape (n_rows,)
        ``counts`` says which rows are swept.
    customer, dates : shape (n_snapshots,)
    windows : shape (n_windows,)
        Microseconds, ascending, the last one unlimited.
    count, days : shape (n_snapshots, n_windows)
        Output: rows, and distinct UTC days with a row.
    decayed : shape (n_snapshots, n_windows - 1)
        Output: sum of ``2 ** (-age / window)``, the window taken as half-life, over the whole history.
    rhythm : shape (n_snapshots, 6)
        Output in days: recency, tenure, mean gap and its standard deviation between active days, the latest gap,
        and the number of gaps; NaN where undefined.
    """
    n_windows = windows.shape[0]
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        n, n_days, w = 0.0, 0.0, 0
        newest, newer_day = np.int64(-1), np.int64(0)
        n_gaps, gap_mean, gap_m2, latest_gap = 0.0, 0.0, 0.0, np.nan
        oldest = np.int64(0)
        for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            if not counts[k] or occurred[k] > t or usable_from[k] > t:
                continue
            age = t - occurred[k]
            while w < n_windows - 1 and age >= windows[w]:
                count[r, w], days[r, w] = n, n_days
                w += 1
            day = occurred[k] // DAY_US
            if n == 0.0:
                newest, n_days = occurred[k], 1.0
            elif day != newer_day:
                gap = float(newer_day - day)
                n_days += 1.0
                n_gaps += 1.0
                if n_gaps == 1.0:
                    latest_gap = gap
                delta = gap - gap_mean
                gap_mean += delta / n_gaps
                gap_m2 += delta * (gap - gap_mean)
            n += 1.0
            newer_day, oldest = day, occurred[k]
            for h in range(n_windows - 1):
                decayed[r, h] += 2.0 ** (-age / windows[h])
        for left in range(w, n_windows):
            count[r, left], days[r, left] = n, n_days
        if n > 0.0:
            rhythm[r, 0] = (t - newest) / DAY_US
            rhythm[r, 1] = (t - oldest) / DAY_US
        if n_gaps > 0.0:
            rhythm[r, 2], rhythm[r, 4] = gap_mean, latest_gap
        if n_gaps > 1.0:
            rhythm[r, 3] = np.sqrt(gap_m2 / n_gaps)
        rhythm[r, 5] = n_gaps


@numba.njit(cache=True, nogil=True)
def sweep_values(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    counts: Bools,
    values: npt.NDArray[np.int64] | Floats,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    total: Floats,
    mean: Floats,
    largest: Floats,
    smallest: Floats,
    spread: Floats,
    newest: Floats,
) -> None:
    """Sum, mean, extremes and spread of a value per window; whole numbers are summed exactly.

    Parameters
    ----------
    counts : shape (n_rows,)
        Which rows are swept; a row without a value must not be counted.
    values : shape (n_rows,)
        Whole numbers (money in ten-thousandths) or floating point.
    total, mean, largest, smallest, spread : shape (n_snapshots, n_windows)
        Output in the unit of ``values``; ``spread`` is the population standard deviation (Welford). Where no row
        lies in the window, ``total`` is 0 and the others are NaN.
    newest : shape (n_snapshots,)
        Output: the value of the newest row, NaN where there is none.
    """
    n_windows = windows.shape[0]
    zero = values[:1].sum() * 0 if values.shape[0] else values.sum()
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        n, w, acc, avg, m2 = 0.0, 0, zero, 0.0, 0.0
        high, low = -np.inf, np.inf
        for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            if not counts[k] or occurred[k] > t or usable_from[k] > t:
                continue
            age = t - occurred[k]
            while w < n_windows - 1 and age >= windows[w]:
                if n > 0.0:
                    total[r, w], mean[r, w], largest[r, w], smallest[r, w] = acc, avg, high, low
                    spread[r, w] = np.sqrt(m2 / n)
                w += 1
            v = float(values[k])
            if n == 0.0:
                newest[r] = v
            n += 1.0
            acc += values[k]
            delta = v - avg
            avg += delta / n
            m2 += delta * (v - avg)
            high, low = max(high, v), min(low, v)
        if n > 0.0:
            for left in range(w, n_windows):
                total[r, left], mean[r, left], largest[r, left], smallest[r, left] = acc, avg, high, low
                spread[r, left] = np.sqrt(m2 / n)


@numba.njit(cache=True, nogil=True)
def sweep_levels(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    counts: Bools,
    level: Int32s,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    count: Floats,
    newest: Int32s,
    since_change: Floats,
) -> None:
    """Count the kept levels of a category per window, and find the newest level and its last change.

    Parameters
    ----------
    level : shape (n_rows,)
        Number of the level; -1 = missing, ``n_levels`` and above = levels that get no count.
    count : shape (n_snapshots, n_windows, n_levels)
        Output.
    newest : shape (n_snapshots,)
        Output: level of the newest row with one, -1 where there is none.
    since_change : shape (n_snapshots,)
        Output in days: since the newest level took over from another; NaN where it never did.
    """
    n_windows, n_levels = windows.shape[0], count.shape[2]
    running = np.zeros(n_levels)
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        running[:] = 0.0
        w, first, run_start = 0, np.int32(-1), np.int64(0)
        for k in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            if not counts[k] or occurred[k] > t or usable_from[k] > t or level[k] < 0:
                continue
            age = t - occurred[k]
            while w < n_windows - 1 and age >= windows[w]:
                count[r, w, :] = running
                w += 1
            if first < 0:
                first = level[k]
            if level[k] == first and np.isnan(since_change[r]):
                run_start = occurred[k]
            elif np.isnan(since_change[r]):
                since_change[r] = (t - run_start) / DAY_US
            if level[k] < n_levels:
                running[level[k]] += 1.0
        for left in range(w, n_windows):
            count[r, left, :] = running
        newest[r] = first
