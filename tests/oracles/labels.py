"""Slow and obvious: who is at risk, who churned, what it was worth; plain loops over one customer's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oracles.features import DAY

Row = dict[str, Any]
FOREVER = 10**18


def usable(row: Row, t: int, clock: str = "occurred_at") -> bool:
    """Happened, known, and not yet replaced by a later version."""
    known, until = row.get("known_at"), row.get("superseded_at")
    return row[clock] <= t and (known is None or known <= t) and (until is None or t < until)


def valid(rows: Sequence[Row]) -> list[Row]:
    """Return the versions that hold today."""
    return [r for r in rows if r.get("superseded_at") is None]


def is_activity(row: Row) -> bool:
    return row.get("amount") is None or row["amount"] >= 0


def active_within(rows: Sequence[Row], t: int, days: int) -> bool:
    return any(usable(r, t) and is_activity(r) and r["occurred_at"] > t - days * DAY for r in rows)


def silent(rows: Sequence[Row], t: int, *, lead: int, horizon: int) -> int:
    low, high = t + lead * DAY, t + (lead + horizon) * DAY
    return int(not any(is_activity(r) and low < r["occurred_at"] <= high for r in valid(rows)))


def event_outcome(rows: Sequence[Row], t: int, level: str, *, lead: int, horizon: int) -> int | None:
    """Return whether a row of the level follows; unknown where one stood before it that was not known at t."""
    low, high = t + lead * DAY, t + (lead + horizon) * DAY
    leaving = [r for r in valid(rows) if r["channel"] == level]
    known_later = [r for r in leaving if r["occurred_at"] <= low and max(r["occurred_at"], r["known_at"] or 0) > t]
    return None if known_later else int(any(low < r["occurred_at"] <= high for r in leaving))


def not_left(orders: Sequence[Row], plans: Sequence[Row], t: int, level: str) -> bool:
    """Return whether there is a history and no churn event, or something of the customer's own doing since."""
    known = [r for r in orders if usable(r, t)]
    left = [r["occurred_at"] for r in known if r["channel"] == level]
    back = [r["occurred_at"] for r in known if r["channel"] != level and is_activity(r)]
    back += [r["started_at"] for r in plans if usable(r, t, "started_at")]
    return bool(back) and (not left or max(back) > max(left))


def end_of(row: Row) -> int:
    return FOREVER if row["ended_at"] is None else row["ended_at"]


def in_force(rows: Sequence[Row], t: int) -> bool:
    return any(usable(r, t, "started_at") and end_of(r) > t for r in rows)


def spell_outcome(
    rows: Sequence[Row], t: int, *, lead: int, horizon: int, grace: int, reasons: Sequence[str]
) -> int | None:
    """Walk from end to end: the customer has left at the first end that nothing continues."""
    opens, closes = t + lead * DAY, t + (lead + horizon) * DAY
    spells = [r for r in valid(rows) if end_of(r) > r["started_at"]]
    here, now = [r for r in spells if r["started_at"] <= t < end_of(r)], t
    if not here:
        return None
    while here:
        now = max(end_of(r) for r in here)
        if now > closes:
            return 0
        last_chance = max(now + grace * DAY, (now // DAY + 1) * DAY - 1)
        here = [r for r in spells if r["started_at"] <= last_chance and end_of(r) > now]
    ends = [r for r in spells if end_of(r) == now]
    if now <= opens:
        return None
    return 1 if not reasons or any(r["end_reason"] in reasons for r in ends) else None


def value(rows: Sequence[Row], t: int, *, horizon: int, margin: float, rate: float) -> float:
    total = 0.0
    for r in valid(rows):
        age = r["occurred_at"] - t
        if 0 < age <= horizon * DAY and r["amount"] is not None:
            total += float(r["amount"]) * margin * (1 + rate) ** (-age / (365 * DAY))
    return total


def accrued(rows: Sequence[Row], t: int, *, horizon: int, margin: float, rate: float) -> float:
    total = 0.0
    for r in valid(rows):
        end = min(end_of(r), t + horizon * DAY)
        low = max(r["started_at"], t)
        if end > low and r["amount"] is not None:
            middle = (low + end) / 2 - t
            months = (end - low) / (365 * DAY / 12)
            total += float(r["amount"]) * margin * months * (1 + rate) ** (-middle / (365 * DAY))
    return total
