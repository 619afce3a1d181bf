"""Slow and obvious: who is at risk, who churned, what it was worth; plain loops over one customer's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oracles.features import DAY, usable

Row = dict[str, Any]


def is_activity(row: Row) -> bool:
    return row.get("amount") is None or row["amount"] >= 0


def active_within(rows: Sequence[Row], t: int, days: int) -> bool:
    return any(usable(r, t) and is_activity(r) and r["occurred_at"] > t - days * DAY for r in rows)


def silent(rows: Sequence[Row], t: int, *, lead: int, horizon: int) -> int:
    low, high = t + lead * DAY, t + (lead + horizon) * DAY
    return int(not any(is_activity(r) and low < r["occurred_at"] <= high for r in rows))


def in_force(rows: Sequence[Row], t: int) -> bool:
    return any(usable(r, t, "started_at") and (r["ended_at"] is None or r["ended_at"] > t) for r in rows)


def spell_outcome(
    rows: Sequence[Row], t: int, *, lead: int, horizon: int, grace: int, reasons: Sequence[str]
) -> int | None:
    """Microsecond by microsecond in spirit: extend the cover in force until nothing continues it."""
    opens, closes = t + lead * DAY, t + (lead + horizon) * DAY
    forever = 10**18
    end_of = {id(r): forever if r["ended_at"] is None else r["ended_at"] for r in rows}
    current = [r for r in rows if r["started_at"] <= t < end_of[id(r)]]
    if not current:
        return None
    cover, last = max((end_of[id(r)], -i) for i, r in enumerate(rows) if r in current)
    last_row = rows[-last]
    while cover <= closes:
        later = [r for r in rows if r["started_at"] <= cover + grace * DAY and end_of[id(r)] > cover]
        if not later:
            break
        cover = max(end_of[id(r)] for r in later)
        last_row = next(r for r in later if end_of[id(r)] == cover)
    if cover <= opens:
        return None
    if cover > closes:
        return 0
    return 1 if not reasons or last_row["end_reason"] in reasons else None


def value(rows: Sequence[Row], t: int, *, horizon: int, margin: float, rate: float) -> float:
    total = 0.0
    for r in rows:
        age = r["occurred_at"] - t
        if 0 < age <= horizon * DAY and r["amount"] is not None:
            total += float(r["amount"]) * margin * (1 + rate) ** (-age / (365 * DAY))
    return total


def accrued(rows: Sequence[Row], t: int, *, horizon: int, margin: float, rate: float) -> float:
    total = 0.0
    for r in rows:
        end = t + horizon * DAY if r["ended_at"] is None else min(r["ended_at"], t + horizon * DAY)
        low = max(r["started_at"], t)
        if end > low:
            middle = (low + end) / 2 - t
            months = (end - low) / (365 * DAY / 12)
            total += float(r["amount"]) * margin * months * (1 + rate) ** (-middle / (365 * DAY))
    return total
