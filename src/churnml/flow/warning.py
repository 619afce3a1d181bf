"""Stage warning: does the relationship begin to break? A dated verdict on losses and what runs ahead of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from churnml.config import Params
from churnml.exports.warning_page import warning_page
from churnml.flow.crises import crises_of
from churnml.flow.response import with_response
from churnml.flow.warning_model import model_expected
from churnml.flow.warning_parts import excess_by_part
from churnml.flow.warning_series import Watch, watched_series
from churnml.histories.crises import in_force
from churnml.histories.store import History
from churnml.relationship.warning.watch import ALONE_OF_LOSSES, Verdict, alphas, judged, judged_since
from churnml.relationship.warning.weeks import Weeks, weeks_until
from churnml.storage import write_bytes, write_json
from churnml.timeline import us_to_iso

__all__ = ["exit_code_of", "figures_of", "make_warning", "verdict_of", "write_warning"]

ALARM_CODE, UNKNOWN_CODE = 5, 4
_SHOWN_YEARS = 1
_LAST = 2
"""An alarm of one of so many last weeks is still an alarm."""


def make_warning(params: Params, history: History, *, root: Path, report: Path, page: Path) -> dict[str, Any]:
    """Write the verdict.

    Parameters
    ----------
    params : Params
    history : History
    root : Path
        Project folder, with the crisis playbook where one is agreed.
    report, page : Path
        A JSON file, an HTML file.

    Returns
    -------
    dict
        As :func:`verdict_of` returns it, with what was agreed for it.
    """
    found = with_response(verdict_of(params, history, root=root), params, history, root=root)
    write_warning(found, report, page, language=params.campaign.language)
    return found


def write_warning(found: dict[str, Any], report: Path, page: Path, *, language: str) -> None:
    """Write a verdict as JSON and as a page."""
    write_json(found, report)
    write_bytes(warning_page(found, language=language), page)


def exit_code_of(found: dict[str, Any]) -> int:
    """Return 5 on an alarm, 4 where nothing can be said, else 0."""
    return {"alarm": ALARM_CODE, "unknown": UNKNOWN_CODE}.get(found["verdict"], 0)


def verdict_of(params: Params, history: History, *, root: Path | None = None) -> dict[str, Any]:
    """Return the verdict at the end of the history.

    Parameters
    ----------
    params : Params
    history : History
    root : Path, optional
        Project folder, where scores of earlier runs are kept; None = what was due follows customers at risk alone.

    Returns
    -------
    dict
        ``as_of``; ``verdict`` (``alarm``, ``quiet``, or ``unknown`` where no figure can be judged); ``regime``
        (``crisis`` while one of the register lasts, ``alarm`` while losses themselves are one, else ``normal``);
        ``crises``, those that last; ``false_alarms_per_year``, ``guard_weeks``;
        ``figures``, one entry a watched series with its last year of weeks; ``parts``, where an excess of losses comes
        from, empty while there is none.
    """
    block = params.warning
    figures: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    if params.churn.definition != "label":
        first = history.tables[params.churn.table].first_us
        weeks = weeks_until(history.as_of, first=first, most=block.history_weeks)
        foretold = None if root is None else model_expected(params, weeks, root=root)
        figures = figures_of(params, watched_series(params, history, weeks, foretold=foretold), weeks)
        parts = _parts(params, history, weeks, figures[0])
    alarms = [each["name"] for each in figures if each["since"] is not None]
    known = crises_of(params, history, known_by=history.as_of)
    crises = in_force(known, at=[history.as_of], least=params.guard.from_severity)
    is_judged = any(each["status"] in {"quiet", "alarm"} for each in figures)
    return {
        "as_of": us_to_iso(history.as_of),
        "verdict": "alarm" if alarms else "quiet" if is_judged else "unknown",
        "regime": "crisis" if crises else "alarm" if "losses" in alarms else "normal",
        "crises": [crisis.facts() for crisis in crises],
        "alarms": alarms,
        "false_alarms_per_year": block.false_alarms_per_year,
        "guard_weeks": block.guard_weeks,
        "currency": params.histories.currency,
        "figures": figures,
        "parts": parts,
    }


def _parts(params: Params, history: History, weeks: Weeks, losses: dict[str, Any]) -> list[dict[str, Any]]:
    """Return where the excess of losses comes from; nothing while they are in line."""
    if losses["since"] is None:
        return []
    begun = [week for week in losses["weeks"] if week["start"] >= losses["since"]]
    if any(week["expected"] is None for week in begun):
        return []
    since, expected = len(weeks.starts) - len(begun), sum(week["expected"] for week in begun)
    guard = params.warning.guard_weeks
    return excess_by_part(params, history, weeks, since=since, guard=guard, expected=expected)


def figures_of(params: Params, watches: Sequence[Watch], weeks: Weeks) -> list[dict[str, Any]]:
    """Return an entry a series; channels are judged first: where one is silent, what is counted from it is not known.

    Parameters
    ----------
    params : Params
    watches : sequence of Watch
    weeks : Weeks

    Returns
    -------
    list of dict
        ``name``, ``tables``, ``is_channel``, ``falls``, ``status`` of the last week (``quiet``, ``alarm``, ``missing``,
        ``silent``, ``short``), ``baseline``, ``expected_by`` (``past``, or ``model`` where past scores explain it
        better), ``since`` and ``plain_since`` (when the alarm began, and when a plain
        threshold would have), ``since_observed`` and ``since_expected`` (the alarm's known weeks together), ``weeks``.
    """
    of_losses, of_others = alphas(len(watches) - 1, per_year=params.warning.false_alarms_per_year, year=weeks.year)
    judge = _Judge(weeks, params.warning.guard_weeks)
    verdicts: dict[str, list[Verdict]] = {}
    for watch in sorted(watches, key=lambda each: not each.is_channel):
        alpha, alone = (of_losses, ALONE_OF_LOSSES) if watch.series.name == "losses" else (of_others, 0.5)
        heard = _heard(watch, verdicts.get(watch.channel, []))
        verdicts[watch.series.name] = judge.year(heard, alpha, alone=alone)
    return [_figure(watch, verdicts[watch.series.name], weeks) for watch in watches]


def _heard(watch: Watch, arrivals: Sequence[Verdict]) -> Watch:
    """Return the series without the weeks in which its channel was silent."""
    silent = [each.week for each in arrivals if each.status == "alarm" and each.observed == 0]
    known = watch.series.known.copy()
    known[silent] = False
    return replace(watch, series=replace(watch.series, known=known))


class _Judge:
    """Judges the last year of weeks of a series."""

    def __init__(self, weeks: Weeks, guard: int) -> None:
        self.n, self.guard, self.length = len(weeks.starts), guard, weeks.year

    def year(self, watch: Watch, alpha: float, *, alone: float) -> list[Verdict]:
        first = max(0, self.n - round(_SHOWN_YEARS * self.length))
        return [
            judged(watch.series, week, alpha=alpha, guard=self.guard, year=self.length, alone=alone)
            for week in range(first, self.n)
        ]


def _figure(watch: Watch, verdicts: Sequence[Verdict], weeks: Weeks) -> dict[str, Any]:
    last = verdicts[-1]
    since, plain = (judged_since(verdicts, last=_LAST, is_plain=each) for each in (False, True))
    rows = [_week(watch, each, weeks) for each in verdicts]
    begun = [] if since is None else [row for row in rows if row["start"] >= _begin(weeks, since)]
    told = [row for row in begun if row["observed"] is not None and row["expected"] is not None]
    return {
        "name": watch.series.name,
        "tables": list(watch.tables),
        "is_channel": watch.is_channel,
        "falls": watch.series.falls,
        "status": _status(watch, last),
        "baseline": last.kind,
        "expected_by": last.expected_by,
        "since": None if since is None else _begin(weeks, since),
        "plain_since": None if plain is None else _begin(weeks, plain),
        "since_observed": sum(row["observed"] for row in told) if told else None,
        "since_expected": round(sum(row["expected"] for row in told), 2) if told else None,
        "weeks": rows,
    }


def _status(watch: Watch, verdict: Verdict) -> str:
    """Return what a week is; a channel without a single row is silent."""
    is_silent = watch.is_channel and verdict.status == "alarm" and verdict.observed == 0
    return "silent" if is_silent else verdict.status


def _begin(weeks: Weeks, week: int) -> str:
    return us_to_iso(int(weeks.starts[week]))[:10]


def _week(watch: Watch, verdict: Verdict, weeks: Weeks) -> dict[str, Any]:
    status = _status(watch, verdict)
    is_known = status not in {"missing", "silent"}
    return {
        "start": _begin(weeks, verdict.week),
        "status": status,
        "observed": int(verdict.observed) if is_known else None,
        "of": int(watch.series.exposure[verdict.week]) if is_known else None,
        "to_arrive": _number(verdict.estimated - verdict.observed) if is_known else None,
        "expected": _number(verdict.expected),
        "limit": _number(verdict.limit),
        "p_value": _number(verdict.p_value, 8),
        "is_plain_alarm": verdict.is_plain_alarm,
    }


def _number(value: float, decimals: int = 2) -> float | None:
    return round(float(value), decimals) if np.isfinite(value) else None
