"""What is open with a customer: something they wait for, are unhappy with, or have to decide soon."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import TIME, number_column
from churnml.reasons.causes import highest_score, low_score, source_class
from churnml.relationship.customer.rows import CustomerRows
from churnml.relationship.customer.summary import contracts
from churnml.timeline import DAY_US, us_to_date

__all__ = ["latest_answers", "open_issues"]

_SERVICE_DAYS = 90
_RENEWAL_DAYS = 90
_TOLD = ("table", "day", "measure", "score")


def latest_answers(rows: CustomerRows) -> list[dict[str, Any]]:
    """Return the newest answer to each question of a survey.

    Of each: ``table``, ``measure``, ``day``, ``score``, ``of`` (the upper end of the scale where the measure's
    name tells it), and whether it is ``low``.
    """
    found = []
    for name in rows.of_kind("events"):
        if source_class(name) != "survey":
            continue
        for measure in rows.infos[name].numbers:
            answered = rows.tables[name].filter(pc.is_valid(rows.tables[name][number_column(measure)]))
            if answered.num_rows:
                row = answered.slice(answered.num_rows - 1, 1).to_pylist()[0]
                score = row[number_column(measure)]
                entry = {"table": name, "measure": measure, "day": row["occurred_at"].date().isoformat()}
                found.append(
                    entry | {"score": score, "of": highest_score(measure), "low": bool(score <= low_score(measure))}
                )
    return found


def open_issues(rows: CustomerRows) -> list[dict[str, Any]]:
    """Return what is open, most pressing first.

    Returns
    -------
    list of dict
        ``kind``: ``service`` (requests of the last 90 days, with ``n`` and the day of the newest), ``low_score`` (the
        newest answer of a survey is low), ``contract_end`` (a contract in force has its planned end within 90 days);
        ``table``, ``day``.
    """
    return [*_service(rows), *_low_scores(rows), *_contract_ends(rows)]


def _service(rows: CustomerRows) -> list[dict[str, Any]]:
    found = []
    since = pa.scalar(rows.at - _SERVICE_DAYS * DAY_US, pa.int64()).cast(TIME)
    for name in rows.of_kind("events"):
        if source_class(name) == "service":
            recent = rows.tables[name].filter(pc.greater(rows.tables[name]["occurred_at"], since))
            if recent.num_rows:
                day = pc.max(recent["occurred_at"]).as_py().date().isoformat()
                found.append({"kind": "service", "table": name, "day": day, "n": recent.num_rows})
    return found


def _low_scores(rows: CustomerRows) -> list[dict[str, Any]]:
    low = [answer for answer in latest_answers(rows) if answer["low"]]
    return [{"kind": "low_score", **{key: answer[key] for key in _TOLD}} for answer in low]


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
