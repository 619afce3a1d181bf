"""The register of actions against the figures of this report, the charts' past and the last report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from churnml.relationship.assessment.actions import Action, follow_up
from churnml.relationship.period import Period

__all__ = ["followed_actions"]


class _Asked(Protocol):
    """What the report says of itself."""

    @property
    def actions(self) -> Sequence[Action]: ...

    @property
    def period(self) -> Period: ...

    def day(self, instant: int) -> date: ...


def followed_actions(
    brief: _Asked,
    figures: Sequence[Mapping[str, Any]],
    series: Sequence[Mapping[str, Any]],
    last: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Return the register with status and effect so far.

    An action's effect is its figure now less the figure of the last period that ended before the action started. An
    action without a start counts from the report that first told of it; one that is told of for the first time has no
    effect yet.
    """
    known = {row["key"]: row for row in (last or {}).get("actions", ())}

    def value(metric: str, group: str) -> float | None:
        cell = _cell(figures, metric, group)
        return None if cell is None or cell.get("hidden") else cell.get("value")

    def baseline(action: Action) -> tuple[str, float] | None:
        old = known.get(action.key)
        if action.started is None:
            if old is not None and old.get("baseline") is not None:
                return str(old["baseline_on"]), float(old["baseline"])
            start = old["value"] if old is not None else value(action.metric, action.group)
            on = str((last or {})["period"]["end"]) if old is not None else brief.day(brief.period.end).isoformat()
            return None if start is None else (on, float(start))
        return _before_start(action, figures, series, begin=brief.day(brief.period.begin))

    end = brief.day(brief.period.end)
    return follow_up(brief.actions, end=end, value=value, baseline=baseline, known=list(known.values()))


def _before_start(
    action: Action, figures: Sequence[Mapping[str, Any]], series: Sequence[Mapping[str, Any]], *, begin: date
) -> tuple[str, float] | None:
    start = action.started or begin
    if not action.group:
        earlier = [p for p in series if date.fromisoformat(p["end"]) <= start and action.metric in p["values"]]
        if not earlier:
            return None
        return str(earlier[-1]["end"]), float(earlier[-1]["values"][action.metric]["value"])
    cell = _cell(figures, action.metric, action.group)
    before = (cell or {}).get("previous") or {}
    if start < begin or before.get("value") is None:
        return None
    return begin.isoformat(), float(before["value"])


def _cell(figures: Sequence[Mapping[str, Any]], metric: str, group: str) -> Mapping[str, Any] | None:
    """Return the cell of a figure for everybody or for ``way=level``; a segment may be named by its column alone."""
    figure = next((f for f in figures if f["name"] == metric), None)
    if figure is None:
        return None
    way, _, level = group.partition("=") if group else ("all", "", "all")
    cells: Mapping[str, Mapping[str, Any]] = figure["cells"].get(way) or figure["cells"].get(f"segment:{way}") or {}
    return cells.get(level)
