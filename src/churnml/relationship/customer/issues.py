"""What is open with a customer: something they wait for, are unhappy with, or have to decide soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import number_column
from churnml.reasons.causes import low_score
from churnml.relationship.customer.rows import CustomerRows
from churnml.relationship.customer.summary import contracts
from churnml.relationship.known import BucketAt
from churnml.relationship.roles import SurveyRole, TicketRole
from churnml.relationship.tickets import tickets_of
from churnml.timeline import DAY_US, NEVER, us_to_date

__all__ = ["latest_answers", "open_issues", "waiting_for"]

_SERVICE_DAYS = 90
_RENEWAL_DAYS = 90
_TOLD = ("table", "day", "measure", "score")


def latest_answers(rows: CustomerRows, surveys: Sequence[SurveyRole]) -> list[dict[str, Any]]:
    """Return the newest answer to each question of a survey.

    Of each: ``table``, ``measure``, ``day``, ``score``, ``of`` (the upper end of its scale), and whether it is ``low``,
    as reasons call it so.
    """
    found = []
    for role in surveys:
        table, stored = rows.tables[role.table], number_column(role.column)
        answered = table.filter(pc.is_valid(table[stored]))
        if answered.num_rows:
            row = answered.slice(answered.num_rows - 1, 1).to_pylist()[0]
            entry = {"table": role.table, "measure": role.column, "day": row["occurred_at"].date().isoformat()}
            low = bool(row[stored] <= low_score(role.column))
            found.append(entry | {"score": row[stored], "of": role.scale[1], "low": low})
    return found


def open_issues(
    rows: CustomerRows, answers: Sequence[Mapping[str, Any]], waiting: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return what is open, most pressing first.

    Parameters
    ----------
    rows : CustomerRows
    answers : sequence of mapping
        See :func:`latest_answers`.
    waiting : mapping or None
        See :func:`waiting_for`.

    Returns
    -------
    list of dict
        ``kind``: that of ``waiting``; ``low_score`` (the newest answer of a survey is low), ``contract_end`` (a
        contract in force has its planned end within 90 days); ``table``, ``day``.
    """
    return [*([dict(waiting)] if waiting else []), *_low_scores(answers), *_contract_ends(rows)]


def waiting_for(bucket: BucketAt, customer: str, role: TicketRole | None) -> dict[str, Any] | None:
    """Return what the customer waits for at the bucket's instant, None where it is nothing.

    Returns
    -------
    dict or None
        ``kind`` is ``unanswered`` (``n`` requests without an answer, ``overdue`` of them), or, where the histories do
        not tell answers, ``service`` (``n`` requests of the last 90 days); ``table``, and ``day`` of the newest.
    """
    if role is None:
        return None
    tickets = tickets_of(bucket, role)
    number = bucket.rows_of(pa.chunked_array([pa.array([customer], pa.string())]))[0]
    since = bucket.at - _SERVICE_DAYS * DAY_US
    is_meant = tickets.closed == NEVER if role.knows_answers else tickets.opened > since
    meant = np.flatnonzero((tickets.customer == number) & is_meant)
    if not len(meant):
        return None
    found = {"table": role.table, "day": us_to_date(int(tickets.opened[meant].max())).isoformat(), "n": len(meant)}
    if not role.knows_answers:
        return {"kind": "service", **found}
    n_overdue = int((tickets.deadline(role.sla_hours)[meant] < bucket.at).sum())
    return {"kind": "unanswered", **found, "overdue": n_overdue}


def _low_scores(answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": "low_score", **{key: answer[key] for key in _TOLD}} for answer in answers if answer["low"]]


def _contract_ends(rows: CustomerRows) -> list[dict[str, Any]]:
    today = us_to_date(rows.at)
    soon = today + timedelta(days=_RENEWAL_DAYS)
    found = []
    for name in rows.of_kind("spells"):
        for contract in contracts(name, rows):
            planned = contract["planned_end"] and date.fromisoformat(contract["planned_end"])
            if contract["end"] is None and planned and today < planned <= soon:
                found.append({"kind": "contract_end", "table": name, "day": contract["planned_end"]})
    return found
