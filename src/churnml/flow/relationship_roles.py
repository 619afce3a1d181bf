"""Roles of the tables for the relationship reports: as declared, else recognised by name and scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from churnml.config import Params, Relationship
from churnml.engines.local import map_buckets
from churnml.flow.roles import purchases_table, signs_of_life
from churnml.histories.store import History
from churnml.relationship.assessment.groups import MAX_LEVELS
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.recognise import (
    likely_lines,
    likely_membership,
    likely_referral,
    likely_surveys,
    likely_tickets,
    satisfied_from,
    scale_of,
)
from churnml.relationship.roles import MembershipRole, ReferralRole, Roles, SurveyRole, TicketRole

__all__ = ["relationship_roles"]

_UNIT_HOURS = {"minutes": 1 / 60, "hours": 1.0, "days": 24.0}
Scale = tuple[float, float]


def relationship_roles(params: Params, history: History, *, at: int) -> Roles:
    """Return what the tables mean for a relationship.

    Parameters
    ----------
    params : Params
    history : History
    at : int
        Scales and levels are read off rows known at this instant.
    """
    block, tables = params.relationship, history.tables
    guess = block.recognise
    scales = _Scales(params, history, at)
    surveys = _surveys(block, scales)
    if surveys is None:
        surveys = likely_surveys(tables, scales) if guess else ()
    tickets = _tickets(block, history)
    if tickets is None and guess:
        tickets = likely_tickets(tables, sla_hours=block.sla_hours)
    # Where neither churn nor value is counted from purchases, they are the events that have amounts.
    paid = (info.name for info in history.of_kind("events") if info.has_amount)
    purchases = purchases_table(params) or next(paid, "")
    company = {tickets.answers} if tickets is not None else set()
    people = params.customers_table or ""
    return Roles(
        surveys=surveys,
        tickets=tickets,
        membership=MembershipRole(block.membership)
        if block.membership
        else likely_membership(tables)
        if guess
        else None,
        referral=ReferralRole(people, block.referral.column, block.referral.values)
        if block.referral
        else likely_referral(tables, _levels(params, history))
        if guess
        else None,
        purchases=purchases,
        interactions=tuple(name for name in signs_of_life(params) if name not in company),
        segments=_segments(params, history),
        lines=_lines(block, history, purchases, guess=guess),
    )


def _surveys(block: Relationship, scale: Callable[[str, str], Scale | None]) -> tuple[SurveyRole, ...] | None:
    if block.surveys is None:
        return None
    found = []
    for survey in block.surveys:
        ends = (
            survey.scale or ((0.0, 10.0) if survey.kind == "nps" else scale(survey.table, survey.score)) or (1.0, 5.0)
        )
        least = survey.satisfied_from if survey.satisfied_from is not None else satisfied_from(ends)
        found.append(SurveyRole(survey.table, survey.score, survey.kind, ends, 9.0 if survey.kind == "nps" else least))
    return tuple(found)


def _tickets(block: Relationship, history: History) -> TicketRole | None:
    declared = block.tickets
    if declared is None:
        return None
    return TicketRole(
        declared.table,
        is_spells=history.tables[declared.table].kind == "spells",
        answers=declared.answers or "",
        hours=declared.hours or "",
        reopened=declared.reopened or "",
        unit_hours=_UNIT_HOURS[declared.unit],
        sla_hours=block.sla_hours,
    )


class _Scales:
    """The scale that the values of a column fit, by rows known at an instant."""

    def __init__(self, params: Params, history: History, at: int) -> None:
        self._threads = params.train.threads
        self._history = history
        self._at = at

    def __call__(self, table: str, column: str) -> Scale | None:
        def one(number: int) -> tuple[float, float]:
            bucket = BucketAt(self._history, number, self._at)
            values = bucket.numbers(table, column)[rows_known(bucket, table)]
            values = values[np.isfinite(values)]
            return (float(values.min()), float(values.max())) if len(values) else (np.inf, -np.inf)

        ends = map_buckets(one, n_buckets=self._history.n_buckets, threads=self._threads)
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        return scale_of(low, high) if low <= high else None


def _levels(params: Params, history: History) -> Callable[[str, str], Sequence[str]]:
    def levels(table: str, column: str) -> Sequence[str]:
        def one(number: int) -> list[str]:
            return BucketAt(history, number, history.as_of).codes(table, column)[1]

        parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
        return sorted({level for part in parts for level in part})

    return levels


def _segments(params: Params, history: History) -> tuple[str, ...]:
    """Return the categories that part customers: those named, else all of the customers with few levels."""
    block, people = params.relationship, params.customers_table
    if block.segments is not None or people is None:
        return tuple(block.segments or ())
    levels = _levels(params, history)
    names = history.tables[people].categories
    segment = params.campaign.segment
    first = [segment] if segment is not None and segment in names else []
    every = dict.fromkeys([*first, *names])
    return tuple(name for name in every if 1 < len(levels(people, name)) <= MAX_LEVELS)


def _lines(block: Relationship, history: History, purchases: str, *, guess: bool) -> tuple[tuple[str, str], ...]:
    if block.product_lines is not None:
        return tuple((head, tail) for head, _, tail in (name.partition(".") for name in block.product_lines))
    return likely_lines(history.tables, purchases) if guess else ()
