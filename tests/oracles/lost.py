"""Slow and obvious: who was lost at a date, and who came back; plain loops over one customer's rows."""

from __future__ import annotations

from collections.abc import Sequence

from oracles.features import DAY
from oracles.labels import Row, end_of, in_force, is_activity, not_left, usable, valid


def silent_since(rows: Sequence[Row], t: int, horizon: int) -> int | None:
    """Return since when nothing was heard for a whole horizon, None where that is not so."""
    seen = [r["occurred_at"] for r in rows if usable(r, t) and is_activity(r)]
    since = max(seen) + horizon * DAY if seen else None
    return since if since is not None and since <= t else None


def ended_since(rows: Sequence[Row], t: int, *, grace: int, reasons: Sequence[str]) -> int | None:
    """Return since when the last spell is over for good, None where one is in force or another reason ended it."""
    over = [r for r in rows if usable(r, t, "started_at") and r["started_at"] < end_of(r) <= t]
    if not over or in_force(rows, t):
        return None
    last = max(end_of(r) for r in over)
    since = max(last + grace * DAY, last - last % DAY + DAY - 1)
    counts = any(r["end_reason"] in reasons for r in over if end_of(r) == last)
    return since if counts and since <= t else None


def left_since(orders: Sequence[Row], plans: Sequence[Row], t: int, level: str) -> int | None:
    """Return when the newest churn event was that nothing followed."""
    left = [r["occurred_at"] for r in orders if usable(r, t) and r["channel"] == level]
    return max(left) if left and not not_left(orders, plans, t, level) else None


def came_back(rows: Sequence[Row], t: int, last: int, *, reach: int) -> int | None:
    """Return whether an activity follows within the reach; None where one was there before and nobody knew."""
    times = [(r["occurred_at"], r.get("known_at") or 0) for r in valid(rows) if is_activity(r)]
    if any(last < at <= t and max(at, known) > t for at, known in times):
        return None
    return int(any(t < at <= t + reach * DAY for at, _ in times))


def renewed(rows: Sequence[Row], t: int, last: int, *, reach: int) -> int | None:
    """Return whether a spell starts within the reach; None where one was in force and nobody knew."""
    spells = [r for r in valid(rows) if end_of(r) > r["started_at"]]
    if any(r["started_at"] <= t < max(r["started_at"], r["known_at"]) and end_of(r) > last for r in spells):
        return None
    return int(any(t < r["started_at"] <= t + reach * DAY for r in spells))
