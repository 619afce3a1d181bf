"""The register of actions, and how far each has come: whether it is done, and what its figure did since."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from churnml.errors import ConfigError, did_you_mean
from churnml.relationship.assessment.names import FIGURE_NAMES
from churnml.relationship.assessment.rounding import rounded

__all__ = ["COLUMNS", "REQUIRED", "Action", "follow_up", "read_actions"]

COLUMNS = ("action", "owner", "due", "metric", "expected_effect", "started", "done", "group")
REQUIRED = COLUMNS[:5]
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Action:
    """One line of the register.

    Parameters
    ----------
    action, owner : str
        What is done, and who does it.
    due : date
    metric : str
        Name of a figure of the report.
    expected_effect : float
        Change of that figure that is hoped for, in its unit: 0.02 = 2 points of a share.
    started, done : date or None
    group : str
        ``way=level`` of the customers it is for; empty = everybody.
    """

    action: str
    owner: str
    due: date
    metric: str
    expected_effect: float
    started: date | None = None
    done: date | None = None
    group: str = ""

    @property
    def key(self) -> str:
        """Return by what an action is recognised in the next report."""
        return f"{self.action}|{self.metric}|{self.group}"


def read_actions(data: bytes, *, file: str) -> list[Action]:
    """Read a register written as CSV (comma, semicolon or tab; UTF-8).

    Raises
    ------
    ConfigError
        If a column is missing or unknown, or a cell is no date, number or figure: with the row, never its value.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8", rule="config.actions", file=file, next_step="Save it as CSV UTF-8.") from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    names = [name.strip().lower() for name in rows[0]] if rows else []
    for name in names:
        if name not in COLUMNS:
            near = did_you_mean(name, COLUMNS) or f"Columns are {', '.join(COLUMNS)}."
            raise ConfigError("unknown column", rule="config.actions", file=file, column=name, next_step=near)
    for name in REQUIRED:
        if name not in names:
            raise ConfigError("required column is missing", rule="config.actions", file=file, column=name)
    lines = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    return [_action(dict(zip(names, map(str.strip, row), strict=False)), file, number) for number, row in lines]


def _action(row: Mapping[str, str], file: str, number: int) -> Action:
    place = _Place(file, number)
    for column in ("action", "owner"):
        if not 0 < len(row.get(column, "")) <= _MAX_TEXT:
            raise place.refuse(column, f"empty, or longer than {_MAX_TEXT} characters")
    metric = row.get("metric", "")
    if metric not in FIGURE_NAMES:
        raise place.refuse("metric", "no figure of the report", f"Figures are {', '.join(FIGURE_NAMES)}.")
    try:
        effect = float(row.get("expected_effect", ""))
    except ValueError:
        raise place.refuse("expected_effect", "not a number", "Write 0.02 for two points of a share.") from None
    if not abs(effect) < 1e12:
        raise place.refuse("expected_effect", "not a finite number")
    due = place.day(row, "due")
    if due is None:
        raise place.refuse("due", "empty", "Write it as 2024-06-30.")
    days = place.day(row, "started"), place.day(row, "done")
    return Action(row["action"], row["owner"], due, metric, effect, *days, group=row.get("group", ""))


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of the file, for messages."""

    file: str
    number: int

    def refuse(self, column: str, problem: str, next_step: str | None = None) -> ConfigError:
        return ConfigError(
            problem, rule="config.actions", file=self.file, line=self.number, column=column, next_step=next_step
        )

    def day(self, row: Mapping[str, str], column: str) -> date | None:
        text = row.get(column, "")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.refuse(column, "not an ISO date", "Write it as 2024-06-30.") from None


def follow_up(
    actions: Sequence[Action],
    *,
    end: date,
    value: Callable[[str, str], float | None],
    baseline: Callable[[Action], tuple[str, float] | None],
    known: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return the register as of the end of a period.

    Parameters
    ----------
    actions : sequence of Action
    end : date
    value : callable
        Takes metric and group and returns the figure now, None where there is none or it is held back.
    baseline : callable
        Takes an action and returns the day and the value it started from, or None.
    known : sequence of mapping
        Actions of the last report: those that were open and are in the register no more are told of.

    Returns
    -------
    list of dict
        ``status``: ``done``, ``overdue``, ``open``, ``planned`` or ``dropped``; ``baseline`` and ``effect`` so far,
        ``is_reached`` where the effect is known.
    """
    rows = []
    for action in actions:
        now, start = value(action.metric, action.group), baseline(action)
        effect = None if now is None or start is None else now - start[1]
        reached = None if effect is None else _reached(effect, action.expected_effect)
        rows.append({
            "key": action.key, "action": action.action, "owner": action.owner, "due": action.due.isoformat(),
            "metric": action.metric, "group": action.group, "expected_effect": rounded(action.expected_effect),
            "started": None if action.started is None else action.started.isoformat(),
            "done": None if action.done is None else action.done.isoformat(),
            "status": _status(action, end), "value": rounded(now),
            "baseline": None if start is None else rounded(start[1]),
            "baseline_on": None if start is None else start[0],
            "effect": rounded(effect), "is_reached": reached,
        })  # fmt: skip
    there = {row["key"] for row in rows}
    gone = [row for row in known if row["key"] not in there and row["status"] not in {"done", "dropped"}]
    return rows + [{**row, "status": "dropped", "effect": None, "is_reached": None} for row in gone]


def _status(action: Action, end: date) -> str:
    if action.done is not None and action.done <= end:
        return "done"
    if action.due < end:
        return "overdue"
    return "planned" if action.started is not None and action.started > end else "open"


def _reached(effect: float, expected: float) -> bool:
    return effect >= expected if expected >= 0 else effect <= expected
