"""Monitoring: what has changed since the model learned, what came of what it said, and what came of the lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.config import Params
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.matrix import to_matrix
from churnml.estimators.reference import ProfileCounts
from churnml.evaluation.drift import Moved
from churnml.exports.monitor_page import monitor_page
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.freshness import fresh_facts, freshness
from churnml.flow.guard import VERDICT, regime_of
from churnml.flow.monitor_findings import Finding, findings_of
from churnml.flow.past_lists import past_lists
from churnml.flow.past_scores import matured_scores, score_drift
from churnml.flow.reference import profile_in
from churnml.flow.score_checks import group_moved, moved_from, source_facts
from churnml.histories.store import History
from churnml.storage import write_bytes, write_json
from churnml.timeline import us_to_iso
from churnml.wording import LANGUAGES

__all__ = ["COMPARED", "exit_code_of", "monitor", "verdict_lines", "write_report"]

COMPARED = ("p_churn", "clv")
"""Columns of the scores that are looked at."""
_SHOWN, _MOST_TOLD = 15, 60
"""Columns of the model shown beside those past a limit."""
_ORDER = ("steady", "usual", "unknown", "warning", "alarm")


def monitor(
    params: Params, history: History, model: LoadedModel, scores: pa.Table, *, features: Path, root: Path
) -> dict[str, Any]:
    """Look at one run: its tables, its rows beside what the model learned from, and what came of earlier runs.

    Parameters
    ----------
    params : Params
    history : History
    model : LoadedModel
        The churn model that scored.
    scores : pyarrow.Table
        What it said at ``as_of`` of every known customer: :data:`COMPARED`.
    features : Path
        Folder of features, with the rows of ``as_of``.
    root : Path
        Project folder, where scores and lists of earlier runs are kept.

    Returns
    -------
    dict
        JSON-ready: ``verdict`` (state, exit code, findings in both languages), ``regime``, ``freshness``, ``drift``,
        ``scores``, ``matured`` and ``lists``.
    """
    moved, status = _moved(params, history, model, features)
    report: dict[str, Any] = {
        "as_of": us_to_iso(history.as_of),
        "currency": params.histories.currency,
        "model": {"digest": model.digest[:12], "learned_until": model.meta.get("learned_until")},
        "regime": regime_of(params, history, verdict=root / VERDICT).facts(),
        "freshness": [fresh_facts(table) for table in freshness(params, history)],
        "drift": _drift(moved, status, params),
        "scores": score_drift(params, history, scores, model, root=root),
        "matured": matured_scores(params, history, model, root=root),
        "lists": past_lists(params, history, root=root),
    }
    found = findings_of(report)
    return {"verdict": _verdict(found), **report}


def _moved(params: Params, history: History, model: LoadedModel, features: Path) -> tuple[list[Moved], str]:
    profile = profile_in(model.meta, "features")
    if profile is None:
        return [], "no_reference"
    rows = read_buckets(features, keep=lambda _, table: observed_at(table, history.as_of))
    counts = ProfileCounts(profile)
    counts.add(to_matrix(rows, model.spec))
    moved = moved_from(counts, params, as_of=history.as_of)
    return moved, "checked" if moved else "too_few"


def _drift(moved: Sequence[Moved], status: str, params: Params) -> dict[str, Any]:
    told = [one for one in moved if one.state in {"warning", "alarm"}]
    sources = [
        {**source_facts(source, columns), "state": _worst(column.state for column in columns)}
        for source, columns in group_moved(told, params).items()
    ]
    return {
        "status": status,
        "n_columns": len(moved),
        "n_usual": sum(one.state == "usual" for one in moved),
        "sources": sources,
        "columns": [_column(one) for one in (*told[:_MOST_TOLD], *_others(moved, told))],
    }


def _others(moved: Sequence[Moved], told: Sequence[Moved]) -> list[Moved]:
    """Return the columns that moved most beyond chance without being told of."""
    names = {one.name for one in told}
    others = [one for one in moved if one.name not in names]
    ordered = sorted(others, key=lambda one: (-max(0.0, one.index - one.by_chance), one.name))
    return ordered[: max(0, _SHOWN - len(told))]


def _column(one: Moved) -> dict[str, Any]:
    figures = {"psi": one.index, "by_chance": one.by_chance, "usual": one.usual}
    return {"name": one.name, "state": one.state, **{name: round(value, 4) for name, value in figures.items()}}


def _worst(states: Iterable[str]) -> str:
    return max(states, key=_ORDER.index, default="steady")


def _verdict(found: Sequence[Finding]) -> dict[str, Any]:
    alarms = [one for one in found if one.state == "alarm"]
    return {
        "state": _worst(one.state for one in found if one.state != "unknown"),
        "exit_code": min((one.exit_code for one in alarms), default=0),
        "findings": [one.as_dict() for one in found],
    }


def exit_code_of(report: Mapping[str, Any]) -> int:
    """Return 0, 3 where a table is stale, or 5 where the model has moved past its limits."""
    return int(report["verdict"]["exit_code"])


def verdict_lines(report: Mapping[str, Any], *, language: str) -> Iterator[str]:
    """Yield what was found, the gravest first, one line each."""
    for finding in report["verdict"]["findings"]:
        yield str(finding[language])


def write_report(report: Mapping[str, Any], path: Path, page: Path, *, language: str) -> None:
    """Write the report as JSON and as a page in both languages."""
    write_json(report, path)
    write_bytes(monitor_page(report, language=language if language in LANGUAGES else "en"), page)
