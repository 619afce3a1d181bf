"""A definition that changed: both are computed for both periods, and the break is marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from churnml.relationship.assessment.cells import Side, Terms, figure_cells
from churnml.relationship.assessment.figures import FIGURES
from churnml.relationship.customers import Subject
from churnml.timeline import DAY_US, days_to_us

__all__ = ["CONCERNS", "breaks", "definitions_of", "with_definitions"]

Definitions = Mapping[str, Any]
CONCERNS = {
    "csat_satisfied_from": ("csat",),
    "sla_hours": ("sla_breach", "overdue"),
    "churn_horizon_days": ("churn", "revenue_churn"),
    "churn_active_within_days": ("churn", "revenue_churn"),
}
"""Definition -> figures that it decides."""


class _Asked(Protocol):
    """What the report says of itself."""

    @property
    def terms(self) -> Terms: ...

    @property
    def earlier(self) -> Definitions | None: ...


class _Looks(Protocol):
    """Looks at one period after the other."""

    @property
    def subject(self) -> Subject: ...

    def side(self, steps: int, subject: Subject | None = None) -> Side: ...


def definitions_of(subject: Subject) -> dict[str, Any]:
    """Return what the figures are defined by, JSON-ready."""
    csat, tickets, churn = subject.roles.of_kind("csat"), subject.roles.tickets, subject.churn
    within = churn.active_within_us
    return {
        "csat_satisfied_from": {f"{role.table}.{role.column}": role.satisfied_from for role in csat},
        "sla_hours": None if tickets is None else tickets.sla_hours,
        "churn_kind": churn.kind,
        "churn_table": churn.table,
        "churn_horizon_days": subject.window.horizon_us // DAY_US,
        "churn_active_within_days": None if within is None else within // DAY_US,
    }


def with_definitions(subject: Subject, given: Definitions) -> Subject:
    """Return a subject measured by other definitions; what is not given stays."""
    roles, churn, window = subject.roles, subject.churn, subject.window
    scores = given.get("csat_satisfied_from") or {}
    surveys = tuple(
        replace(role, satisfied_from=float(scores[f"{role.table}.{role.column}"]))
        if role.kind == "csat" and f"{role.table}.{role.column}" in scores
        else role
        for role in roles.surveys
    )
    tickets = roles.tickets
    if tickets is not None and given.get("sla_hours"):
        tickets = replace(tickets, sla_hours=float(given["sla_hours"]))
    if given.get("churn_active_within_days"):
        churn = replace(churn, active_within_us=days_to_us(given["churn_active_within_days"]))
    if given.get("churn_horizon_days"):
        window = replace(window, horizon_us=days_to_us(given["churn_horizon_days"]))
    return replace(subject, roles=replace(roles, surveys=surveys, tickets=tickets), churn=churn, window=window)


def breaks(
    work: _Looks, now: Side, before: Side | None, *, brief: _Asked, last: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the figures whose definition differs from what held before, told by both definitions.

    Parameters
    ----------
    work : object
        Looks at a period by given definitions.
    now, before : Side
        By today's definitions.
    brief : object
        ``earlier``: definitions that the project says held before.
    last : mapping, optional
        The last report: what it was defined by.

    Returns
    -------
    list of dict
        ``figure``, ``definition``, ``old``, ``new``, ``source`` (``declared`` or ``last_report``), and the values of
        both periods by both definitions: ``by_new`` and ``by_old``, each a figure's cell.
    """
    today = definitions_of(work.subject)
    declared = brief.earlier is not None
    then = _earlier(today, brief.earlier or (last or {}).get("definitions") or {})
    changed = [name for name in CONCERNS if name in then and then[name] != today[name]]
    if not changed:
        return []
    old = with_definitions(work.subject, {name: then[name] for name in changed})
    sides = work.side(0, old), None if before is None else work.side(1, old)
    names = {figure for name in changed for figure in CONCERNS[name]}
    figures = [f for f in FIGURES if f.name in names and all(n in now.columns for n in f.needs)]
    by_new, by_old = figure_cells(figures, now, before, brief.terms), figure_cells(figures, *sides, brief.terms)
    return [
        {
            "figure": figure.name,
            "definition": name,
            "old": then[name],
            "new": today[name],
            "source": "declared" if declared else "last_report",
            "by_new": by_new[figure.name]["all"]["all"],
            "by_old": by_old[figure.name]["all"]["all"],
        }
        for name in changed
        for figure in figures
        if figure.name in CONCERNS[name]
    ]


def _earlier(today: Definitions, given: Definitions) -> dict[str, Any]:
    """Return earlier definitions as the report keeps them: one satisfied score stands for all surveys."""
    then = {name: value for name, value in given.items() if value is not None and name in CONCERNS}
    score = then.get("csat_satisfied_from")
    if isinstance(score, int | float):
        then["csat_satisfied_from"] = dict.fromkeys(today["csat_satisfied_from"], float(score))
    return then
