"""Windows, horizons and calendars: the only place where dates are computed or compared.

An instant is an ``int64`` count of microseconds since 1970-01-01T00:00:00Z. For an observation date *t* the
history is ``(..., t]`` and the outcome ``(t + lead, t + lead + horizon]``; a day is exactly 86,400 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from churnml.errors import ConfigError

__all__ = [
    "DAY_US",
    "NEVER",
    "OutcomeWindow",
    "day_to_date",
    "day_to_us",
    "days_to_us",
    "iso_to_date",
    "iso_to_local",
    "observation_grid",
    "parse_instant",
    "us_to_date",
    "us_to_iso",
    "zone_offsets",
]

DAY_US = 86_400_000_000
"""Microseconds of a day."""

NEVER = np.iinfo(np.int64).max
"""The instant of something that has not happened: the end of an open spell."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days_to_us(days: float) -> int:
    """Return a number of days in microseconds."""
    return round(days * DAY_US)


def parse_instant(text: str | date | datetime, *, timezone: str) -> int:
    """Read an ISO date or time; without a zone it is local to ``timezone``.

    A date means its first instant (00:00), so ``2024-06-30`` excludes what happened later on that day.

    Parameters
    ----------
    text : str, date or datetime
        For example ``2024-06-30``, ``2024-06-30T18:00`` or ``2024-06-30T18:00:00+02:00``.
    timezone : str
        IANA name, used where the text names no zone.

    Returns
    -------
    int
        Microseconds since the epoch, UTC.

    Raises
    ------
    ConfigError
        If the text is no ISO date or time.

    Examples
    --------
    >>> parse_instant("1970-01-02", timezone="UTC") == DAY_US
    True
    """
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else text.isoformat())
    except ValueError as error:
        raise ConfigError(
            "not an ISO date or time", rule="config.date", next_step="Write it as 2024-06-30 or 2024-06-30T18:00."
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return (moment - _EPOCH) // timedelta(microseconds=1)


def us_to_iso(instant: int) -> str:
    """Return an instant as ISO text in UTC: no time of day where that is midnight, no fraction where there is none.

    Examples
    --------
    >>> us_to_iso(DAY_US), us_to_iso(1_500_000)
    ('1970-01-02', '1970-01-01T00:00:01.500000Z')
    """
    moment = (_EPOCH + timedelta(microseconds=int(instant))).replace(tzinfo=None)
    return moment.date().isoformat() if instant % DAY_US == 0 else moment.isoformat() + "Z"


def us_to_date(instant: int, *, timezone: str = "UTC") -> date:
    """Return the calendar day of an instant in a time zone."""
    return (_EPOCH + timedelta(microseconds=int(instant))).astimezone(ZoneInfo(timezone)).date()


def iso_to_local(text: str, *, timezone: str) -> str:
    """Return an instant as :func:`us_to_iso` writes it, as day and minute of a time zone.

    Examples
    --------
    >>> iso_to_local("2024-06-30T12:00:30Z", timezone="Europe/Berlin"), iso_to_local("2024-01-01", timezone="UTC")
    ('2024-06-30 14:00', '2024-01-01 00:00')
    """
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return moment.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")


def iso_to_date(text: str) -> date:
    """Return the day of an ISO date or time as :func:`us_to_iso` writes it.

    Examples
    --------
    >>> iso_to_date("2024-06-30T12:00:00Z")
    datetime.date(2024, 6, 30)
    """
    return date.fromisoformat(text[:10])


def day_to_date(day: int) -> date:
    """Return the date of a calendar day that is counted from 1 January 1970."""
    return (_EPOCH + timedelta(days=int(day))).date()


def day_to_us(day: int, *, timezone: str) -> int:
    """Return the first instant of a calendar day, counted from 1 January 1970, in a time zone."""
    return parse_instant(day_to_date(day), timezone=timezone)


@cache
def zone_offsets(timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return since when which offset from UTC holds in a time zone, 1970 to 2100; local = UTC + offset.

    Parameters
    ----------
    timezone : str
        IANA name.

    Returns
    -------
    starts, offsets : ndarray of int64
        Microseconds; the first start lies before any time.

    Examples
    --------
    >>> starts, offsets = zone_offsets("Asia/Shanghai")
    >>> int(offsets[-1]) // 3_600_000_000
    8
    """
    zone, hour = ZoneInfo(timezone), timedelta(hours=1)

    def offset_at(hours: int) -> int:
        moment = (_EPOCH + hours * hour).astimezone(zone)
        return (moment.utcoffset() or timedelta()) // timedelta(microseconds=1)

    starts, offsets = [np.iinfo(np.int64).min], [offset_at(0)]
    # Clock changes lie at least a fortnight apart, and on a quarter of an hour at worst: hours are near enough here.
    for week in range(0, 131 * 366 * 24, 7 * 24):
        low, high = week, week + 7 * 24
        if offset_at(high) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_at(middle) == offsets[-1] else (low, middle)
        starts.append(high * 3_600_000_000)
        offsets.append(offset_at(high))
    return np.array(starts), np.array(offsets)


@dataclass(frozen=True, slots=True)
class OutcomeWindow:
    """Where an outcome is looked for: ``(t + lead, t + lead + horizon]``, known after a further ``grace``.

    Parameters
    ----------
    horizon_us, lead_us, grace_us : int
        Lengths in microseconds; horizon > 0, the others >= 0.
    """

    horizon_us: int
    lead_us: int = 0
    grace_us: int = 0

    @classmethod
    def of_days(cls, *, horizon_days: float, lead_days: float = 0, grace_days: float = 0) -> OutcomeWindow:
        """Build the window from lengths in days."""
        return cls(days_to_us(horizon_days), days_to_us(lead_days), days_to_us(grace_days))

    @property
    def reach_us(self) -> int:
        """Return how far after *t* the outcome is settled."""
        return self.lead_us + self.horizon_us + self.grace_us

    def opens(self, t: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the last instant before the outcome window of each *t*."""
        return t + self.lead_us

    def closes(self, t: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the last instant inside the outcome window of each *t*."""
        return t + self.lead_us + self.horizon_us

    def is_settled(self, t: npt.NDArray[np.int64], *, as_of: int) -> npt.NDArray[np.bool_]:
        """Return whether the outcome of each *t* is fully observed at ``as_of``."""
        return t + self.reach_us <= as_of

    def last_settled(self, *, as_of: int) -> int:
        """Return the newest *t* whose outcome is fully observed at ``as_of``."""
        return as_of - self.reach_us


def observation_grid(*, newest: int, every_us: int, count: int, oldest: int) -> npt.NDArray[np.int64]:
    """Return up to ``count`` observation dates, ascending: ``newest``, then steps back, none before ``oldest``.

    Examples
    --------
    >>> observation_grid(newest=100, every_us=30, count=12, oldest=20).tolist()
    [40, 70, 100]
    """
    grid = newest - every_us * np.arange(count, dtype=np.int64)[::-1]
    return grid[grid >= oldest]
