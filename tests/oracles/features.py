"""Slow and obvious: one customer, one observation date, plain loops over plain rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

DAY = 86_400_000_000
Row = dict[str, Any]


def usable(row: Row, t: int, clock: str = "occurred_at") -> bool:
    known = row.get("known_at")
    return row[clock] <= t and (known is None or known <= t)


def in_window(row: Row, t: int, days: int | None, clock: str = "occurred_at") -> bool:
    return days is None or t - row[clock] < days * DAY


def event_features(rows: Sequence[Row], t: int, windows: Sequence[int], number: str) -> dict[str, float]:
    """Features of an events table with columns amount, one number; refunds are negative amounts."""
    seen = [r for r in rows if usable(r, t)]
    done = [r for r in seen if r["amount"] is None or r["amount"] >= 0]
    refunds = [r for r in seen if r["amount"] is not None and r["amount"] < 0]
    found: dict[str, float] = {}
    for days in (*windows, None):
        name = "all" if days is None else f"{days}d"
        here = [r for r in done if in_window(r, t, days)]
        found[f"count_{name}"] = len(here)
        amounts = [float(r["amount"]) for r in here if r["amount"] is not None]
        refunded = -sum(float(r["amount"]) for r in refunds if in_window(r, t, days))
        found[f"amount_sum_{name}"] = sum(amounts)
        if days in (windows[0], windows[-1], None):
            found[f"amount_mean_{name}"] = statistics.fmean(amounts) if amounts else math.nan
            found[f"refunded_sum_{name}"] = refunded
            found[f"net_sum_{name}"] = sum(amounts) - refunded
        numbers = [r[number] for r in here if r[number] is not None]
        found[f"{number}_sum_{name}"] = sum(numbers)
        if days in (windows[0], windows[-1], None):
            found[f"{number}_mean_{name}"] = statistics.fmean(numbers) if numbers else math.nan
        if days == windows[-1]:
            found[f"amount_max_{name}"] = max(amounts, default=math.nan)
            found[f"amount_min_{name}"] = min(amounts, default=math.nan)
            found[f"amount_std_{name}"] = statistics.pstdev(amounts) if amounts else math.nan
        if days in (windows[0], windows[-1]):
            found[f"days_{name}"] = len({r["occurred_at"] // DAY for r in here})
            found[f"decayed_{name}"] = sum(2.0 ** (-(t - r["occurred_at"]) / (days * DAY)) for r in done)
    return found | _rhythm(done, t)


def _rhythm(done: Sequence[Row], t: int) -> dict[str, float]:
    times = [r["occurred_at"] for r in done]
    days = sorted({time // DAY for time in times})
    gaps = [later - earlier for earlier, later in pairwise(days)]
    recency = (t - max(times)) / DAY if times else math.nan
    mean = statistics.fmean(gaps) if gaps else math.nan
    return {
        "recency_days": recency,
        "tenure_days": (t - min(times)) / DAY if times else math.nan,
        "gap_mean_days": mean,
        "gap_std_days": statistics.pstdev(gaps) if len(gaps) > 1 else math.nan,
        "gap_latest_days": gaps[-1] if gaps else math.nan,
        "repeat_days": len(gaps),
        "silence_ratio": recency / mean if gaps else math.nan,
    }


def level_features(rows: Sequence[Row], t: int, column: str, level: str, days: int) -> dict[str, Any]:
    """Count of one level, share among all activities, the newest level."""
    done = [r for r in rows if usable(r, t) and (r["amount"] is None or r["amount"] >= 0)]
    here = [r for r in done if in_window(r, t, days)]
    count = sum(r[column] == level for r in here)
    return {"count": count, "share": count / len(here) if here else math.nan}


def spell_features(rows: Sequence[Row], t: int, windows: Sequence[int]) -> dict[str, float]:
    begun = [r for r in rows if usable(r, t, "started_at")]
    over = [r for r in begun if r["ended_at"] is not None and r["ended_at"] <= t]
    active = [r for r in begun if r not in over]
    planned = [r["planned_end"] for r in active if r["planned_end"] is not None and r["planned_end"] > t]
    month = 365 * DAY / 12
    found = {
        "active_count": len(active),
        "age_days": (t - max(r["started_at"] for r in active)) / DAY if active else math.nan,
        "tenure_days": (t - min(r["started_at"] for r in begun)) / DAY if begun else math.nan,
        "to_planned_end_days": (min(planned) - t) / DAY if planned else math.nan,
        "amount_now": sum(float(r["amount"]) for r in active),
        "paid_sum": sum(
            float(r["amount"]) * ((r["ended_at"] if r in over else t) - r["started_at"]) / month for r in begun
        ),
        "since_end_days": (t - max(r["ended_at"] for r in over)) / DAY if over else math.nan,
    }
    for days in (*windows, None):
        name = "all" if days is None else f"{days}d"
        found[f"started_count_{name}"] = sum(in_window(r, t, days, "started_at") for r in begun)
        found[f"ended_count_{name}"] = sum(in_window(r, t, days, "ended_at") for r in over)
    return found


def calendar_features(entries: Sequence[Row], t: int, windows: Sequence[int], segment: str | None) -> dict[str, float]:
    """Exposure to all entries whose scope is empty or names the customer's segment."""
    mine = [e for e in entries if not e["scope"] or e["scope"] == f"segment={segment}"]
    known = [e for e in mine if e["known_at"] <= t]
    begun = [e for e in known if e["occurred_at"] <= t]
    ahead = [e["occurred_at"] - t for e in known if e["occurred_at"] > t]
    found = {
        "any_since_days": (t - max(e["occurred_at"] for e in begun)) / DAY if begun else math.nan,
        "any_ahead_days": min(ahead) / DAY if ahead else math.nan,
    }
    for days in (*windows, None):
        name = "all" if days is None else f"{days}d"
        found[f"any_count_{name}"] = sum(in_window(e, t, days) for e in begun)
        total = 0.0
        for e in begun:
            low = e["occurred_at"] if days is None else max(e["occurred_at"], t - days * DAY)
            high = t if e["ended_at"] is None else min(e["ended_at"], t)
            total += max(0.0, (high - low) / DAY)
        found[f"any_duration_{name}"] = total
    return found
