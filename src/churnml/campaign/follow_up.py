"""What became of the work on lists: figures of each list, and of each owner on it, that add up to what was listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.told import OUTCOMES, REACHED
from churnml.campaign.work import WorkList

__all__ = ["COUNTS", "STATES", "Breach", "FollowUp", "follow_up"]

STATES = (*OUTCOMES, "carried", "untouched")
"""Where each listed customer stands: what the last contact came to, listed again on a later list, or nothing yet."""

COUNTS = ("listed", *STATES, "tried", "open", "overdue", "held_out", "held_out_reached", "held_out_tried")
"""``listed`` = sum of the states; ``open`` = not reached + untouched; ``overdue`` = open of which the day has passed;
``tried`` = listed with any contact."""

_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """Somebody who was to be left alone for the comparison, and was not."""

    listed: str
    day: date
    customer_id: str
    outcome: str
    on: date
    owner: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The work on all lists as of a day.

    Parameters
    ----------
    by_list : list of dict
        ``list``, ``as_of``, the :data:`COUNTS`, ``reached_rate`` (None where nobody was tried).
    by_owner : list of dict
        The same for each owner of each list; those of a list add up to it.
    breaches : list of Breach
    """

    by_list: list[dict[str, Any]]
    by_owner: list[dict[str, Any]]
    breaches: list[Breach]


@dataclass(frozen=True, slots=True)
class _Last:
    outcome: str
    owner: str
    on: date


def follow_up(lists: Iterable[WorkList], told: pa.Table, *, day: date, timezone: str) -> FollowUp:
    """Count where the work stands at the end of a day.

    The last contact of a customer on a list counts; of several at one instant, the one told last. Who is listed again
    on a later list of that name is carried over to it, where nothing was settled on the earlier one. An owner is who
    the list names, else the team, else who made the contact.

    Parameters
    ----------
    lists : iterable of WorkList
        By name and day; those of a later day are left out.
    told : Table
        As :func:`churnml.campaign.told_store.told_rows` returns it.
    day : date
    timezone : str
        Whose days are meant.
    """
    known = [each for each in lists if each.day <= day]
    last = _last_contacts(told, day=day, timezone=timezone)
    again = _listed_again(known)
    by_list, by_owner, breaches = [], [], []
    for each in known:
        counted: dict[str, dict[str, int]] = {}
        for row in each.table.to_pylist():
            contact = last.get((each.name, each.day, row["customer_id"]))
            owner = row["owner"] or row["team"] or (contact.owner if contact else _NOBODY)
            counts = counted.setdefault(owner, dict.fromkeys(COUNTS, 0))
            if row["decision"] == "holdout":
                _count_held_out(counts, contact)
                if contact is not None:
                    breaches.append(
                        Breach(each.name, each.day, row["customer_id"], contact.outcome, contact.on, contact.owner)
                    )
                continue
            is_again = again.get((each.name, row["customer_id"]), each.day) > each.day
            _count_listed(counts, contact, is_again=is_again, due=row["contact_by"], day=day)
        names = {"list": each.name, "as_of": each.day.isoformat()}
        by_owner += [{**names, "owner": owner, **_with_rate(counted[owner])} for owner in sorted(counted)]
        total = {name: sum(counts[name] for counts in counted.values()) for name in COUNTS}
        by_list.append({**names, **_with_rate(total)})
    return FollowUp(by_list, by_owner, breaches)


def _last_contacts(told: pa.Table, *, day: date, timezone: str) -> dict[tuple[str, date, str], _Last]:
    """Return (list, its day, customer) -> the last contact up to the end of the day."""
    local = pc.local_timestamp(told["at"].cast(pa.timestamp("us", tz=timezone))).cast(pa.date32(), safe=False)
    told = told.append_column("on", local)
    order = pc.sort_indices(told["at"])  # stable: of one instant, what was told last comes last
    last: dict[tuple[str, date, str], _Last] = {}
    for row in told.take(order).to_pylist():
        place = (row["list"], row["as_of"], row["customer_id"])
        # A later try does not undo that somebody who was to be left alone has been spoken with.
        is_undone = row["arm"] == "holdout" and row["outcome"] not in REACHED and place in last
        if row["on"] <= day and not is_undone:
            last[place] = _Last(row["outcome"], row["owner"] or _NOBODY, row["on"])
    return last


def _listed_again(lists: Iterable[WorkList]) -> dict[tuple[str, str], date]:
    """Return (list, customer) -> the newest day on which the customer was to be contacted."""
    newest: dict[tuple[str, str], date] = {}
    for each in lists:
        for customer in each.table.filter(pc.equal(each.table["decision"], "contact"))["customer_id"].to_pylist():
            place = (each.name, customer)
            newest[place] = max(each.day, newest.get(place, each.day))
    return newest


def _count_held_out(counts: dict[str, int], contact: _Last | None) -> None:
    counts["held_out"] += 1
    if contact is not None:
        counts["held_out_reached" if contact.outcome in REACHED else "held_out_tried"] += 1


def _count_listed(
    counts: dict[str, int], contact: _Last | None, *, is_again: bool, due: date | None, day: date
) -> None:
    counts["listed"] += 1
    counts["tried"] += contact is not None
    if contact is not None and contact.outcome in REACHED:
        counts[contact.outcome] += 1
    elif is_again:
        counts["carried"] += 1
    else:
        counts["untouched" if contact is None else "not_reached"] += 1
        counts["open"] += 1
        counts["overdue"] += due is not None and due < day


def _with_rate(counts: Mapping[str, int]) -> dict[str, Any]:
    reached = sum(counts[name] for name in REACHED)
    return {**counts, "reached_rate": reached / counts["tried"] if counts["tried"] else None}
