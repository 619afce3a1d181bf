"""Slow and obvious features: one customer, one observation date, plain loops over plain rows.

Written from the meaning of each feature and from nothing else: no kernel, no Arrow, no shared helper. What the stages
compute must agree with it. :func:`expected` says None for a feature it knows nothing of, so that the caller can count
what was covered.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from churnml.features.plan import Feature
from churnml.verification.oracle_ratios import ratio_of_customer, ratio_of_events
from churnml.verification.oracle_spells import DAY, UNKNOWN, Row, expected_of_spells, or_nan

__all__ = ["UNKNOWN", "Row", "expected", "seen_at", "usable"]

_TREND = re.compile(r"_(\d+)d_(\d+)d(?:_\d+)?$")


def usable(row: Row, t: int, clock: str) -> bool:
    """Return whether a row may inform *t*: happened, known, and not yet replaced by a later version."""
    known, until = row.get("known_at"), row.get("superseded_at")
    return row[clock] <= t and (known is None or known <= t) and (until is None or t < until)


def expected(feature: Feature, kind: str, rows: Sequence[Row], t: int, *, longest: int) -> Any:
    """Return a feature's value from the rows of one customer in its source table.

    Parameters
    ----------
    feature : Feature
    kind : str
        Of the source table: customers, events, spells or calendar.
    rows : sequence of dict
        Those that :func:`seen_at` returns. Column -> plain value, times in microseconds; for a calendar the entries
        that concern the customer.
    t : int
    longest : int
        Longest window in days; shares of levels are taken there.
    """
    if feature.family == "ratios":
        return ratio_of_customer(feature, rows, t) if kind == "customers" else ratio_of_events(feature, rows, t)
    if kind == "customers":
        return _profile(feature, rows, t)
    if kind == "events":
        return _event(feature, rows, t, longest)
    if kind == "spells":
        return expected_of_spells(feature, rows, t)
    return _calendar(feature, rows, t)


def seen_at(kind: str, rows: Sequence[Row], t: int) -> list[Row]:
    """Return the rows of a table of some kind that may inform *t*."""
    if kind == "customers":
        return list(rows)
    if kind == "calendar":  # an announced entry may be used before it begins
        return [e for e in rows if (e["occurred_at"] if e.get("known_at") is None else e["known_at"]) <= t]
    return [r for r in rows if usable(r, t, "started_at" if kind == "spells" else "occurred_at")]


def _within(rows: Sequence[Row], t: int, days: int | None, clock: str = "occurred_at") -> list[Row]:
    return [r for r in rows if days is None or t - r[clock] < days * DAY]


def _is_refund(row: Row) -> bool:
    return row.get("amount") is not None and row["amount"] < 0


def _profile(feature: Feature, rows: Sequence[Row], t: int) -> Any:
    row = rows[0] if rows else {}
    if feature.measure == "joined_days":
        joined = row.get("joined")
        return math.nan if joined is None or joined > t else (t - joined) / DAY
    if feature.measure == "attribute":
        prefix = "category" if feature.unit == "category" else "number"
        value = row.get((prefix, feature.detail))
        return value if feature.unit == "category" else or_nan(value)
    return UNKNOWN


def _event(feature: Feature, seen: Sequence[Row], t: int, longest: int) -> Any:
    acts = [r for r in seen if not _is_refund(r) and not r.get("is_late_line")]
    family, measure, days = feature.family, feature.measure, feature.window_days
    if family in {"frequency", "intensity"}:
        return _frequency(measure, acts, t, days)
    if family in {"recency", "tenure", "rhythm"}:
        return _rhythm(acts, t).get(measure, UNKNOWN)
    if family == "trend":
        return _trend(feature, acts, seen, t)
    if family == "refunds" or measure == "net_sum":
        return _refunds(measure, seen, t, days)
    if family == "value":
        return _value(feature, seen, t)
    if family == "levels":
        return _level(feature, acts, t, longest)
    return UNKNOWN


def _frequency(measure: str, acts: Sequence[Row], t: int, days: int | None) -> Any:
    here = _within(acts, t, days)
    if measure == "count":
        return float(len(here))
    if measure == "days":
        return float(len({r["occurred_at"] // DAY for r in here}))
    if measure == "decayed" and days is not None:
        return math.fsum(2.0 ** (-(t - r["occurred_at"]) / (days * DAY)) for r in acts)
    return UNKNOWN


def _rhythm(acts: Sequence[Row], t: int) -> dict[str, float]:
    times = [r["occurred_at"] for r in acts]
    days = sorted({time // DAY for time in times})
    gaps = [later - earlier for earlier, later in pairwise(days)]
    recency = (t - max(times)) / DAY if times else math.nan
    tenure = (t - min(times)) / DAY if times else math.nan
    mean = statistics.fmean(gaps) if gaps else math.nan
    spread = statistics.pstdev(gaps) if len(gaps) > 1 else math.nan
    return {
        "recency_days": recency,
        "tenure_days": tenure,
        "gap_mean_days": mean,
        "gap_std_days": spread,
        "gap_latest_days": gaps[-1] if gaps else math.nan,
        "repeat_days": float(len(gaps)),
        "span_days": tenure - recency if gaps else 0.0 * tenure,
        "silence_ratio": recency / mean if gaps else math.nan,
        "silence_deviations": (recency - mean) / spread if len(gaps) > 1 and spread > 0 else math.nan,
    }


def _trend(feature: Feature, acts: Sequence[Row], seen: Sequence[Row], t: int) -> Any:
    spans = _TREND.search(feature.name)
    if spans is None or feature.detail not in {"", "amount"}:
        return UNKNOWN
    short, long = (int(days) for days in spans.groups())
    if feature.detail:
        paid = [r for r in seen if r["amount"] is not None and r["amount"] >= 0]
        totals = [float(sum(r["amount"] for r in _within(paid, t, days))) for days in (short, long)]
    else:
        totals = [float(len(_within(acts, t, days))) for days in (short, long)]
    return totals[0] / totals[1] * long / short if totals[1] != 0 else math.nan


def _refunds(measure: str, seen: Sequence[Row], t: int, days: int | None) -> Any:
    here = _within(seen, t, days)
    bought = float(sum(r["amount"] for r in here if r["amount"] is not None and r["amount"] >= 0))
    refunded = -float(sum(r["amount"] for r in here if _is_refund(r)))
    found = {"refunded_sum": refunded, "net_sum": bought - refunded}
    found["refunded_share"] = refunded / bought if bought > 0 else math.nan
    return found.get(measure, UNKNOWN)


def _value(feature: Feature, seen: Sequence[Row], t: int) -> Any:
    key: Any = "amount" if feature.unit == "money" else ("number", feature.detail)
    counted = [r for r in seen if not _is_refund(r) and r.get(key) is not None]
    if feature.measure == "last":
        return float(max(counted, key=lambda r: r["place"])[key]) if counted else math.nan
    values = [float(r[key]) for r in _within(counted, t, feature.window_days)]
    if feature.measure == "sum":
        return math.fsum(values)
    if not values:
        return math.nan if feature.measure in {"mean", "max", "min", "std"} else UNKNOWN
    if feature.measure == "mean":
        return statistics.fmean(values)
    rules: dict[str, Callable[[list[float]], float]] = {"max": max, "min": min, "std": statistics.pstdev}
    return rules[feature.measure](values) if feature.measure in rules else UNKNOWN


def _level(feature: Feature, acts: Sequence[Row], t: int, longest: int) -> Any:
    column, _, level = feature.detail.partition(" ")
    if feature.measure in {"last", "since_change_days"}:
        return _newest_level(feature, acts, t)
    columns = [key[1] for r in acts[:1] for key in r if isinstance(key, tuple) and key[0] == "category"]
    # Names of columns may hold blanks too: the longest one the detail begins with is meant.
    column = max((c for c in columns if feature.detail.startswith(c + " ")), key=len, default=column)
    level = feature.detail[len(column) + 1 :]
    here = _within(acts, t, longest if feature.measure == "share" else feature.window_days)
    n = sum(r.get(("category", column)) == level for r in here)
    if feature.measure == "count":
        return float(n)
    if feature.measure == "share":
        return n / len(here) if here else math.nan
    return UNKNOWN


def _newest_level(feature: Feature, acts: Sequence[Row], t: int) -> Any:
    key = ("category", feature.detail)
    told = sorted((r for r in acts if r.get(key) is not None), key=lambda r: r["place"])
    if feature.measure == "last":
        return told[-1][key] if told else None
    run_start = None
    for r in reversed(told):
        if r[key] != told[-1][key]:
            return (t - run_start) / DAY if run_start is not None else math.nan
        run_start = r["occurred_at"]
    return math.nan


def _calendar(feature: Feature, entries: Sequence[Row], t: int) -> Any:
    known = list(entries)
    if feature.detail not in {"any", "type"}:
        known = [e for e in entries if e.get("type") == feature.detail]
    begun = [e for e in known if e["occurred_at"] <= t]
    newest = max(begun, key=lambda e: e["place"], default=None)
    measure, days = feature.measure, feature.window_days
    if measure == "count":
        return float(len(_within(begun, t, days)))
    if measure == "since_days":
        return math.nan if newest is None else (t - newest["occurred_at"]) / DAY
    if measure == "ahead_days":
        ahead = [e["occurred_at"] - t for e in known if e["occurred_at"] > t]
        return min(ahead) / DAY if ahead else math.nan
    if measure == "duration":
        lengths = []
        for e in begun:
            low = e["occurred_at"] if days is None else max(e["occurred_at"], t - days * DAY)
            high = t if e["ended_at"] is None else min(e["ended_at"], t)
            lengths.append(max(0.0, (high - low) / DAY))
        return math.fsum(lengths)
    if measure == "last" and feature.unit == "category":
        return None if newest is None else newest.get("type")
    if measure == "last":
        return math.nan if newest is None else or_nan(newest["value"])
    return UNKNOWN
