"""Which column plays which role in a table, each with its reason; what plays none is told as well."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from churnml.onboarding.amounts import give_amount
from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Choice, Draft, Question
from churnml.onboarding.kinds import period_of, times_of
from churnml.onboarding.names import hints
from churnml.onboarding.people import give_contact, names_a_person

__all__ = ["TODAY", "give_roles", "is_treatment_table"]

Int64s = npt.NDArray[np.int64]
TODAY = "looks like a state of today: it would tell the outcome"
_MOST_LEVELS = 200
_SAME_DAY = 1.005
_MISSING = np.iinfo(np.int64).min


def give_roles(draft: Draft) -> list[Question]:
    """Fill in the roles of a draft.

    Returns
    -------
    list of Question
        What its columns leave open.
    """
    questions: list[Question] = []
    if draft.kind == "customers":
        _give_joined(draft)
        give_contact(draft)
    elif draft.kind == "calendar":
        _give_calendar(draft)
        return questions
    elif draft.kind == "spells":
        _give_period(draft)
    else:
        questions += _give_time(draft)
        _give_group(draft)
    if draft.kind != "customers":
        _leave_out_people(draft)
        questions += give_amount(draft)
    if draft.kind == "spells":
        _give_reason(draft)
    _give_features(draft)
    return questions


def _give_joined(draft: Draft) -> None:
    found = [
        f for f in times_of(draft.source) if "joined" in f.hints and not f.hints & {"birth", "end", "state", "later"}
    ]
    if found:
        draft.roles["joined"] = Choice(found[0].name, "by its name, when the customer came")
    for facts in times_of(draft.source):
        if facts not in found[:1]:
            draft.left_out[facts.name] = "a time that says neither when the customer came nor what happened"


def _give_period(draft: Draft) -> None:
    period = period_of(draft.source)
    if period is None:
        return
    draft.roles["start"] = Choice(period.start)
    if period.end:
        n_open = draft.source.facts[period.end].missing_share
        draft.roles["end"] = Choice(period.end, f"empty in {n_open:.0%}: still open")
    if period.planned_end:
        role = "planned_end" if period.end else "end"
        draft.roles[role] = Choice(period.planned_end, "" if period.end else "the only end there is")
    _give_known_at(draft, times_of(draft.source), happened=period.start)
    _leave_out_times(draft)


def _give_time(draft: Draft) -> list[Question]:
    times = times_of(draft.source)
    known = [f for f in times if "known_at" in f.hints]
    ranked = sorted([f for f in times if f not in known] or times, key=_time_rank)
    if not ranked:
        return []
    first = ranked[0]
    draft.roles["time"] = Choice(first.name, _time_why(first))
    _give_known_at(draft, [f for f in known if f is not first], happened=first.name)
    rivals = [f for f in ranked[1:] if _time_rank(f)[0] == _time_rank(first)[0]]
    _leave_out_times(draft)
    if not rivals:
        return []
    text = f"when did a row of {draft.name} happen?"
    return [Question(f"histories.tables.{draft.name}.time", text, (first.name, *(f.name for f in rivals[:4])))]


def _time_rank(facts: Facts) -> tuple[float, float, int]:
    """Return how unlikely a column is the time of the event: words first, then gaps, then how early it lies."""
    points = 0.0
    points += 4 * bool(facts.hints & {"later", "birth", "state"}) + 2 * bool(facts.hints & {"end", "planned_end"})
    points -= 1 * ("happened" in facts.hints) + 0.5 * ("time" in facts.hints)
    points += 1 * (facts.missing_share > 0.02)
    values = np.asarray(facts.values)[np.asarray(facts.values) != _MISSING] if facts.values is not None else []
    return points, facts.missing_share, int(np.median(values)) if len(values) else 0


def _time_why(facts: Facts) -> str:
    return "stored as a time" if facts.time is None else facts.time.why


def _give_known_at(draft: Draft, known: Iterable[Facts], *, happened: str) -> None:
    first = draft.source.facts[happened]
    for facts in known:
        if "known_at" not in facts.hints or facts.values is None or first.values is None:
            continue
        a, b = first.values.astype(np.int64), facts.values.astype(np.int64)
        both = (a != _MISSING) & (b != _MISSING)
        if both.any() and (b[both] >= a[both]).mean() > 0.98:
            draft.roles["known_at"] = Choice(facts.name, f"never before {happened}: when the row arrived")
            return


def _leave_out_times(draft: Draft) -> None:
    for facts in times_of(draft.source):
        if facts.name not in draft.used:
            draft.left_out[facts.name] = "a further time"


def _give_group(draft: Draft) -> None:
    """Find item lines: rows of one order, call or visit, told by a number that repeats within one customer."""
    source, id_, time = draft.source, draft.facts("id"), draft.facts("time")
    if id_ is None or time is None or time.values is None:
        return
    customers = _codes(id_)
    for facts in source.facts.values():
        is_key = "row_key" in facts.hints and ("id" in facts.hints or facts.repeats < 50)
        if not is_key or facts.name == id_.name or facts.kind not in {"text", "number"} or facts.name in draft.used:
            continue
        lines, groups, n_shared = _lines(facts, customers)
        if groups < 2:
            continue
        if lines / groups >= 1.05 and n_shared <= 0.01 * groups:
            draft.roles["group"] = Choice(
                facts.name, f"{lines / groups:,.1f} lines each, of one customer: the lines of one are one event"
            )
            return
    if _is_by_day(time) and not _has_row_key(draft):
        draft.roles["duplicates"] = Choice("keep", "no column tells rows apart: equal rows are taken for two events")
        lines, days, _ = _lines(time, customers)
        pairs = np.unique(np.stack([customers, _codes(time)]), axis=1).shape[1]
        if days and lines / pairs > _SAME_DAY and "purchases_table" in hints(draft.name) | time.hints:
            why = "several rows of one customer on one day, the finest time there is, are one event"
            draft.roles["group"] = Choice(time.name, why)


def _codes(facts: Facts) -> Int64s:
    """Return a number per text, -1 where there is none."""
    codes = facts.texts.dictionary_encode().indices.fill_null(-1)
    return codes.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def _lines(facts: Facts, customers: Int64s) -> tuple[int, int, int]:
    """Return rows, groups, and groups of more than one customer."""
    codes = _codes(facts)
    there = (codes >= 0) & (customers >= 0)
    if not there.any():
        return 0, 0, 0
    pairs = np.unique(codes[there] * (int(customers.max()) + 1) + customers[there])
    groups = len(np.unique(codes[there]))
    return int(there.sum()), groups, len(pairs) - groups


def _is_by_day(time: Facts) -> bool:
    values = np.asarray(time.values)
    return bool((values[values != _MISSING] % 86_400_000_000 == 0).all())


def _has_row_key(draft: Draft) -> bool:
    facts = draft.source.facts.values()
    return any(f.repeats < 1.001 and f.hints & {"row_key", "id"} and f.kind in {"text", "number"} for f in facts)


def _give_reason(draft: Draft) -> None:
    for facts in draft.source.facts.values():
        if facts.kind == "text" and "end_reason" in facts.hints and facts.n_distinct <= _MOST_LEVELS:
            draft.roles["end_reason"] = Choice(facts.name)
            return


def _give_calendar(draft: Draft) -> None:
    times = times_of(draft.source)
    known = [f for f in times if "known_at" in f.hints]
    starts = sorted([f for f in times if f not in known], key=lambda f: ("end" in f.hints, f.missing_share))
    if not starts:
        starts = known
    draft.roles["time"] = Choice(starts[0].name)
    if known and known[0] is not starts[0]:
        draft.roles["known_at"] = Choice(known[0].name)
    ends = [f for f in starts[1:] if "end" in f.hints]
    if ends:
        draft.roles["end"] = Choice(ends[0].name)
    texts = [f for f in draft.source.facts.values() if f.kind in {"text", "flag"} and f.n_distinct <= 100]
    texts.sort(key=lambda f: ("type" not in f.hints, "scope" in f.hints))
    draft.roles["type"] = Choice(texts[0].name)
    scopes = [f for f in texts[1:] if f.share_like(r"^[^=]+=[^=]+$") > 0.99]
    if scopes:
        draft.roles["scope"] = Choice(scopes[0].name, "written as category=level")
    values = [f for f in draft.source.facts.values() if f.kind == "number" and "value" in f.hints]
    if values:
        draft.roles["value"] = Choice(values[0].name)


def _leave_out_people(draft: Draft) -> None:
    for facts in draft.source.facts.values():
        if facts.is_email or facts.is_phone or "address" in facts.hints or names_a_person(facts):
            draft.left_out.setdefault(facts.name, "says who or where somebody is: never a feature")


def _give_features(draft: Draft) -> None:
    """Share out what is left among numbers and categories, and say why the rest is left out."""
    numbers: list[str] = []
    categories: list[str] = []
    for name, facts in draft.source.facts.items():
        if name in draft.used or name in draft.left_out:
            continue
        reason = _unfit(draft, facts)
        if reason:
            draft.left_out[name] = reason
        elif facts.kind == "number" and not _is_coded(facts):
            numbers.append(name)
        else:
            categories.append(name)
    if numbers:
        draft.roles["numbers"] = Choice(numbers)
    if categories:
        draft.roles["categories"] = Choice(categories)


def _is_coded(facts: Facts) -> bool:
    """Return whether whole numbers are names of something."""
    is_named = bool(facts.hints & {"id", "type", "scope"}) and not facts.hints & {"quantity", "amount", "age_like"}
    return facts.is_whole and (facts.n_distinct <= 2 or (is_named and facts.n_distinct <= _MOST_LEVELS))


def _unfit(draft: Draft, facts: Facts) -> str:
    """Return why a column can be no feature, or nothing."""
    if facts.kind == "empty" or facts.n_distinct <= 1:
        return "always the same"
    if facts.kind == "time":
        return "a further time"
    is_key = "id" in facts.hints and not facts.hints & {"quantity", "amount"}
    if is_key and facts.kind in {"text", "number"} and facts.n_distinct > _MOST_LEVELS:
        return "a number of something, no quantity"
    if "state" in facts.hints and "harmless" not in facts.hints and facts.name not in draft.keep_states:
        return TODAY
    if draft.kind == "events" and "resolved" in facts.hints:
        return "known only later than the row happened"
    if facts.kind == "number":
        return ""
    if facts.kind == "flag":
        return ""
    if "currency" in facts.hints:
        return "the currency"
    if facts.n_distinct > _MOST_LEVELS or facts.repeats < 2 or facts.mean_length > 40:
        return f"{facts.n_distinct:,} different texts: nothing general can be learned from it"
    return ""


def is_treatment_table(draft: Draft) -> bool:
    """Return whether an events table tells of contacts that tried to keep customers."""
    return draft.kind == "events" and "treatments_table" in hints(draft.name)
