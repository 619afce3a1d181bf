"""Rows by calendar day, and the sizes of numbers by month and by file."""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import numpy.typing as npt

from churnml.timeline import DAY_US, NEVER, zone_offsets

__all__ = ["FIRST_DAY", "N_BINS", "DayCounts", "MonthLevels", "bin_size"]

Int64s = npt.NDArray[np.int64]

FIRST_DAY = -25_567
"""1 January 1900, counted from 1 January 1970; days outside two centuries from then are counted one by one."""
_N_DAYS = 73_050
_FAR_DAYS = 100_000
N_BINS = 90 * 8
_LOWEST_EXPONENT = 1023 - 34


@numba.njit(cache=True, nogil=True)
def _count_days(
    times: Int64s, starts: Int64s, offsets: Int64s, by_day: Int64s, counts: Int64s, days: npt.NDArray[np.int32]
) -> int:
    """Write the local day of each time and count it; return how many lie outside the two centuries."""
    n_outside = 0
    for i in range(times.shape[0]):
        t = times[i]
        if t == NEVER:
            days[i] = _NO_DAY
            continue
        place = t // DAY_US - FIRST_DAY
        if 0 <= place < by_day.shape[0]:
            offset = by_day[place]
            if offset == NEVER:
                offset = offsets[np.searchsorted(starts, t, side="right") - 1]
            t += offset
        day = t // DAY_US
        days[i] = day
        place = day - FIRST_DAY
        if 0 <= place < counts.shape[0]:
            counts[place] += 1
        else:
            n_outside += 1
    return n_outside


@cache
def _offset_by_day(timezone: str) -> Int64s:
    """Return the offset from UTC that holds all through each UTC day; NEVER on days when the clock changes."""
    starts, offsets = zone_offsets(timezone)
    edges = (np.arange(_N_DAYS + 1) + FIRST_DAY) * DAY_US
    at = np.searchsorted(starts, edges, side="right") - 1
    same: Int64s = np.where(at[1:] == at[:-1], offsets[at[:-1]], NEVER)
    return same


_NO_DAY = np.iinfo(np.int32).min


class DayCounts:
    """Rows by day of one clock.

    Parameters
    ----------
    timezone : str
        Whose days.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = (*zone_offsets(timezone), _offset_by_day(timezone))
        self._counts = np.zeros(_N_DAYS, dtype=np.int64)
        self._far: dict[int, int] = {}
        self.latest_days = np.empty(0, dtype=np.int32)
        """Day of each row of the batch added last."""

    def add(self, times: Int64s) -> None:
        """Add instants in microseconds, NEVER = none."""
        self.latest_days = np.empty(len(times), dtype=np.int32)
        if _count_days(times, *self._zone, self._counts, self.latest_days):
            days = self.latest_days[self.latest_days != _NO_DAY]
            far = days[(days < FIRST_DAY) | (days >= FIRST_DAY + _N_DAYS)]
            for day, n in zip(*np.unique(far, return_counts=True), strict=True):
                # Whoever delivers noise instead of times gets no more memory than this.
                if len(self._far) < _FAR_DAYS or int(day) in self._far:
                    self._far[int(day)] = self._far.get(int(day), 0) + int(n)

    def table(self) -> tuple[Int64s, Int64s]:
        """Return the days with rows, ascending, counted from 1 January 1970, and their rows."""
        near = np.flatnonzero(self._counts)
        far = sorted(self._far)
        days = np.concatenate([near + FIRST_DAY, np.array(far, dtype=np.int64)])
        rows = np.concatenate([self._counts[near], np.array([self._far[d] for d in far], dtype=np.int64)])
        order = np.argsort(days)
        return days[order], rows[order]


@numba.njit(cache=True, nogil=True)
def _count_sizes(
    start: int,
    bits: Int64s,
    days: npt.NDArray[np.int32],
    place: npt.NDArray[np.int32],
    by_month: Int64s,
    by_file: Int64s,
) -> int:
    """Count sizes by month and altogether, up to a row whose month has no place yet; return that row."""
    for i in range(start, bits.shape[0]):
        size = (bits[i] >> 49) & 0x3FFF
        if size == 0:
            continue
        size = min(max(size - _LOWEST_EXPONENT * 8, 0), N_BINS - 1)
        if days.shape[0] and 0 <= days[i] - FIRST_DAY < _N_DAYS:
            month = place[days[i] - FIRST_DAY]
            if month < 0:
                return i
            by_month[month, size] += 1
        by_file[size] += 1
    return len(bits)


class MonthLevels:
    """How many values of which size (eighths of an octave, sign apart) a column has in each month and each file."""

    def __init__(self) -> None:
        self._place = np.full(_N_DAYS, -1, dtype=np.int32)
        self._months: list[int] = []
        self._by_month = np.zeros((0, N_BINS), dtype=np.int64)
        self.by_file: dict[str, Int64s] = {}

    def add(self, values: npt.NDArray[np.float64], days: npt.NDArray[np.int32] | None, file: str) -> None:
        """Add values (zero = none), the day of each row or None, and the file they come from."""
        if file not in self.by_file:
            self.by_file[file] = np.zeros(N_BINS, dtype=np.int64)
        days = np.empty(0, dtype=np.int32) if days is None else days
        bits = np.ascontiguousarray(values).view(np.int64)
        row = 0
        while True:
            row = _count_sizes(row, bits, days, self._place, self._by_month, self.by_file[file])
            if row == len(bits):
                return
            self._make_place(int(days[row]))

    def _make_place(self, day: int) -> None:
        month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))
        low, high = np.array([month, month + 1]).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        self._place[max(low - FIRST_DAY, 0) : high - FIRST_DAY] = len(self._months)
        self._months.append(month)
        self._by_month = np.vstack([self._by_month, np.zeros((1, N_BINS), dtype=np.int64)])

    def by_month(self) -> tuple[Int64s, Int64s]:
        """Return the months with values (counted from January 1970), ascending, and their sizes."""
        months = np.array(self._months, dtype=np.int64)
        order = np.argsort(months)
        return months[order], self._by_month[order]


def bin_size(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the base-ten logarithm of the size that a (fractional) bin stands for."""
    octave, eighth = np.divmod(places, 8)
    logs: npt.NDArray[np.float64] = (octave + _LOWEST_EXPONENT - 1023) * np.log10(2) + np.log10(1 + eighth / 8)
    return logs
