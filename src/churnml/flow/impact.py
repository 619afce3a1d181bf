"""Stage impact: what each change of the calendar tables did to churn, satisfaction, activity, complaints and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.exports.impact_page import impact_page
from churnml.features.scope import touched
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.roles import churn_definition, churn_window
from churnml.flow.spine import settle_us
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.impact.metrics import (
    Watched,
    churn_panel,
    cost_panel,
    count_panel,
    level_panel,
    score_panel,
    share_panel,
    watched,
)
from churnml.relationship.impact.panel import Panel, Periods, joined, periods_around
from churnml.relationship.impact.study import Change, measured, told, with_adjusted
from churnml.relationship.roles import Roles, SurveyRole
from churnml.storage import write_bytes, write_json
from churnml.timeline import DAY_US, days_to_us, us_to_iso

__all__ = ["changes_of", "make_impact", "study_of"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Measure = Callable[[Watched, Bucket, Periods], Panel]
_YEAR_DAYS = 365.0
_MOST_CUSTOMERS = 30_000
"""Customers looked at, at most, evenly taken: the interval is narrow enough by then."""


def make_impact(params: Params, history: History, *, report: Path, page: Path) -> dict[str, Any]:
    """Write the studies of all changes that have begun.

    Parameters
    ----------
    params : Params
    history : History
    report, page : Path
        A JSON file, an HTML file.

    Returns
    -------
    dict
        ``as_of``, ``currency``, ``horizon_days``, ``confidence``, and ``studies``, the newest change first.
    """
    made = [study_of(params, history, change) for change in changes_of(history)]
    found = {
        "as_of": us_to_iso(history.as_of),
        "currency": params.histories.currency,
        "horizon_days": params.churn.horizon_days,
        "confidence": params.impact.confidence,
        "studies": made,
    }
    write_json(found, report)
    write_bytes(impact_page(found, language=params.campaign.language), page)
    return found


def changes_of(history: History) -> list[Change]:
    """Return the changes that have begun by the end of the history, the newest first."""
    found = []
    for info in history.of_kind("calendar"):
        table = history.read(info.name, 0)
        clocks = {
            name: table[name].cast("int64").to_pylist() if name in table.column_names else [None] * table.num_rows
            for name in ("occurred_at", "known_at", "ended_at")
        }
        for place, row in enumerate(table.to_pylist()):
            start, known, end = (clocks[name][place] for name in ("occurred_at", "known_at", "ended_at"))
            if start is not None and start <= history.as_of:
                announced = start if known is None else min(known, start)
                texts = (info.name, row.get("type") or "", row.get("scope") or "")
                found.append(Change(*texts, place + 1, announced, start, end, row.get("value")))
    return sorted(found, key=lambda change: (-change.start, change.table, change.row))


def study_of(params: Params, history: History, change: Change) -> dict[str, Any]:
    """Return the study of one change: what it was, whom it concerned, and a row a metric.

    Returns
    -------
    dict
        ``table``, ``row``, ``type``, ``scope``, ``announced``, ``start``, ``end``, ``overlapping`` (changes whose first
        90 days meet its own), ``metrics``.
    """
    rows = [] if params.churn.definition == "label" else list(_rows(params, history, change))
    rows = with_adjusted(rows, confidence=params.impact.confidence)
    return {
        "table": change.table,
        "row": change.row,
        "type": change.type,
        "scope": change.scope,
        "announced": us_to_iso(change.announced)[:10],
        "start": us_to_iso(change.start)[:10],
        "end": None if change.end is None else us_to_iso(change.end)[:10],
        "overlapping": _overlapping(history, change),
        "metrics": rows,
    }


def _rows(params: Params, history: History, change: Change) -> Iterator[dict[str, Any]]:
    roles, days = relationship_roles(params, history, at=history.as_of), params.impact.period_days
    horizon = params.churn.horizon_days + params.churn.lead_days
    # Silence takes a horizon to show, so what a change did may show only in the one after.
    most_after = max(1, round(2 * params.impact.after_days / horizon))
    yield _row(params, history, change, "churn", days=horizon, measure=_churn(params, history), most_after=most_after)
    for name, measure in _measures(params, history, change, roles):
        most_after = max(1, round(params.impact.after_days / days))
        yield _row(params, history, change, name, days=days, measure=measure, most_after=most_after)


def _row(
    params: Params, history: History, change: Change, metric: str, *, days: float, measure: Measure, most_after: int
) -> dict[str, Any]:
    block = params.impact
    first = history.tables[params.churn.table].first_us + days_to_us(params.churn.active_within_days or days)
    periods = periods_around(
        announced=change.announced,
        start=change.start,
        first=first,
        last=history.as_of - settle_us(history, params, {params.churn.table}),
        length=days_to_us(days),
        # A line that is carried on must have seen the seasons.
        most_before=block.most_before if change.scope else max(block.most_before, round(2 * _YEAR_DAYS / days)),
        most_after=most_after,
    )
    if not periods.n_after:
        return told(metric, "nothing_after")
    if not periods.n_before:
        return told(metric, "short_before")
    panel = _panel(params, history, change, periods, measure)
    return told(
        metric, measured(panel, confidence=block.confidence, least=block.least_customers, year=_YEAR_DAYS / days)
    )


def _panel(params: Params, history: History, change: Change, periods: Periods, measure: Measure) -> Panel:
    definition = churn_definition(params)
    n = sum(len(Bucket(history, number).customers) for number in range(history.n_buckets))
    step = max(1, -(-n // _MOST_CUSTOMERS))

    def one(number: int) -> Panel:
        bucket = Bucket(history, number)
        affected = _affected(history, bucket, change)
        seen = watched(bucket, history, definition, periods, affected, step=step)
        return measure(seen, bucket, periods)

    return joined(map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads))


def _affected(history: History, bucket: Bucket, change: Change) -> Bools:
    """Return whom the change concerns, by what they were when it became known."""
    n = len(bucket.customers)
    if not change.scope:
        return np.ones(n, dtype=bool)
    dates = np.full(n, change.announced, dtype=np.int64)
    return touched(bucket, history, history.tables[change.table], change.scope, np.arange(n), dates)


def _churn(params: Params, history: History) -> Measure:
    window, definition = churn_window(params), churn_definition(params)
    settled = history.as_of - settle_us(history, params, {params.churn.table})
    return lambda seen, bucket, _: churn_panel(seen, bucket, definition, window, settled_until=settled)


def _measures(params: Params, history: History, change: Change, roles: Roles) -> Iterator[tuple[str, Measure]]:
    """Yield the metrics that these histories can show; those they cannot are not there."""
    for role in roles.surveys:
        yield role.kind, _scores(role)
    if roles.interactions:
        tables = roles.interactions
        yield "frequency", lambda seen, bucket, periods: count_panel(seen, bucket, tables, length=periods.length)
    if roles.tickets is not None and not roles.tickets.is_spells:
        tickets = [roles.tickets.table]
        yield "complaints", lambda seen, bucket, periods: count_panel(seen, bucket, tickets, length=periods.length)
    if roles.purchases:
        bought = roles.purchases
        yield "repeat", lambda seen, bucket, periods: share_panel(seen, bucket, bought, length=periods.length)
        for column in history.tables[bought].categories:
            level = _usual_level(params, history, bought, column, until=change.announced)
            if level is not None:
                yield f"mix:{column}={level}", _mix(bought, column, level)
    if params.impact.cost_table is not None:
        costs = params.impact.cost_table
        yield "cost", lambda seen, bucket, periods: cost_panel(seen, bucket, costs, length=periods.length)


def _scores(role: SurveyRole) -> Measure:
    return lambda seen, bucket, periods: score_panel(seen, bucket, role, length=periods.length)


def _mix(table: str, column: str, level: str) -> Measure:
    return lambda seen, bucket, periods: level_panel(seen, bucket, table, column, level, length=periods.length)


def _usual_level(params: Params, history: History, table: str, column: str, *, until: int) -> str | None:
    """Return the level that most purchases before the change had: the one whose share is followed."""

    def one(number: int) -> dict[str, int]:
        bucket = Bucket(history, number)
        codes, vocabulary = bucket.codes(table, column)
        before = (bucket.instants(table, "occurred_at") <= until) & (codes >= 0)
        counts = np.bincount(codes[before], minlength=len(vocabulary))
        return {level: int(n) for level, n in zip(vocabulary, counts, strict=True) if n}

    total: dict[str, int] = {}
    for part in map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads):
        for level, n in part.items():
            total[level] = total.get(level, 0) + n
    return max(sorted(total), key=lambda level: total[level]) if len(total) > 1 else None


def _overlapping(history: History, change: Change) -> list[dict[str, str]]:
    """Return the other changes whose effects may be mixed with this one's."""
    near = 90 * DAY_US
    others = [other for other in changes_of(history) if other != change and abs(other.start - change.start) <= near]
    return [{"type": other.type, "scope": other.scope, "start": us_to_iso(other.start)[:10]} for other in others]
