"""In which format times are written: decided by the cells, or told to be undecided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.cells import lost, time_cells
from churnml.histories.month_names import read_time

__all__ = ["TimeFormat", "time_format_of"]

Int64s = npt.NDArray[np.int64]
_CLOCKS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f")
_DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %m %Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y")
_MONTH_FIRST = ("%m.%d.%Y", "%m/%d/%Y", "%m-%d-%Y", "%m %d %Y", "%m.%d.%y", "%m/%d/%y", "%m-%d-%y")
_OTHER = ("%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y")
_NAMED = ("%d. %B %Y", "%d. %b %Y", "%d.%b.%Y", "%d-%B-%Y", "%B %Y", "%b %Y", "%d de %B de %Y")
_SINCE_1970 = {10: "%s", 13: "%Q"}
"""Digits of seconds and milliseconds since 1970, from 2001 to 2286."""
_CHINESE = ("%Y年%m月%d日", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时%M分", "%Y年%m月")
_ODD = (
    "%Y%m%d%H%M%S",
    "%Y%m%d %H:%M:%S",
    "%Y-%m",
    "%m/%Y",
    "%m.%Y",
    "%Y/%m",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %I:%M:%S %p",
)
_UNITS = {"%s": "seconds", "%Q": "milliseconds"}
_DAYS = 86_400_000_000
_FIRST_YEAR_US, _LAST_YEAR_US = -1_262_304_000_000_000 * 2, 4_102_444_800_000_000
"""About 1890 and 2100."""


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How times are written.

    Parameters
    ----------
    pattern : str or None
        ``strptime`` format; None = ISO 8601.
    other : str or None
        A second format that reads every cell as well; None = there is no doubt.
    why : str
    """

    pattern: str | None
    other: str | None = None
    why: str = "every cell reads as ISO 8601"


def _patterns() -> Iterator[str]:
    for day, clock in product((*_DAY_FIRST, *_MONTH_FIRST, *_OTHER, *_NAMED), _CLOCKS):
        yield day + clock
    yield from (*_CHINESE, *_ODD)


def instants(texts: Sequence[str], pattern: str | None) -> Int64s | None:
    """Return the instants that texts are, in microseconds, or None where one is none."""
    column = pa.array(texts, pa.string())
    if not len(column):
        return None
    if pattern is not None:
        try:
            # The first one tells of nearly every wrong format that it is wrong.
            if pattern not in _SINCE_1970.values():
                read_time(texts[0].strip(), pattern)
        except ValueError:
            return None
    text, values = time_cells(column, time_format=pattern, timezone="UTC", null_values=("",))
    if lost(text, values).any() or values.null_count:
        return None
    found: Int64s = values.cast(pa.int64()).to_numpy()
    usual = (found > _FIRST_YEAR_US) & (found < _LAST_YEAR_US)
    return found if usual.mean() > 0.5 else None


def time_format_of(texts: Sequence[str], *, is_named_time: bool) -> TimeFormat | None:
    """Return how distinct, non-empty cells are written if they are times.

    Parameters
    ----------
    texts : sequence of str
    is_named_time : bool
        Whether the column's name speaks of time: only then are bare digits taken for a date.
    """
    if not texts or not any(letter.isdigit() for letter in texts[0]):
        return None
    lengths = {len(text.strip()) for text in texts}
    since = _SINCE_1970.get(lengths.pop()) if is_named_time and len(lengths) == 1 else None
    if since is not None and all(text.strip().isdigit() for text in texts) and instants(texts, since) is not None:
        return TimeFormat(since, None, f"every cell is the {_UNITS[since]} since 1970")
    if all(text.strip().lstrip("+-").replace(".", "", 1).isdigit() for text in texts) and (
        not is_named_time or any(len(text.strip()) not in {8, 14} for text in texts)
    ):
        return None
    if instants(texts, None) is not None:
        return TimeFormat(None)
    for pattern in _patterns():
        found = instants(texts, pattern)
        if found is not None:
            return _without_doubt(pattern, texts, found)
    return None


def _without_doubt(pattern: str, texts: Sequence[str], found: Int64s) -> TimeFormat:
    """Hold a format with the day first against its twin with the month first."""
    twin = next((pattern.replace(d, m) for d, m in zip(_DAY_FIRST, _MONTH_FIRST, strict=True) if d in pattern), None)
    turned = instants(texts, twin) if twin is not None else None
    if twin is None or turned is None:
        both = any(first in pattern for first in (*_DAY_FIRST, *_MONTH_FIRST))
        why = "a number above 12 stands in the place of the day" if both else "every cell reads so"
        return TimeFormat(pattern, None, why)
    # The right reading fills its span of days; the wrong one scatters a few days over the year.
    filled, scattered = _filling(found), _filling(turned)
    first, second = (pattern, twin) if filled >= scattered else (twin, pattern)
    if filled == scattered and "/" in pattern and "%p" in pattern:
        first, second = twin, pattern
    why = f"day and month could be turned; this way {max(filled, scattered):.0%} of the days in its span have rows"
    return TimeFormat(first, second, why)


def _filling(found: Int64s) -> float:
    days = np.unique(found // _DAYS)
    return round(len(days) / (int(days[-1] - days[0]) + 1), 3)
