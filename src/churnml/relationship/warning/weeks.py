"""Whole weeks back from the end of a history: no weekday weighs more in one than in another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.timeline import DAY_US

__all__ = ["MOST_WEEKS_LATE", "WEEK_DAYS", "Weeks", "weeks_until"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
WEEK_DAYS = 7
MOST_WEEKS_LATE = 13
"""Later than that counts as this late."""
_LENGTH = WEEK_DAYS * DAY_US


@dataclass(frozen=True, slots=True)
class Weeks:
    """Weeks ``(start, start + 7 days]``, the last one ending where the history ends.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_weeks,)
        Ascending, microseconds.
    """

    starts: Int64s

    @property
    def year(self) -> float:
        """Return how many weeks a year has."""
        return 365.25 / WEEK_DAYS

    @property
    def ages(self) -> Int64s:
        """Return how many days before the end of the history each week ended."""
        ages: Int64s = (self.starts[-1] - self.starts) // DAY_US
        return ages

    def places(self, instants: Int64s) -> Int64s:
        """Return the number of the week of each instant, -1 = in none."""
        first, last = int(self.starts[0]), int(self.starts[-1]) + _LENGTH
        inside = (instants > first) & (instants <= last)
        place: Int64s = np.where(inside, -((first - np.where(inside, instants, first)) // _LENGTH) - 1, -1)
        return place

    def counted(self, instants: Int64s) -> Floats:
        """Return how many instants lie in each week."""
        place = self.places(instants)
        return np.bincount(place[place >= 0], minlength=len(self.starts)).astype(np.float64)

    def weeks_late(self, place: Int64s, known_at: Int64s) -> Int64s:
        """Return how many weeks after the end of its week each row became known, 0 to :data:`MOST_WEEKS_LATE`."""
        after: Int64s = -((self.starts[place] + _LENGTH - known_at) // _LENGTH)
        return np.clip(after, 0, MOST_WEEKS_LATE)

    def known(
        self, first: int, *, after_days: int, holes: Sequence[tuple[str, int, int]], tables: Collection[str]
    ) -> Bools:
        """Return which weeks are known: begun after the first row and so many days, and free of missing rows."""
        known: Bools = self.starts - after_days * DAY_US >= first
        for table, begin, end in holes:
            if table in tables:
                known &= (self.starts + _LENGTH < begin) | (self.starts - after_days * DAY_US >= end)
        return known


def weeks_until(end: int, *, first: int, most: int) -> Weeks:
    """Return the whole weeks between two instants, at most so many; at least one.

    Parameters
    ----------
    end, first : int
        Microseconds.
    most : int

    Examples
    --------
    >>> len(weeks_until(100 * DAY_US, first=0, most=260).starts)
    14
    """
    n = min(most, max(1, (end - first) // _LENGTH))
    return Weeks(end - _LENGTH * np.arange(n, 0, -1, dtype=np.int64))
