"""How old the newest row of each table is at ``as_of``, against the age that is expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churnml.histories.bucket import Bucket
from churnml.histories.store import History, TableInfo
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["Freshness", "freshness_of"]

_LEAST_DAYS = 30
"""A table with rows on fewer days has no rhythm to be silent against."""
_TIMES = {"events": "occurred_at", "spells": "started_at"}


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest row of one table.

    Parameters
    ----------
    table, file : str
    newest : str or None
        Day of the newest row that was usable, ISO; None = there is no row.
    age_days : float or None
        How long before ``as_of``; from the end of its day, where it need not be known better.
    max_age_days : float or None
        What is expected of the table; None = nothing was said.
    longest_pause_days : int or None
        Days without a row, at most, between any two rows so far; None = too few days to tell.
    """

    table: str
    file: str
    newest: str | None
    age_days: float | None
    max_age_days: float | None
    longest_pause_days: int | None

    @property
    def is_stale(self) -> bool:
        """Return whether the newest row is older than expected, or there is none."""
        if self.max_age_days is None:
            return False
        return self.age_days is None or self.age_days > self.max_age_days

    @property
    def is_silent(self) -> bool:
        """Return whether a table of which nothing is expected has paused longer than it ever had."""
        if self.max_age_days is not None or self.longest_pause_days is None or self.age_days is None:
            return False
        return self.age_days > self.longest_pause_days + 1


def freshness_of(history: History, max_age_days: Mapping[str, float | None]) -> list[Freshness]:
    """Return the age of the newest usable row of every table, by name.

    Ages come from the days in the manifest; rows are looked at only where the hour decides.

    Parameters
    ----------
    history : History
    max_age_days : mapping of str to float or None
        Table -> expected age.
    """
    return [_of(history, info, max_age_days.get(name)) for name, info in sorted(history.tables.items())]


def _of(history: History, info: TableInfo, expected: float | None) -> Freshness:
    days = info.day[info.rows_per_day > 0]
    days = days[days * DAY_US <= history.as_of]
    if not len(days):
        return Freshness(info.name, info.file, None, None, expected, None)
    newest = int(days[-1]) * DAY_US
    age = max(0.0, (history.as_of - newest) / DAY_US - 1.0)
    if expected is not None and age <= expected < age + 1.0 and info.kind in _TIMES:
        # The day alone does not tell: one row at its first hour is older than one at its last.
        age = (history.as_of - _newest_row(history, info)) / DAY_US
    # Sentinel dates long before the history would make every pause look usual.
    pauses = np.diff(days[days * DAY_US >= info.first_us])
    pause = int(pauses.max()) - 1 if len(pauses) >= _LEAST_DAYS and info.kind == "events" else None
    return Freshness(info.name, info.file, us_to_iso(newest), age, expected, pause)


def _newest_row(history: History, info: TableInfo) -> int:
    newest = [
        int(times[times <= history.as_of].max(initial=0))
        for number in range(history.n_buckets)
        for times in [Bucket(history, number).instants(info.name, _TIMES[info.kind])]
    ]
    return max(newest)
