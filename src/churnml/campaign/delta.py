"""What has changed since the previous run of a campaign: who is new on the list, who left it, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

__all__ = ["CHANGES", "DELTA", "WHY", "compare"]

CHANGES = ("added", "removed", "changed")
"""In the order of the list."""

WHY = (
    *(
        "new_customer",
        "now_at_risk",
        "consent_given",
        "reachable_now",
        "rested",
        "left_holdout",
        "risk_rose",
        "value_rose",
    ),
    *("more_room", "rule_no_longer_holds", "no_longer_known", "no_longer_at_risk", "objected", "consent_withdrawn"),
    *("no_longer_reachable", "contacted_meanwhile", "moved_to_holdout", "risk_fell", "value_fell", "terms_changed"),
    *("others_first", "rule_holds", "channel_changed", "action_changed", "team_changed"),
)
"""Why a row of the list changed."""

DELTA: Mapping[str, str] = {
    "change": "text",
    "customer_id": "text",
    "why": "text",
    "before": "text",
    "now": "text",
    "p_churn_before": "percent",
    "p_churn": "percent",
    "risk_band_before": "text",
    "risk_band": "text",
    "value_at_risk_before": "money",
    "value_at_risk": "money",
    "expected_gain_before": "money",
    "expected_gain": "money",
    "channel_before": "text",
    "channel": "text",
    "action_before": "text",
    "action": "text",
    "rank_before": "whole",
    "rank": "whole",
}
"""Columns of the list of changes, and their kinds."""

_COMPARED = (
    *("p_churn", "risk_band", "clv", "value_at_risk", "expected_gain", "channel", "action", "team", "rank"),
    *("decision", "exclusion"),
)
_AGREED_NOT = {"no_consent", "no_consent_recorded"}
_LIMITS = {"over_budget", "over_capacity"}
_RESTED = {"in_pause", "over_cap"}
_ADDED = {
    "not_at_risk": "now_at_risk",
    **dict.fromkeys(("objected", "not_scored"), "consent_given"),
    **dict.fromkeys(_AGREED_NOT, "consent_given"),
    "no_contact_data": "reachable_now",
    **dict.fromkeys(_RESTED, "rested"),
}
_REMOVED = {
    "not_at_risk": "no_longer_at_risk",
    **dict.fromkeys(("objected", "not_scored"), "objected"),
    **dict.fromkeys(_AGREED_NOT, "consent_withdrawn"),
    "no_contact_data": "no_longer_reachable",
    **dict.fromkeys(_RESTED, "contacted_meanwhile"),
}
_NOTICED = 0.01
"""A risk or value that moved by less than a hundredth of itself is not said to have moved."""

Row = Mapping[str, Any]


def compare(previous: pa.Table, current: pa.Table) -> pa.Table:
    """Return one row for each customer who came onto the list, left it, or is to be contacted otherwise.

    On the list are those with the decision ``contact``. A customer on both is told of only where channel, action, team
    or risk band differ: rank and amounts move a little with every run.

    Parameters
    ----------
    previous, current : Table
        Records of two runs, see :func:`churnml.campaign.record.record`.

    Returns
    -------
    Table
        Columns of :data:`DELTA`, in codes: ``before`` and ``now`` are ``contact``, ``holdout``, ``unknown`` or the
        exclusion that held. Added by rank, removed by former rank, changed by rank.
    """
    before, now = _rows(previous), _rows(current)
    on_list = {name for rows in (before, now) for name, row in rows.items() if row["decision"] == "contact"}
    found = [row for name in on_list if (row := _row(name, before.get(name), now.get(name)))]
    found.sort(key=lambda row: (CHANGES.index(row["change"]), _place(row), row["customer_id"]))
    return pa.table({name: pa.array([row[name] for row in found], _TYPES[kind]) for name, kind in DELTA.items()})


_TYPES = {"text": pa.string(), "percent": pa.float64(), "money": pa.float64(), "whole": pa.int64()}


def _rows(table: pa.Table) -> dict[str, Row]:
    """Return the customers who could be part of a change; those on neither list are compared with no one."""
    names = ["customer_id", *(name for name in _COMPARED if name in table.column_names)]
    return {row["customer_id"]: row for row in table.select(names).to_pylist()}


def _place(row: Row) -> float:
    rank = row["rank_before"] if row["change"] == "removed" else row["rank"]
    return math.inf if rank is None else float(rank)


def _row(customer: str, before: Row | None, now: Row | None) -> dict[str, Any] | None:
    was, is_ = (side is not None and side["decision"] == "contact" for side in (before, now))
    if was and is_:
        why = _changed(before or {}, now or {})
        change = "changed"
    else:
        why = _added(before, now or {}) if is_ else _removed(before or {}, now)
        change = "added" if is_ else "removed"
    if not why:
        return None
    told: dict[str, Any] = {
        "customer_id": customer,
        "change": change,
        "why": why,
        "before": _state(before),
        "now": _state(now),
    }
    # Of those who objected or withdrew their consent no figure is passed on, from now or from before.
    is_silent = why in {"objected", "consent_withdrawn"}
    for name in DELTA:
        if name not in told:
            side = before if name.endswith("_before") else now
            value = (side or {}).get(name.removesuffix("_before"))
            told[name] = None if is_silent else value
    return told


def _state(side: Row | None) -> str:
    if side is None:
        return "unknown"
    return str(side["exclusion"] or side["decision"])


def _added(before: Row | None, now: Row) -> str:
    if before is None:
        return "new_customer"
    if before["decision"] == "holdout":
        return "left_holdout"
    reason = before["exclusion"]
    if reason in _ADDED:
        return _ADDED[reason]
    moved = _moved(before, now, up=True)
    if reason == "gain_not_positive":
        return moved or "terms_changed"
    return moved or "more_room" if reason in _LIMITS else "rule_no_longer_holds"


def _removed(before: Row, now: Row | None) -> str:
    if now is None:
        return "no_longer_known"
    if now["decision"] == "holdout":
        return "moved_to_holdout"
    reason = now["exclusion"]
    if reason in _REMOVED:
        return _REMOVED[reason]
    moved = _moved(before, now, up=False)
    if reason == "gain_not_positive":
        return moved or "terms_changed"
    return moved or "others_first" if reason in _LIMITS else "rule_holds"


def _changed(before: Row, now: Row) -> str:
    for name in ("channel", "action", "team"):
        if before.get(name) != now.get(name) and name in before:
            return f"{name}_changed"
    if before["risk_band"] == now["risk_band"]:
        return ""
    return "risk_rose" if (now["p_churn"] or 0.0) > (before["p_churn"] or 0.0) else "risk_fell"


def _moved(before: Row, now: Row, *, up: bool) -> str:
    """Return whether risk or value moved that way, the one that moved more; empty where neither did."""
    sign = 1.0 if up else -1.0
    steps = {name: sign * _step(before[name], now[name]) for name in ("p_churn", "clv")}
    name = max(steps, key=lambda each: steps[each])
    if steps[name] < math.log1p(_NOTICED):
        return ""
    return f"{'risk' if name == 'p_churn' else 'value'}_{'rose' if up else 'fell'}"


def _step(before: float | None, now: float | None) -> float:
    """Return the logarithm of how many times as large it has become; 0 where that says nothing."""
    if not before or not now or before <= 0 or now <= 0:
        return 0.0
    return math.log(now / before)
