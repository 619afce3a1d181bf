"""Slow and obvious: what was known of one customer's spells at one date; plain loops over plain rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from oracles.features import DAY

Row = dict[str, Any]
MONTH = 365 * DAY / 12


def end_of(row: Row) -> float:
    return math.inf if row["ended_at"] is None else row["ended_at"]


def known(row: Row, t: int) -> bool:
    """Return whether this version of the row was the one known at t."""
    since = row["started_at"] if row["known_at"] is None else max(row["started_at"], row["known_at"])
    return since <= t and (row["superseded_at"] is None or t < row["superseded_at"])


def in_force(rows: Sequence[Row], t: int) -> bool:
    return any(known(r, t) and end_of(r) > t for r in rows)


def length_of_union(periods: Sequence[tuple[float, float]]) -> float:
    edges = sorted({edge for period in periods for edge in period})
    return sum(b - a for a, b in pairwise(edges) if any(low <= a and b <= high for low, high in periods))


def spell_features(rows: Sequence[Row], t: int, windows: Sequence[int]) -> dict[str, float]:
    """Every measure of the spells family; rows in the order of the prepared table."""
    begun = [r for r in rows if known(r, t) and end_of(r) >= r["started_at"]]
    over = [r for r in begun if end_of(r) <= t]
    active = [r for r in begun if end_of(r) > t]
    periods = [(r["started_at"], min(end_of(r), t)) for r in begun]
    planned = [r["planned_end"] for r in active if r["planned_end"] is not None and r["planned_end"] > t]
    first = min((r["started_at"] for r in begun), default=math.nan)
    next_to = [(a, b) for a, b in pairwise(begun) if a in over and abs(b["started_at"] - end_of(a)) <= DAY]
    changes = [(a, b) for a, b in next_to if (a["amount"], a["tier"]) != (b["amount"], b["tier"])]
    steps = [b["amount"] - a["amount"] for a, b in changes if a["amount"] is not None and b["amount"] is not None]
    last = changes[-1] if changes else None
    returns = [
        b for i, b in enumerate(begun) if i and b["started_at"] > max(min(end_of(a), t) for a in begun[:i]) + DAY
    ]
    covered = length_of_union(periods)
    found = {
        "active_count": len(active),
        "age_days": (t - max(r["started_at"] for r in active)) / DAY if active else math.nan,
        "tenure_days": (t - first) / DAY,
        "to_planned_end_days": (min(planned) - t) / DAY if planned else math.nan,
        "amount_now": sum(float(r["amount"]) for r in active if r["amount"] is not None),
        "paid_sum": sum(
            float(r["amount"]) * (min(end_of(r), t) - r["started_at"]) / MONTH for r in begun if r["amount"] is not None
        ),
        "since_end_days": (t - max(end_of(r) for r in over)) / DAY if over else math.nan,
        "subscribed_days": covered / DAY if begun else math.nan,
        "gap_days": (t - first - covered) / DAY,
        "longest_days": max((high - low for low, high in periods), default=math.nan) / DAY,
        "returns_count": len(returns),
        "since_change_days": (t - last[1]["started_at"]) / DAY if last else math.nan,
        "change_amount": math.nan,
        "upgrades_count": sum(step > 0 for step in steps),
        "downgrades_count": sum(step < 0 for step in steps),
    }
    if last and last[0]["amount"] is not None and last[1]["amount"] is not None:
        found["change_amount"] = float(last[1]["amount"] - last[0]["amount"])
    for days in (*windows, None):
        name, low = ("all", -math.inf) if days is None else (f"{days}d", t - days * DAY)
        found[f"started_count_{name}"] = sum(r["started_at"] > low for r in begun)
        found[f"ended_count_{name}"] = sum(end_of(r) > low for r in over)
        found[f"changes_count_{name}"] = sum(b["started_at"] > low for _, b in changes)
        found[f"renewals_count_{name}"] = (
            sum(b["started_at"] > low for _, b in next_to) - found[f"changes_count_{name}"]
        )
        length = t - first if days is None else days * DAY
        inside = length_of_union([(max(a, low), b) for a, b in periods if b > max(a, low)])
        found[f"in_force_share_{name}"] = inside / length if begun and length > 0 else math.nan
    return found
