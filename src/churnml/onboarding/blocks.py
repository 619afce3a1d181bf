"""The blocks beside histories and churn: value, snapshots, windows, treatments, campaign; figures from the data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from churnml.onboarding.definition import Churned, Horizons
from churnml.onboarding.draft import Choice, Draft, Question
from churnml.onboarding.names import hints
from churnml.onboarding.passage import Passage
from churnml.onboarding.people import consent_values
from churnml.onboarding.rhythm import nice_days, silence_of
from churnml.onboarding.roles import is_treatment_table
from churnml.timeline import DAY_US

__all__ = ["campaign_block", "clv_block", "features_block", "snapshots_block", "treatments_block"]

Block = dict[str, Choice]
_CONTROL = re.compile(r"control|kontroll|hold.?out|untreated|placebo|no.?contact|对照|未触达", re.IGNORECASE)
_MARGIN = 0.35


def clv_block(
    churned: Churned, drafts: Sequence[Draft], passages: Mapping[str, Passage]
) -> tuple[Block, list[Question]]:
    """Propose what a customer's value is; empty where no table has a history to count it from."""
    dated = [d for d in drafts if d.name in passages and d.kind in {"events", "spells"} and not is_treatment_table(d)]
    with_money = [d for d in dated if "amount" in d.roles and "cancel_table" not in hints(d.name)]
    if churned.table in with_money:
        with_money.sort(key=lambda d: d is not churned.table)
    else:
        with_money.sort(key=lambda d: (d.kind != "events", -passages[d.name].n_rows))
    table = next(iter(with_money), churned.table if churned.table.kind == "events" else None)
    if table is None:
        return {}, []
    passage = passages[table.name]
    span = passage.last_day - passage.first_day
    longest = Horizons(span).longest_days
    horizon = min(365, nice_days(365, at_most=max(2 * longest, 14)))
    why = f"a history of {span:,} days can label {longest:,}; what is beyond is extended by expected purchases"
    block = {
        "table": Choice(table.name),
        "measure": Choice(
            "amount" if "amount" in table.roles else "count", "" if "amount" in table.roles else "no money"
        ),
        "horizon_days": Choice(horizon, why if horizon > longest else f"a history of {span:,} days carries it"),
    }
    if "amount" not in table.roles:
        return block, []
    block["margin"] = Choice(_MARGIN, "to be set: the share of the amount that is margin")
    block["discount_rate_yearly"] = Choice(0.1)
    return block, [Question("clv.margin", f"the share of the amount that is margin; {_MARGIN} is no figure of yours")]


def snapshots_block(churned: Churned) -> Block:
    """Propose the observation dates, as many as the history carries."""
    if churned.passage is None:
        return {}
    horizon = int(str(churned.keys["horizon_days"].value))
    grace = int(str(churned.keys["grace_days"].value)) if "grace_days" in churned.keys else 0
    span = churned.passage.last_day - churned.passage.first_day
    every = 30 if horizon > 30 else 14 if horizon > 14 else 7
    room = max(span - horizon - grace - 90, 0) // every + 1
    count = int(min(24, max(2, room)))
    why = f"{span:,} days of history: 90 before the first date, an outcome of {horizon + grace} after the last"
    return {"every_days": Choice(every), "count": Choice(count, why)}


def features_block(churned: Churned) -> Block:
    """Propose look-back windows by the customers' rhythm and the length of the history."""
    if churned.passage is None or not churned.passage.times:
        return {}
    span = churned.passage.last_day - churned.passage.first_day
    windows = [7, 30, 90, 180, 365]
    why = f"inside {span:,} days of history"
    if churned.table.kind == "events":
        gap = silence_of(churned.passage, next(iter(churned.passage.times))).median_gap
        windows += [3, 14] if gap <= 4 else [730] if gap > 60 and span > 3 * 365 else []
        why += f", half of all pauses {gap:,.0f} days or less" if gap == gap else ""
    fitting = sorted(w for w in windows if w <= max(span, 30)) or [30]
    return {"windows_days": Choice(fitting, why)}


_NO_TREATMENTS = "table, if contacts are recorded somewhere; {ignore: true} if nobody is contacted"


def treatments_block(drafts: Sequence[Draft]) -> tuple[Block, list[Question]]:
    """Propose which rows are contacts that tried to keep customers."""
    table = next((d for d in drafts if is_treatment_table(d)), None)
    if table is None:
        is_dated = any(draft.kind in {"events", "spells"} for draft in drafts)
        if not is_dated:
            return {}, []
        why = "no file of contacts: who was on a list made here counts as contacted from its day on"
        return {"lists": Choice(True, why)}, [Question("treatments", _NO_TREATMENTS)]
    block = {"table": Choice(table.name, "by its name: past contacts, whose customers say little about staying alone")}
    arms = [
        (name, control)
        for name in table.columns("categories")
        if (control := sorted(v for v in table.source.facts[name].levels if _CONTROL.search(v)))
        and len(control) < table.source.facts[name].n_distinct
    ]
    if not arms:
        text = "no control group is told apart: every row counts as a treatment"
        return block, [Question("treatments.table", text)]
    name, control = arms[0]
    block["column"] = Choice(name)
    block["control"] = Choice(control, "these were left alone for comparison; all others count as treated")
    return block, []


def campaign_block(
    churned: Churned, customers: Draft | None, *, chinese: bool, n_customers: int
) -> tuple[Block, list[Question]]:
    """Propose the economics of a campaign: what only its owner knows is marked."""
    passage = churned.passage
    n_active, why = n_customers, f"a tenth of {n_customers:,} customers"
    if passage is not None and "active_within_days" in churned.keys:
        within = int(str(churned.keys["active_within_days"].value))
        time = passage.times[str(churned.table.column("time"))]
        recent = time >= (passage.last_day - within) * DAY_US
        n_active = len(np.unique(passage.customer[recent]))
        why = f"a tenth of the {n_active:,} customers active in the last {within} days"
    block = {
        "name": Choice("retention"),
        "language": Choice("zh" if chinese else "en"),
        "effect": Choice(0.15, "to be set: an assumption until a campaign with a hold-out was measured"),
        "cost": Choice(5.0, "to be set: cost of one contact"),
        "capacity": Choice(_round(n_active / 10), why),
    }
    questions = [
        Question("campaign.cost", "what one contact costs"),
        Question("campaign.effect", "the share of the churn probability that a contact removes, until it is measured"),
    ]
    values, choice = consent_values(customers), customers.roles.get("consent") if customers else None
    if choice is not None and isinstance(choice.value, dict) and values:
        preferred = [c for c in ("phone", "email", "sms", "post", "push") if c in choice.value]
        block["channels"] = Choice(preferred, "those with a column of consent")
        block["consent_values"] = Choice(values, "cells that allow contact; any other forbids it")
    return block, questions


def _round(count: float) -> int:
    """Return a number that is easily said, at least 10."""
    step = 10 if count < 500 else 100
    return max(10, round(count / step) * step)
