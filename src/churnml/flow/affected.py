"""Whom a change or a fault concerns: rules of the configuration or of a command, over all buckets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churnml.campaign.affected import Concern, affected_list
from churnml.campaign.affected_set import Change, Purchase, buyers, check_levels, entries_of, in_scope, levels_seen
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList
from churnml.config import Affected, CalendarTable, Params
from churnml.engines.local import map_buckets
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import DAY_US, parse_instant, us_to_date
from churnml.wording import words

__all__ = ["concern_of", "make_affected", "purchase_of"]


def make_affected(
    params: Params, history: History, scores: pa.Table, contacts: pa.Table | None, *, rule: Affected, plan: CampaignPlan
) -> TeamList:
    """Return the list of those a rule concerns.

    Raises
    ------
    DataError
        If the kind of change or a value asked for is nowhere in the table, or a scope names no declared category.
    """
    concern = concern_of(params, history, rule, language=plan.language)
    as_of = us_to_date(history.as_of, timezone=params.histories.timezone)
    return affected_list(concern, scores, contacts, plan=plan, as_of=as_of)


def concern_of(params: Params, history: History, rule: Affected, *, language: str) -> Concern:
    """Return exactly whom a rule concerns, and what says so."""
    if isinstance(params.histories.tables[rule.table], CalendarTable):
        return _of_change(params, history, rule, language)
    return _of_purchase(params, history, rule, language)


def _of_change(params: Params, history: History, rule: Affected, language: str) -> Concern:
    zone = params.histories.timezone
    first = None if rule.on is None else parse_instant(rule.on, timezone=zone)
    until = None if rule.on is None else _day_after(rule.on, zone)
    entries = entries_of(history, Change(rule.table, rule.type, first, until))

    def one(number: int) -> pa.Array:
        bucket = Bucket(history, number)
        return bucket.customers.filter(pa.array(in_scope(bucket, history, rule.table, entries.scopes)))

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads) if entries.scopes else []
    text = words("affected.rule_change", language, kind=rule.type or words("affected.any_change", language))
    if entries.first_us is None or entries.first_us <= history.as_of:
        return Concern(rule.name, text, _joined(parts))
    begins, told_by = (us_to_date(instant, timezone=zone) for instant in (entries.first_us, entries.first_us - 1))
    return Concern(rule.name, text, _joined(parts), begins_on=begins, contact_by=told_by)


def _of_purchase(params: Params, history: History, rule: Affected, language: str) -> Concern:
    info, asked = history.tables[rule.table], purchase_of(params, rule)

    def one(number: int) -> tuple[pa.Array, np.ndarray[tuple[int], np.dtype[np.int64]], set[tuple[str, str]]]:
        bucket = Bucket(history, number)
        counts = buyers(bucket, asked)
        return bucket.customers.filter(pa.array(counts > 0)), counts[counts > 0], levels_seen(bucket, asked)

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    check_levels(asked, set().union(*(seen for _, _, seen in parts)), file=info.file)
    counts = np.concatenate([count for _, count, _ in parts])
    return Concern(rule.name, _purchase_words(rule, language), _joined([ids for ids, _, _ in parts]), counts)


def purchase_of(params: Params, rule: Affected) -> Purchase:
    """Return which rows of an events table a rule means."""
    zone, bounds = params.histories.timezone, {}
    if rule.first_day is not None:
        bounds["first_us"] = parse_instant(rule.first_day, timezone=zone)
    if rule.last_day is not None:
        bounds["until_us"] = _day_after(rule.last_day, zone)
    return Purchase(rule.table, rule.where, rule.at_least, **bounds)


def _day_after(day: str, zone: str) -> int:
    """Return the end of the day an instant lies on; a time of day is its own instant."""
    start = parse_instant(day, timezone=zone)
    if len(day) > len("2024-06-30"):
        return start + 1
    following = us_to_date(start + DAY_US + DAY_US // 2, timezone=zone)
    return parse_instant(following, timezone=zone)


def _joined(parts: list[pa.Array]) -> pa.Array:
    return pa.concat_arrays([*parts, pa.array([], pa.string())])


def _purchase_words(rule: Affected, language: str) -> str:
    """Return the rule as a reader can check it."""
    values = [f"{column} = {', '.join(texts)}" for column, texts in rule.where.items()]
    bounds = [f"{column} ≥ {least:g}" for column, least in rule.at_least.items()]
    days = [
        words(f"affected.{key}", language, day=day)
        for key, day in (("from_day", rule.first_day), ("to_day", rule.last_day))
        if day is not None
    ]
    asked = words("affected.and", language).join([*values, *bounds, *days])
    return words("affected.rule_purchase", language, table=rule.table, asked=asked)
