"""What a row of a table is: a customer, an event, something that lasted, or a change that concerned everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.histories.contract import Kind
from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Choice, Draft, Source
from churnml.onboarding.names import hints

__all__ = ["Period", "kind_of", "period_of", "times_of"]

_UNIQUE = 1.001
_MISSING = np.iinfo(np.int64).min
_DAY_US = 86_400_000_000
_LONG_DAYS = 20


@dataclass(frozen=True, slots=True)
class Period:
    """Two times of a row between which something lasted; the end may be missing."""

    start: str
    end: str | None
    planned_end: str | None
    median_days: float
    open_share: float


def times_of(source: Source) -> list[Facts]:
    """Return the columns of times, in the order of the file."""
    return [facts for facts in source.facts.values() if facts.kind == "time"]


def period_of(source: Source) -> Period | None:
    """Return start and end of what lasted, where two columns are that."""
    times = times_of(source)
    starts = [f for f in times if f.hints & {"start", "joined"} and not f.hints & {"planned_end", "known_at", "birth"}]
    ends = [f for f in times if f.hints & {"end", "planned_end"} and "start" not in f.hints]
    ends += [f for f in times if "end" in f.hints and "start" in f.hints and f not in ends and f not in starts[:1]]
    best: Period | None = None
    for start in starts:
        actual = next(
            (e for e in ends if e.name != start.name and "planned_end" not in e.hints and _after(start, e)), None
        )
        planned = next(
            (e for e in ends if e.name != start.name and "planned_end" in e.hints and _after(start, e)), None
        )
        if actual is None and planned is None:
            continue
        end = actual or planned
        lasted = _lengths(start, end) if end is not None else np.empty(0)
        open_share = end.missing_share if end is not None else 1.0
        found = Period(
            start.name,
            actual.name if actual else None,
            planned.name if planned else None,
            float(np.median(lasted)) if len(lasted) else 0.0,
            open_share,
        )
        if best is None or ("start" in start.hints and "start" not in source.facts[best.start].hints):
            best = found
    return best


def _lengths(start: Facts, end: Facts) -> npt.NDArray[np.float64]:
    """Return how many days lie between two times, where both are there."""
    if start.values is None or end.values is None:
        return np.empty(0)
    a, b = start.values.astype(np.int64), end.values.astype(np.int64)
    there = (a != _MISSING) & (b != _MISSING)
    lasted: npt.NDArray[np.float64] = (b[there] - a[there]) / _DAY_US
    return lasted


def _after(start: Facts, end: Facts) -> bool:
    lasted = _lengths(start, end)
    return len(lasted) == 0 or bool((lasted >= 0).mean() > 0.95)


def kind_of(source: Source, id_: Choice | None, *, others: Sequence[Source], ids: Mapping[str, Choice]) -> Draft | None:
    """Return an empty draft of the kind a table is, or None where it can be none.

    Parameters
    ----------
    source : Source
    id_ : Choice or None
        The column of the customer's id, or None where there is none.
    others : sequence of Source
        All tables.
    ids : mapping of str to Choice
        Of all tables.
    """
    if id_ is None:
        return _calendar(source)
    facts = source.facts[str(id_.value)]
    if not times_of(source) and facts.repeats >= _UNIQUE:
        return None
    draft = Draft(source, *_kind_and_why(source, facts, others=others, ids=ids))
    draft.roles["id"] = id_
    return draft


def _calendar(source: Source) -> Draft | None:
    kinds = [
        f for f in source.facts.values() if f.kind in {"text", "flag"} and "type" in f.hints and f.n_distinct <= 100
    ]
    if not times_of(source) or not (kinds or "calendar_table" in hints(source.name)):
        return None
    if not any(f.kind == "text" and f.n_distinct <= 100 for f in source.facts.values()):
        return None
    return Draft(source, "calendar", "no column names a customer; a time and a type are there")


def _kind_and_why(
    source: Source, id_: Facts, *, others: Sequence[Source], ids: Mapping[str, Choice]
) -> tuple[Kind, str]:
    period, is_unique, name = period_of(source), id_.repeats < _UNIQUE, hints(source.name)
    text = f"{id_.repeats:,.1f} rows per customer" if not is_unique else "one row per customer"
    is_about_spells = "spells_table" in name or any("spells_table" in f.hints for f in source.facts.values())
    if period is not None and (not is_unique or "spells_table" in name):
        is_long = period.median_days >= _LONG_DAYS or period.open_share > 0.2
        if is_long and (is_about_spells or period.open_share > 0.02):
            lasted = f"half last {period.median_days:,.0f} days or more, {period.open_share:.0%} have no end"
            return "spells", f"rows have a start and an end: {lasted}"
    if not times_of(source):
        return "customers", text
    if is_unique and not _is_few(source, id_, others, ids) and not _is_dated_event(source):
        return "customers", text
    return "events", f"{text}, each with a time"


def _is_few(source: Source, id_: Facts, others: Sequence[Source], ids: Mapping[str, Choice]) -> bool:
    """Return whether another table knows far more customers: then one row each is something that happened to some."""
    known = [o.facts[str(ids[o.name].value)].n_distinct for o in others if o is not source and o.name in ids]
    return bool(known) and id_.n_distinct < 0.5 * max(known) and "customers_table" not in hints(source.name)


def _is_dated_event(source: Source) -> bool:
    return bool(hints(source.name) & {"cancel_table", "purchases_table", "treatments_table"}) and (
        "customers_table" not in hints(source.name)
    )
