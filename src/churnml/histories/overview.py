"""What was read, for the report: rows and period of each file, rows over time of each table."""

from __future__ import annotations

from typing import Any

import numpy as np

from churnml.histories.dates import odd_days
from churnml.histories.profile import HistoryProfile
from churnml.timeline import day_to_date, us_to_iso

__all__ = ["file_rows", "volumes"]

_MOST_POINTS = 160


def file_rows(profile: HistoryProfile) -> list[dict[str, Any]]:
    """Return what was read of each file: rows, first and last instant, plain values."""
    return [
        {
            "table": name,
            "kind": table.contract.kind,
            "file": file,
            "rows": seen.rows,
            "first": _iso(seen.first) if seen.first <= seen.last else None,
            "last": _iso(seen.last) if seen.first <= seen.last else None,
        }
        for name, table in profile.tables.items()
        for file, seen in sorted(table.files.items())
    ]


def _iso(instant: int) -> str | None:
    # Stored times can lie beyond what a calendar names.
    return us_to_iso(instant)[:10] if -62_135_596_800_000_000 <= instant < 253_402_300_800_000_000 else None


def volumes(profile: HistoryProfile) -> list[dict[str, Any]]:
    """Return rows per day, week or month of each table with times, whichever gives a readable number of points.

    Placeholder and stray dates are left out. A step is named by its first day; steps count back from the last day, so
    that the last one is whole.
    """
    found = []
    for name, table in profile.tables.items():
        clock = table.clocks.get(table.time_column)
        if clock is None or table.contract.kind == "calendar":
            continue
        days, rows = clock.table()
        if not len(days):
            continue
        odd = odd_days(days, rows)
        inside = (days >= odd.first) & (days <= odd.last)
        days, rows = days[inside], rows[inside]
        unit, width = next(
            ((u, w) for u, w in (("day", 1), ("week", 7)) if (days[-1] - days[0]) // w < _MOST_POINTS), ("month", 30)
        )
        if unit == "month":
            months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            step = months - months[0]
            starts = (months[0] + np.arange(step[-1] + 1)).astype("datetime64[M]").astype("datetime64[D]")
            firsts = starts.astype(np.int64)
        else:
            n_steps = int((days[-1] - days[0]) // width + 1)
            step = n_steps - 1 - (days[-1] - days) // width
            firsts = days[-1] + 1 - width * np.arange(n_steps, 0, -1)
        counts = np.bincount(step, weights=rows, minlength=len(firsts)).astype(np.int64)
        found.append(
            {
                "table": name,
                "unit": unit,
                "starts": [day_to_date(int(day)).isoformat() for day in firsts],
                "rows": counts.tolist(),
            }
        )
    return found
