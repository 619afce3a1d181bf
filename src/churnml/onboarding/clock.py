"""Up to when rows count, and the zone of times without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from churnml.onboarding.definition import Churned
from churnml.onboarding.draft import GIVEN, Choice, Draft, Question, Wishes
from churnml.onboarding.passage import MISSING, Passage
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["clock_of", "zone_of"]

_ZONES = {
    "GBP": "Europe/London",
    "CNY": "Asia/Shanghai",
    "JPY": "Asia/Tokyo",
    "CHF": "Europe/Zurich",
    "PLN": "Europe/Warsaw",
}


def clock_of(
    folder: Path,
    files: Sequence[str],
    drafts: Sequence[Draft],
    churned: Churned,
    wishes: Wishes,
    questions: list[Question],
) -> dict[str, Choice]:
    """Propose up to when rows count: to the end of the last day of the table of churn, never by today's date."""
    if wishes.as_of is not None:
        return {"as_of": Choice(wishes.as_of, GIVEN)}
    if churned.passage is not None:
        last, end = churned.passage.last_day, churned.table.column("end")
        cut = _day_of_extract(churned.passage, end) if end is not None else None
        if cut is not None:
            # At the first instant of that day nobody's spell has ended by the extract.
            why = f"the day before {us_to_iso(cut * DAY_US)}, on which far too many spells end: the extract, no end"
            return {"as_of": Choice(us_to_iso((cut - 1) * DAY_US), why)}
        why = f"the first instant after the last day of {churned.table.name}"
        return {"as_of": Choice(us_to_iso((last + 1) * DAY_US), why)}
    seen = [
        int(f.values.max())
        for d in drafts
        for f in d.source.facts.values()
        if f.kind == "time" and f.values is not None
    ]
    known = [time for time in seen if time != MISSING]
    if known:
        return {"as_of": Choice(us_to_iso(max(known) // DAY_US * DAY_US), "the latest time in the file")}
    newest = max((folder / file).stat().st_mtime for file in files)
    questions.append(Question("histories.as_of", "the table has no dates: the date of the file stands on the lists"))
    day = us_to_iso(int(np.int64(newest)) * 1_000_000 // DAY_US * DAY_US)
    return {"as_of": Choice(day, "no dates in the table: the date of the file, written on the lists")}


def _day_of_extract(passage: Passage, end: str) -> int | None:
    """Return the last day with ends where a fifth of all ends lies on it: who was still there was cut off then."""
    days = passage.times[end][passage.times[end] != MISSING] // DAY_US
    days = days[days <= passage.last_day + 366]  # far ahead are ends that are planned, or stand for none
    if not len(days):
        return None
    distinct, counts = np.unique(days, return_counts=True)
    at = int(np.argmax(counts))
    is_last = at >= len(distinct) - 2 and len(distinct) > 30
    return int(distinct[at]) if is_last and counts[at] > 0.2 * len(days) else None


def zone_of(currency: str, wishes: Wishes, *, german: bool) -> Choice:
    """Propose the zone of times that name none."""
    if wishes.timezone is not None:
        return Choice(wishes.timezone, "as given")
    zone = "Europe/Berlin" if german and currency == "EUR" else _ZONES.get(currency, "UTC")
    return Choice(zone, "of times without zone: " + ("to be set" if zone == "UTC" else "by currency and language"))
