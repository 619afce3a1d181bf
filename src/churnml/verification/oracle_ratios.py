"""Slow and obvious totals and ratios: from plain rows, never from other features."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from churnml.features.plan import Feature
from churnml.verification.oracle_spells import DAY, UNKNOWN, Row

__all__ = ["ratio_of_customer", "ratio_of_events"]

_NOTHING = 1e-6


def ratio_of_customer(feature: Feature, rows: Sequence[Row], t: int) -> Any:
    """Return a total or ratio of a customer's numbers; ``rows`` holds their row, if there is one."""
    if not rows:
        return math.nan
    row = rows[0]
    if feature.measure == "per_day":
        joined = row.get("joined")
        days = math.nan if joined is None or joined > t else (t - joined) / DAY
        return _divided(_number(row, feature.detail), days)
    sign = {"total": " + ", "ratio": " / "}.get(feature.measure)
    if sign is None:
        return UNKNOWN
    values = [_number(row, column) for column in _columns(feature.detail, sign, _numbers(row))]
    if feature.measure == "total":
        return math.fsum(values) if all(value >= 0 for value in values) else math.nan
    return _divided(*values) if len(values) == 2 else UNKNOWN


def ratio_of_events(feature: Feature, seen: Sequence[Row], t: int) -> Any:
    """Return the amount per unit of a number, or the ratio of two sums, from the events that may inform *t*."""
    if not seen:
        return math.nan
    days = feature.window_days
    here = [r for r in seen if days is None or t - r["occurred_at"] < days * DAY]
    bought = [r for r in here if r.get("amount") is None or r["amount"] >= 0]
    if feature.measure == "price":
        paid = math.fsum(float(r["amount"]) for r in bought if r["amount"] is not None)
        return _divided(paid, _sum(bought, feature.detail))
    columns = _columns(feature.detail, " / ", _numbers(seen[0]))
    if feature.measure != "sums_ratio" or len(columns) != 2:
        return UNKNOWN
    return _divided(*(_sum(bought, column) for column in columns))


def _number(row: Row, column: str) -> float:
    value = row["number", column]
    return math.nan if value is None else float(value)


def _sum(rows: Sequence[Row], column: str) -> float:
    values = [_number(r, column) for r in rows]
    return math.fsum(value for value in values if not math.isnan(value))


def _divided(above: float, below: float) -> float:
    return math.nan if not abs(below) >= _NOTHING else above / below


def _numbers(row: Row) -> list[str]:
    return [key[1] for key in row if isinstance(key, tuple) and key[0] == "number"]


def _columns(detail: str, sign: str, known: Collection[str]) -> list[str]:
    """Return the columns a detail names; their names may hold the sign between them."""
    for column in known:
        if detail.startswith(column + sign):
            others = _columns(detail.removeprefix(column + sign), sign, known)
            if others:
                return [column, *others]
    return [detail] if detail in known else []
