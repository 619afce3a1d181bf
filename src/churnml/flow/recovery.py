"""The way back after changes and crises: losses, activity and satisfaction of the affected against the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from churnml.flow.impact_measures import Measure, Setting, measures_of, panels_of
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.relationship.impact.metrics import Watched
from churnml.relationship.impact.panel import Panel, Periods, hits_in_windows, periods_around
from churnml.relationship.impact.recovery import Curve, NoCurve, curve_of
from churnml.relationship.impact.study import Change
from churnml.snapshots.lost import endings, silences
from churnml.timeline import days_to_us, us_to_iso

__all__ = ["recovery_of", "report_of"]

_FALLS = {"frequency", "repeat", "csat", "nps"}
"""Metrics whose fall is the bad side; of all others a rise is."""
_FOLLOWED = ("losses", "frequency", "repeat", "csat", "nps", "complaints")


def report_of(setting: Setting, changes: Sequence[Change]) -> dict[str, Any]:
    """Return the ways back of some changes.

    Returns
    -------
    dict
        ``as_of``, ``period_days``, ``stays`` (periods in a row), ``confidence``, ``definition`` (of churn), and
        ``recoveries``, one entry a change.
    """
    block = setting.params.impact
    return {
        "as_of": us_to_iso(setting.history.as_of),
        "period_days": block.period_days,
        "stays": block.recovery_stays,
        "confidence": block.confidence,
        "definition": setting.params.churn.definition,
        "recoveries": [recovery_of(setting, change) for change in changes],
    }


def recovery_of(setting: Setting, change: Change) -> dict[str, Any]:
    """Return the way back of one change.

    Returns
    -------
    dict
        What the change was, and ``metrics``: an entry a figure with ``refused`` (why there is no curve), or ``state``
        (``no_departure``, ``recovered``, ``not_yet``), ``left_on``, ``back_on``, ``days`` (from the start until it was
        back), ``known_days`` (for how long after the start it is known), ``is_compared`` and ``points``.
    """
    told = {
        "table": change.table,
        "row": change.row,
        "type": change.type,
        "scope": change.scope,
        "announced": us_to_iso(change.announced)[:10],
        "start": us_to_iso(change.start)[:10],
        "end": None if change.end is None else us_to_iso(change.end)[:10],
    }
    if setting.params.churn.definition == "label":
        return told | {"metrics": []}
    wait, fore = _waits(setting)
    rows = _rows(setting, change, {"losses": _losses_measure(setting)}, wait=wait, fore=fore)
    others = {name: each for name, each in measures_of(setting, change).items() if name in _FOLLOWED}
    rows += _rows(setting, change, others, wait=0, fore=0)
    if not {"csat", "nps"} & set(others):
        rows.append({"metric": "csat", "refused": "no_surveys"})
    return told | {"metrics": rows}


def _waits(setting: Setting) -> tuple[int, int]:
    """Return how long it takes until a loss is known, and how long before a change its losses may seem to begin.

    Losses are dated by when the customer was last there. Where churn is silence, who was driven away may not have been
    there for a while already: half the horizon before the change belongs to neither side.
    """
    window = churn_window(setting.params)
    if setting.params.churn.definition == "inactivity":
        return window.horizon_us, window.horizon_us // 2
    return window.grace_us, 0


def _losses_measure(setting: Setting) -> Measure:
    """Return how losses are counted: 1 for who was at risk when a period began, and was last there in it."""
    params, history = setting.params, setting.history
    definition, window = churn_definition(params), churn_window(params)
    lost = silences if params.churn.definition == "inactivity" else endings

    def measure(seen: Watched, bucket: Bucket, periods: Periods) -> Panel:
        who, _, last, _ = lost(bucket, history, definition, window, after=int(periods.starts.min()))
        hits = hits_in_windows(who, last, len(bucket.customers), seen.customer, seen.opens, length=periods.length)
        return seen.panel((hits > 0).astype(np.float64))

    return measure


def _rows(
    setting: Setting, change: Change, measures: Mapping[str, Measure], *, wait: int, fore: int
) -> list[dict[str, Any]]:
    """Return the entries of figures that are followed over the same periods."""
    params, block = setting.params, setting.params.impact
    length = days_to_us(block.period_days)
    first = setting.history.tables[params.churn.table].first_us
    periods = periods_around(
        announced=min(change.announced, change.start) - fore,
        start=change.start,
        first=first + days_to_us(params.churn.active_within_days or block.period_days),
        last=setting.settled_until - wait,
        length=length,
        most_before=block.most_before,
        most_after=max(1, block.recovery_days // block.period_days),
    )
    if not (periods.n_after and periods.n_before):
        why = "short_before" if periods.n_after else "nothing_after"
        return [{"metric": name, "refused": why} for name in measures]
    sizes: dict[str, Any] = {"least": block.least_customers, "stays": block.recovery_stays}
    panels = panels_of(setting, change, periods, measures)
    return [
        _told(name, curve_of(panel, confidence=block.confidence, rises=name not in _FALLS, **sizes), periods)
        for name, panel in panels.items()
    ]


def _told(metric: str, found: Curve | NoCurve, periods: Periods) -> dict[str, Any]:
    """Return one figure's entry, plain values."""
    if isinstance(found, str):
        return {"metric": metric, "refused": found}
    starts = dict(zip(periods.numbers.tolist(), periods.starts.tolist(), strict=True))
    days = {name: us_to_iso(start)[:10] for name, start in starts.items()}
    length, has_index = periods.length // days_to_us(1), metric != "nps"
    last = max(point.period for point in found.points)
    points = []
    for point in found.points:
        index = {
            "index_affected": found.index(point) if has_index else math.nan,
            "index_unaffected": found.index(point, affected=False) if has_index else math.nan,
        }
        plain = {key: _plain(value) for key, value in (asdict(point) | index).items()}
        points.append({"start": days[point.period], **plain})
    return {
        "metric": metric,
        "refused": None,
        "state": found.state,
        "left_on": None if found.left_at is None else days[found.left_at],
        "back_on": None if found.back_at is None else days[found.back_at],
        "days": None if found.back_at is None else found.back_at * length,
        "known_days": (last + 1) * length,
        "is_compared": found.is_compared,
        "base_affected": _plain(found.base_affected),
        "base_unaffected": _plain(found.base_unaffected),
        "points": points,
    }


def _plain(value: Any) -> Any:
    """Return a number rounded far below what is shown; what is not known is None."""
    if isinstance(value, float):
        return round(value, 8) if math.isfinite(value) else None
    return value
