"""Slow and obvious features of spells: what was in force, what continued what, and how long; plain loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from churnml.features.plan import Feature

__all__ = ["DAY", "UNKNOWN", "Row", "expected_of_spells", "or_nan"]

Row = dict[Any, Any]
"""Column -> plain value; declared columns as ``("number", name)`` and ``("category", name)``."""
UNKNOWN = object()
"""The answer for a feature there is no rule for."""

DAY = 86_400_000_000
_MONTH = 365 * DAY / 12


def expected_of_spells(feature: Feature, begun: Sequence[Row], t: int) -> Any:
    """Return a feature of spells from those that may inform *t*, in the order of the store."""
    begun = [r for r in begun if _end(r) >= r["started_at"]]
    over = [r for r in begun if _end(r) <= t]
    measure, days = feature.measure, feature.window_days
    if measure == "last":
        return _last(feature, begun, over)
    low = -math.inf if days is None else t - days * DAY
    if measure == "started_count":
        return float(sum(r["started_at"] > low for r in begun))
    if measure == "ended_count":
        return float(sum(_end(r) > low for r in over))
    if measure == "in_force_share":
        return _share_in_force(begun, t, days)
    if measure in {"changes_count", "renewals_count"}:
        pairs = [(a, b) for a, b in _continued(begun, t) if b["started_at"] > low]
        return float(sum(_same_terms(a, b) == (measure == "renewals_count") for a, b in pairs))
    return (_state(begun, over, t) | _changes(begun, t)).get(measure, UNKNOWN)


def _end(row: Row) -> float:
    return math.inf if row["ended_at"] is None else float(row["ended_at"])


def _state(begun: Sequence[Row], over: Sequence[Row], t: int) -> dict[str, float]:
    active = [r for r in begun if _end(r) > t]
    planned = [r["planned_end"] for r in active if r.get("planned_end") is not None and r["planned_end"] > t]
    periods = [(float(r["started_at"]), min(_end(r), t)) for r in begun]
    paid = [(float(r["amount"]), high - low) for r, (low, high) in zip(begun, periods, strict=True) if _is_paid(r)]
    first = min((low for low, _ in periods), default=math.nan)
    returns = [n for n, (low, _) in enumerate(periods) if n and low > max(high for _, high in periods[:n]) + DAY]
    covered = _union(periods)
    return {
        "active_count": float(len(active)),
        "age_days": (t - max(r["started_at"] for r in active)) / DAY if active else math.nan,
        "tenure_days": (t - first) / DAY,
        "to_planned_end_days": (min(planned) - t) / DAY if planned else math.nan,
        "amount_now": math.fsum(float(r["amount"]) for r in active if _is_paid(r)),
        "paid_sum": math.fsum(amount * length / _MONTH for amount, length in paid),
        "since_end_days": (t - max(_end(r) for r in over)) / DAY if over else math.nan,
        "subscribed_days": covered / DAY if begun else math.nan,
        "gap_days": (t - first - covered) / DAY,
        "longest_days": max((high - low for low, high in periods), default=math.nan) / DAY,
        "returns_count": float(len(returns)),
    }


def _is_paid(row: Row) -> bool:
    return row.get("amount") is not None


def _union(periods: Sequence[tuple[float, float]]) -> float:
    """Return how much time some periods cover together."""
    edges = sorted({edge for period in periods for edge in period})
    return sum(b - a for a, b in pairwise(edges) if any(low <= a and b <= high for low, high in periods))


def _share_in_force(begun: Sequence[Row], t: int, days: int | None) -> float:
    first = min((float(r["started_at"]) for r in begun), default=math.nan)
    low, length = (-math.inf, t - first) if days is None else (t - days * DAY, float(days * DAY))
    periods = [(max(r["started_at"], low), min(_end(r), t)) for r in begun]
    return _union([(a, b) for a, b in periods if b > a]) / length if begun and length > 0 else math.nan


def _continued(begun: Sequence[Row], t: int) -> list[tuple[Row, Row]]:
    """Return each spell that begins within a day of the end of the one begun before it, after that one."""
    return [(a, b) for a, b in pairwise(begun) if _end(a) <= t and abs(b["started_at"] - _end(a)) <= DAY]


def _same_terms(first: Row, second: Row) -> bool:
    terms = [key for key in first if key == "amount" or (isinstance(key, tuple) and key[0] == "category")]
    return all(first[key] == second[key] for key in terms)


def _changes(begun: Sequence[Row], t: int) -> dict[str, float]:
    changes = [(a, b) for a, b in _continued(begun, t) if not _same_terms(a, b)]
    steps = [float(b["amount"]) - float(a["amount"]) if _is_paid(a) and _is_paid(b) else math.nan for a, b in changes]
    return {
        "since_change_days": (t - changes[-1][1]["started_at"]) / DAY if changes else math.nan,
        "change_amount": steps[-1] if steps else math.nan,
        "upgrades_count": float(sum(step > 0 for step in steps)),
        "downgrades_count": float(sum(step < 0 for step in steps)),
    }


def _last(feature: Feature, begun: Sequence[Row], over: Sequence[Row]) -> Any:
    if feature.detail == "end_reason" and ("category", "end_reason") not in next(iter(begun), {}):
        last = max(over, key=lambda r: (r["ended_at"], r["place"]), default=None)
        return None if last is None else last["end_reason"]
    newest = max(begun, key=lambda r: r["place"], default=None)
    if feature.unit == "category":
        return None if newest is None else newest.get(("category", feature.detail))
    return math.nan if newest is None else or_nan(newest.get(("number", feature.detail)))


def or_nan(value: float | None) -> float:
    """Return a number, missing as NaN."""
    return math.nan if value is None else float(value)
