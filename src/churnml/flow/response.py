"""What is due by the crisis playbook: bound to the early warning's verdict, and checked on quiet days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.flow.crises import crises_of
from churnml.flow.crisis_playbook import crisis_playbook, playbook_digest
from churnml.flow.relationship_roles import relationship_roles
from churnml.histories.crises import TYPES
from churnml.histories.store import History
from churnml.relationship.response.playbook import ALARMS, Alert, CrisisPlaybook, bind
from churnml.relationship.warning.weeks import WEEK_DAYS
from churnml.timeline import DAY_US

__all__ = ["alerts_of", "check_response", "possible_alarms", "with_response"]


def possible_alarms(params: Params, history: History) -> list[str]:
    """Return the kinds of alarm that the early warning can raise on a history, whether it has weeks enough or not."""
    if params.churn.definition == "label":
        return []
    roles = relationship_roles(params, history, at=history.as_of)
    kinds = {"losses"} | ({"activity"} if roles.interactions else set())
    kinds |= {"complaints", "arrivals"} if roles.tickets is not None else set()
    kinds |= {name for role in roles.surveys for name in (f"{role.kind}_low", "arrivals")}
    if roles.purchases and history.tables[roles.purchases].has_amount:
        kinds.add("refunds")
    tickets = roles.tickets.table if roles.tickets is not None else ""
    if any(info.name != tickets for info in history.of_kind("spells")):
        kinds.add("cancellations")
    return [kind for kind in ALARMS if kind in kinds]


def check_response(params: Params, history: History, *, root: Path) -> CrisisPlaybook | None:
    """Refuse a crisis playbook that leaves out an alarm which the early warning can raise on a history.

    Raises
    ------
    ConfigError
        As :func:`crisis_playbook`, naming every kind that is left out.
    """
    found = crisis_playbook(params, root=root)
    if found is not None:
        found.check_covers([*possible_alarms(params, history), *TYPES])
    return found


def with_response(found: dict[str, Any], params: Params, history: History, *, root: Path) -> dict[str, Any]:
    """Return a verdict of the early warning with what was agreed for it, under ``response``.

    Returns
    -------
    dict
        ``response``: ``playbook`` (name of the file, None where none is agreed), ``digest``, ``timezone``, and
        ``actions``, as :func:`churnml.relationship.response.playbook.bind` returns them.

    Raises
    ------
    ConfigError
        As :func:`check_response`.
    """
    playbook = check_response(params, history, root=root)
    told: dict[str, Any] = {"playbook": None, "digest": None, "timezone": params.histories.timezone, "actions": []}
    if playbook is not None:
        told |= {"playbook": playbook.file, "digest": playbook_digest(playbook.file, root=root)}
        alerts = [*alerts_of(found, at=history.as_of), *_of_crises(params, history)]
        told["actions"] = bind(playbook, alerts, at=history.as_of)
    return {**found, "response": told}


def alerts_of(found: dict[str, Any], *, at: int) -> Iterator[Alert]:
    """Yield the alerts of a verdict, one a kind: raised when the first week that stands out was over."""
    raised: dict[str, dict[str, int]] = {}
    for each in found["figures"]:
        if each["since"] is not None:
            weeks_ago = sum(week["start"] > each["since"] for week in each["weeks"])
            kind = each["name"].partition(":")[0]
            raised.setdefault(kind, {})[each["name"]] = at - weeks_ago * WEEK_DAYS * DAY_US
    for kind in ALARMS:
        if kind in raised:
            yield Alert(kind, min(raised[kind].values()), tuple(raised[kind]))


def _of_crises(params: Params, history: History) -> Iterator[Alert]:
    """Yield the crises that last, however severe: raised when each had begun and was known."""
    for crisis in crises_of(params, history, known_by=history.as_of):
        if crisis.lasts_at(history.as_of):
            yield Alert(crisis.type, max(crisis.start, crisis.known_at), (crisis.name,))
