"""Stage impact: what each change of the calendar tables did to churn, satisfaction, activity, complaints and cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.exports.impact_page import impact_page
from churnml.flow.changes import changes_of
from churnml.flow.impact_measures import Measure, Setting, churn_measure, measures_of, panels_of
from churnml.histories.store import History
from churnml.relationship.impact.panel import periods_around
from churnml.relationship.impact.study import Change, measured, told, with_adjusted
from churnml.storage import write_bytes, write_json
from churnml.timeline import DAY_US, days_to_us, us_to_iso

__all__ = ["make_impact", "setting_of", "study_of"]

_YEAR_DAYS = 365.0
_NEAR_US = 90 * DAY_US


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
    setting = setting_of(params, history)
    made = [study_of(setting, change) for change in setting.changes]
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


def setting_of(params: Params, history: History) -> Setting:
    """Return what the studies of all changes share."""
    return Setting.of(params, history, tuple(changes_of(history, params)))


def study_of(setting: Setting, change: Change) -> dict[str, Any]:
    """Return the study of one change: what it was, whom it concerned, and a row a metric.

    Returns
    -------
    dict
        ``table``, ``row``, ``type``, ``scope``, ``announced``, ``start``, ``end``, ``overlapping`` (changes that begin
        within 90 days of it), ``metrics``.
    """
    near = [each for each in setting.changes if each != change and abs(each.start - change.start) <= _NEAR_US]
    return {
        "table": change.table,
        "row": change.row,
        "type": change.type,
        "scope": change.scope,
        "announced": us_to_iso(change.announced)[:10],
        "start": us_to_iso(change.start)[:10],
        "end": None if change.end is None else us_to_iso(change.end)[:10],
        "overlapping": [{"type": e.type, "scope": e.scope, "start": us_to_iso(e.start)[:10]} for e in near],
        "metrics": _rows(setting, change),
    }


def _rows(setting: Setting, change: Change) -> list[dict[str, Any]]:
    params = setting.params
    if params.churn.definition == "label":
        return []
    block, horizon = params.impact, params.churn.horizon_days + params.churn.lead_days
    # Silence takes a horizon to show, so what a change did may show only in the one after.
    after = max(1, round(2 * block.after_days / horizon))
    rows = _measured(setting, change, {"churn": churn_measure(setting)}, days=horizon, most_after=after)
    after = max(1, round(block.after_days / block.period_days))
    rows += _measured(setting, change, measures_of(setting, change), days=block.period_days, most_after=after)
    return with_adjusted(rows, confidence=block.confidence)


def _measured(
    setting: Setting, change: Change, measures: Mapping[str, Measure], *, days: float, most_after: int
) -> list[dict[str, Any]]:
    """Return the rows of metrics that are measured over the same periods."""
    params, block = setting.params, setting.params.impact
    first = setting.history.tables[params.churn.table].first_us
    periods = periods_around(
        announced=change.announced,
        start=change.start,
        first=first + days_to_us(params.churn.active_within_days or days),
        last=setting.settled_until,
        length=days_to_us(days),
        # A line that is carried on must have seen the seasons.
        most_before=block.most_before if change.scope else max(block.most_before, round(2 * _YEAR_DAYS / days)),
        most_after=most_after,
    )
    if not (periods.n_after and periods.n_before):
        return [told(metric, "short_before" if periods.n_after else "nothing_after") for metric in measures]
    panels = panels_of(setting, change, periods, measures)
    sizes: dict[str, Any] = {"least": block.least_customers, "year": _YEAR_DAYS / days}
    return [told(name, measured(panel, confidence=block.confidence, **sizes)) for name, panel in panels.items()]
