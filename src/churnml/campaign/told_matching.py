"""Told contacts held against the lists they belong to: each row finds its place on a list, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.told import TOLD_SCHEMA
from churnml.campaign.told_words import ToldWords
from churnml.campaign.work import WorkList
from churnml.timeline import us_to_date

__all__ = ["BAD", "UNMATCHED", "TimedRow", "Told", "match_rows"]

BAD = ("no_customer", "no_outcome", "unknown_outcome", "no_time", "unreadable_time", "later_than_today")
"""Why a row says nothing that can be used, in the order in which it is looked at."""

UNMATCHED = ("unknown_list", "not_on_a_list", "before_the_list", "several_lists")
"""Why a row belongs to no list."""

_MOST_LETTERS = 80
"""A longer text in the owner's column is a note, and notes are not kept."""


@dataclass(frozen=True, slots=True)
class TimedRow:
    """A row of a file as it stands there.

    Parameters
    ----------
    line : int
        1-based row, the header being 1.
    customer_id, outcome, owner, channel, listed : str or None
        As written; None = empty.
    at_us : int or None
        Instant; None = empty or not readable.
    has_time : bool
        Whether something stands in the column of times.
    """

    line: int
    customer_id: str | None
    outcome: str | None
    at_us: int | None
    has_time: bool
    owner: str | None
    channel: str | None
    listed: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one file.

    Parameters
    ----------
    rows : Table
        :data:`TOLD_SCHEMA`, in the order of the file.
    lines : tuple of int
        Line of each of them.
    rejected : tuple of (TimedRow, str)
        Rows that tell nothing usable or belong to no list, with the reason.
    n_open : int
        Rows without outcome and time: of a list that was sent back, what is still to be done.
    """

    rows: pa.Table
    lines: tuple[int, ...]
    rejected: tuple[tuple[TimedRow, str], ...]
    n_open: int


@dataclass(frozen=True, slots=True)
class _Place:
    listed: str
    day: date
    arm: str


def match_rows(
    rows: Sequence[TimedRow], lists: Iterable[WorkList], *, told: ToldWords, today: date, timezone: str
) -> Told:
    """Find the list that each told contact belongs to.

    It is the newest one that names the customer and is not later than the contact, of the list that the row names,
    else of any list; of several, the one on which the customer was to be contacted.

    Parameters
    ----------
    rows : sequence of TimedRow
    lists : iterable of WorkList
    told : ToldWords
    today : date
        A contact of a later day is refused.
    timezone : str
        Whose days are meant.
    """
    places, names = _places(lists, {row.customer_id for row in rows if row.customer_id})
    kept: list[dict[str, Any]] = []
    lines: list[int] = []
    rejected: list[tuple[TimedRow, str]] = []
    n_open = 0
    for row in rows:
        if row.outcome is None and not row.has_time:
            n_open += 1
            continue
        why = _fault(row, told, today, timezone)
        place = None if why else _place_of(row, places, names, timezone)
        if isinstance(place, _Place):
            lines.append(row.line)
            kept.append(_kept(row, place, told))
        else:
            rejected.append((row, why or str(place)))
    table = pa.Table.from_pylist(kept, schema=TOLD_SCHEMA)
    return Told(table, tuple(lines), tuple(rejected), n_open)


def _places(lists: Iterable[WorkList], customers: set[str]) -> tuple[dict[str, list[_Place]], set[str]]:
    """Return customer -> places, and the names of all lists."""
    wanted = pa.array(sorted(customers), pa.string())
    places: dict[str, list[_Place]] = {}
    names = set()
    for each in lists:
        names.add(each.name)
        rows = each.table.filter(pc.is_in(each.table["customer_id"], value_set=wanted))
        for customer, arm in zip(rows["customer_id"].to_pylist(), rows["decision"].to_pylist(), strict=True):
            places.setdefault(customer, []).append(_Place(each.name, each.day, arm))
    return places, names


def _fault(row: TimedRow, told: ToldWords, today: date, timezone: str) -> str | None:
    faults = {
        "no_customer": row.customer_id is None,
        "no_outcome": row.outcome is None,
        "unknown_outcome": row.outcome is not None and told.outcome_of(row.outcome) is None,
        "no_time": not row.has_time,
        "unreadable_time": row.has_time and row.at_us is None,
        "later_than_today": row.at_us is not None and us_to_date(row.at_us, timezone=timezone) > today,
    }
    return next((name for name in BAD if faults[name]), None)


def _place_of(row: TimedRow, places: Mapping[str, list[_Place]], names: set[str], timezone: str) -> _Place | str:
    """Return the place of a row, or one of :data:`UNMATCHED`."""
    found = places.get(row.customer_id or "", [])
    if row.listed is not None:
        name, day = _named(row.listed, names)
        if name is None:
            return "unknown_list"
        found = [place for place in found if place.listed == name and day in {None, place.day}]
    if not found:
        return "not_on_a_list"
    on = us_to_date(row.at_us or 0, timezone=timezone)
    newest: dict[str, _Place] = {}
    for place in found:
        if place.day <= on and (place.listed not in newest or newest[place.listed].day < place.day):
            newest[place.listed] = place
    if not newest:
        return "before_the_list"
    best = max((place.arm == "contact", place.day) for place in newest.values())
    first = [place for place in newest.values() if (place.arm == "contact", place.day) == best]
    return first[0] if len(first) == 1 else "several_lists"


def _named(text: str, names: set[str]) -> tuple[str | None, date | None]:
    """Return list and day of a text such as ``retention`` or, as exports write it, ``retention-2024-06-30``."""
    plain = text.strip().casefold()
    if plain in names:
        return plain, None
    name, day = plain[:-10].rstrip(" -_/"), plain[-10:]
    try:
        return (name, date.fromisoformat(day)) if name in names else (None, None)
    except ValueError:
        return None, None


def _kept(row: TimedRow, place: _Place, told: ToldWords) -> dict[str, Any]:
    owner = row.owner if row.owner is None or len(row.owner) <= _MOST_LETTERS else None
    return {
        "list": place.listed,
        "as_of": place.day,
        "customer_id": row.customer_id,
        "arm": place.arm,
        "outcome": told.outcome_of(row.outcome or ""),
        "at": np.datetime64(row.at_us, "us").astype(object),
        "owner": owner,
        "channel": told.channel_of(row.channel),
    }
