"""One set of numbers for several roles: what retention, service, finance and communication see comes from one run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from churnml.config import Affected, Params
from churnml.exports.brief_page import brief_page
from churnml.flow.affected import make_affected
from churnml.flow.clock import Window, clock_of
from churnml.flow.compensation import make_compensation
from churnml.flow.known import contact_data
from churnml.flow.plan import campaign_plan
from churnml.flow.response import with_response
from churnml.flow.warning import verdict_of
from churnml.histories.store import History
from churnml.parquet import read_parquet
from churnml.storage import digest_bytes, write_bytes, write_json
from churnml.timeline import us_to_iso

__all__ = ["VIEWS", "brief_of", "write_brief"]

VIEWS = {
    "retention": (
        *("losses", "losses_due", "lost", "lost_listed", "lost_contacted", "contact_p50", "contact_p90"),
        *("affected", "reachable", "value_at_risk"),
    ),
    "service": ("questions", "answered", "open", "overdue", "answer_p50", "answer_p90", "within", "affected", "helped"),
    "finance": ("losses", "losses_due", "affected", "value_at_risk", "budget", "spent", "left", "helped"),
    "communication": (
        *("affected", "reachable", "unreachable", "elsewhere", "questions", "overdue"),
        *("actions", "actions_past", "helped"),
    ),
}
"""Role -> the numbers it sees; a number of the same name is the same number."""


def brief_of(
    params: Params, history: History, window: Window, *, root: Path, affected: Affected | None = None
) -> dict[str, Any]:
    """Return the numbers of an event and who sees which.

    Returns
    -------
    dict
        ``run_id``: the same for the same numbers from the same data; ``numbers``: name -> value, None where it is not
        known; ``views``: role -> names; ``verdict``, ``alarms``, ``messages`` (class -> actions due), ``channels``
        (channel -> reached), ``window``, ``missing``.
    """
    verdict = with_response(verdict_of(params, history, root=root), params, history, root=root)
    clock = clock_of(params, history, window, root=root, concerned=affected)
    numbers = {name: None for names in VIEWS.values() for name in names}
    numbers |= _of_verdict(verdict) | _of_clock(clock)
    channels: dict[str, int] = {}
    if affected is not None:
        told, channels = _of_lists(params, history, affected, root=root)
        numbers |= told
    found = {
        "as_of": us_to_iso(history.as_of),
        "timezone": params.histories.timezone,
        "currency": params.histories.currency,
        "verdict": verdict["verdict"],
        "alarms": verdict["alarms"],
        "messages": dict(sorted(Counter(each["message"] for each in verdict["response"]["actions"]).items())),
        "channels": channels,
        "concerned": None if affected is None else affected.name,
        "window": clock["window"],
        "missing": clock["missing"],
        "numbers": numbers,
        "views": {role: list(names) for role, names in VIEWS.items()},
    }
    facts = json.dumps([found, history.digests], sort_keys=True, ensure_ascii=False)
    return {"run_id": digest_bytes(facts.encode())[:12], **found}


def write_brief(found: dict[str, Any], folder: Path, *, language: str) -> None:
    """Write ``brief.json`` and ``brief.html``."""
    write_json(found, folder / "brief.json")
    write_bytes(brief_page(found, language=language), folder / "brief.html")


def _of_verdict(verdict: dict[str, Any]) -> dict[str, Any]:
    losses = next((each for each in verdict["figures"] if each["name"] == "losses"), None)
    actions = verdict["response"]["actions"]
    found = {"actions": len(actions), "actions_past": sum(each["is_past"] for each in actions)}
    if losses is None:
        return found
    last = losses["weeks"][-1]
    return {**found, "losses": last["observed"], "losses_due": last["expected"]}


def _of_clock(clock: dict[str, Any]) -> dict[str, Any]:
    every, lost = (clock["questions"] or {}).get("all", {}), clock["lost"] or {}
    listing, contact = (lost.get(name) or {} for name in ("to_listing", "to_contact"))
    return {
        "questions": every.get("n"),
        "answered": every.get("ended"),
        "open": every.get("open"),
        "overdue": every.get("overdue"),
        "answer_p50": every.get("p50"),
        "answer_p90": every.get("p90"),
        "within": every.get("within"),
        "lost": lost.get("n"),
        "lost_listed": listing.get("ended"),
        "lost_contacted": contact.get("ended"),
        "contact_p50": contact.get("p50"),
        "contact_p90": contact.get("p90"),
    }


def _of_lists(params: Params, history: History, rule: Affected, *, root: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return what the lists of those concerned and of their help say, and how many each channel reaches."""
    scores = read_parquet(root / "data" / "scored" / "scores.parquet")
    plan = campaign_plan(params)
    contacts = contact_data(params, history, plan=plan)
    plan = replace(plan, channels=rule.channels or plan.used_channels)
    listed = make_affected(params, history, scores, contacts, rule=rule, plan=plan)
    reach = listed.facts["coverage"]
    at_risk = pc.sum(listed.files["contact"]["value_at_risk"]).as_py()
    found = {
        "affected": listed.facts["affected"],
        "reachable": listed.counts["contact"],
        "unreachable": listed.counts["excluded"],
        "elsewhere": reach["elsewhere_only"],
        "value_at_risk": None if at_risk is None else round(at_risk, 2),
    }
    block = next((block for block in params.lists.compensation if block.affected == rule.name), None)
    if block is not None:
        helped = make_compensation(params, history, scores, contacts, block=block, rule=rule, plan=plan)
        money = helped.facts["money"]
        found |= {name: float(money[name]) for name in ("budget", "spent", "left")}
        found["helped"] = helped.counts["contact"]
    return found, {name: each["reached"] for name, each in reach["by_channel"].items()}
