"""The company's target for losses, broken down to owners and teams."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import ALL
from churnml.config import Params
from churnml.histories.store import History
from churnml.relationship.causes.goals import Goal, split_goal

__all__ = ["company_goal"]

_COUNTED = ("customers", "expected", "allowed")


def company_goal(params: Params, history: History, scores: pa.Table) -> dict[str, Any] | None:
    """Return the target and its parts; None where no target is set.

    Returns
    -------
    dict
        ``loss_rate``, ``horizon_days``, ``customers`` at risk, ``expected`` and ``allowed`` losses; the same three in
        ``by_owner`` and ``by_team``, whose parts add up to the whole.
    """
    target = params.causes.target
    if target is None:
        return None
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))
    rows = _by_owner(at_risk, _owners(history))
    total = round(target.loss_rate * at_risk.num_rows)
    goals = split_goal(rows, total=total, least=target.least_customers, teams=_teams(params, rows))
    by_owner = [{"owner": g.owner, "team": g.team, **{name: getattr(g, name) for name in _COUNTED}} for g in goals]
    summed = {"customers": at_risk.num_rows, "expected": sum(g.expected for g in goals), "allowed": total}
    days = params.churn.horizon_days
    told = {"loss_rate": target.loss_rate, "horizon_days": days, **summed}
    return told | {"by_owner": by_owner, "by_team": _by_team(goals)}


def _owners(history: History) -> dict[str, str]:
    contacts = history.contacts()
    if contacts is None or "contact_owner" not in contacts.column_names:
        return {}
    pairs = zip(contacts["customer_id"].to_pylist(), contacts["contact_owner"].to_pylist(), strict=True)
    return {customer: owner for customer, owner in pairs if owner}


def _by_owner(at_risk: pa.Table, owners: dict[str, str]) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for customer, p in zip(at_risk["customer_id"].to_pylist(), at_risk["p_churn"].to_pylist(), strict=True):
        owner = owners.get(customer, "")
        row = rows.setdefault(owner, {"owner": owner, "customers": 0, "expected": 0.0})
        row["customers"] += 1
        row["expected"] += p
    return list(rows.values())


def _by_team(goals: list[Goal]) -> list[dict[str, Any]]:
    teams: dict[str, dict[str, Any]] = {}
    for goal in goals:
        row = teams.setdefault(goal.team, {"team": goal.team, "customers": 0, "expected": 0.0, "allowed": 0})
        for name in _COUNTED:
            row[name] += getattr(goal, name)
    return list(teams.values())


def _teams(params: Params, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return each owner's team: the one that names them, else the one that takes everybody else."""
    teams = params.campaign.teams.items()
    rest = next((name for name, team in teams if ALL in team.owners), "")
    named = {owner: name for name, team in teams for owner in team.owners if owner != ALL}
    return {row["owner"]: named.get(row["owner"], rest) for row in rows if row["owner"]}
