"""A list asked for on the command line: whom a change or a fault concerns, from what the last run prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from churnml.config import Affected, CalendarTable, Params, affected_problems
from churnml.errors import ConfigError, did_you_mean
from churnml.flow.guard import VERDICT, regime_of
from churnml.flow.known import contact_data
from churnml.flow.named import open_named
from churnml.flow.other_lists import write_affected
from churnml.flow.plan import campaign_plan
from churnml.parquet import read_parquet
from churnml.storage import read_json

__all__ = ["Alarm", "affected_on_demand", "affected_rule", "alarm_of", "configured_rule"]

_NAMED_VALUE = "Write it as column=value."


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the last run found about loyal customers; ``is_high`` is None where it could not tell."""

    is_high: bool | None
    sentence: str


def alarm_of(params: Params, *, root: Path) -> Alarm:
    """Read the verdict of the last run.

    Raises
    ------
    ConfigError
        If the alarm is not configured.
    DataError
        If the last run has not made it.
    """
    block = params.lists.loyal_alarm
    if block is None:
        raise ConfigError(
            "no such list", rule="config.list", file="params.yaml", column="lists.loyal_alarm",
            next_step="Write loyal_alarm: {} under lists, and run.",
        )  # fmt: skip
    found = read_json(root / "data" / "lists" / block.name / "alarm.json")
    return Alarm(found["alarm"], found["verdict"][params.campaign.language])


def configured_rule(params: Params, name: str) -> Affected:
    """Return a rule of ``lists.affected`` by its name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for rule in params.lists.affected:
        if rule.name == name:
            return rule
    raise ConfigError(
        "no such list",
        rule="config.list",
        file="params.yaml",
        column="lists.affected",
        next_step=did_you_mean(name, [rule.name for rule in params.lists.affected])
        or "Name one of lists.affected, or say with options what it is.",
    )


def affected_rule(
    params: Params, *, where: Sequence[str] = (), at_least: Sequence[str] = (), **given: str | None
) -> Affected:
    """Return the rule that options of a command stand for.

    Parameters
    ----------
    params : Params
    where : sequence of str
        ``column=value``; a column named twice may have either value. ``column=@file``: one value a line.
    at_least : sequence of str
        ``column=number``.
    **given : str or None
        Keys of :class:`~churnml.config.Affected`; without a table, the calendar table, where there is one only.

    Raises
    ------
    ConfigError
        If an option has another form, or asks something of the table that it does not have.
    """
    values: dict[str, list[str]] = {}
    for column, text in map(_halves, where):
        values.setdefault(column, []).extend(_lines(text[1:]) if text.startswith("@") else [text])
    least = {column: _number(text) for column, text in map(_halves, at_least)}
    texts = {key: value for key, value in given.items() if value is not None}
    block: dict[str, Any] = {"table": _only_calendar(params), **texts, "where": values, "at_least": least}
    try:
        rule = Affected.model_validate(block)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "affected"
        raise ConfigError(
            "not a value for this option", rule="config.option", column=place, count=error.error_count()
        ) from None
    for problem in affected_problems(rule, params.histories, place=()):
        column = ".".join(str(part) for part in problem.path) or "affected"
        raise ConfigError(problem.problem, rule=problem.rule, column=column, next_step=problem.next_step)
    return rule


def affected_on_demand(params: Params, *, root: Path, rule: Affected, out: Path) -> dict[str, Any]:
    """Write the list of a rule from prepared histories and the last scores.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    rule : Affected
    out : Path
        Folder of the list.

    Returns
    -------
    dict
        The manifest.
    """
    history = open_named(root / "data" / "prepared", root=root)
    scores = read_parquet(root / "data" / "scored" / "scores.parquet")
    plan = campaign_plan(params, regime=regime_of(params, history, verdict=root / VERDICT))
    contacts = contact_data(params, history, plan=plan)
    return write_affected(params, history, scores, contacts, rule=rule, plan=plan, folder=out)


def _only_calendar(params: Params) -> str:
    calendars = [name for name, table in params.histories.tables.items() if isinstance(table, CalendarTable)]
    return calendars[0] if len(calendars) == 1 else ""


def _halves(text: str) -> tuple[str, str]:
    column, separator, value = text.partition("=")
    if not separator or not column.strip() or not value:
        raise ConfigError("no column=value", rule="config.option", column="where", next_step=_NAMED_VALUE)
    return column.strip(), value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            "not a number", rule="config.option", column="at_least", next_step="Write it as column=5."
        ) from None


def _lines(name: str) -> list[str]:
    """Return the lines of a file of values, blank ones and repetitions left out."""
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError("cannot be read as UTF-8 text", rule="config.file_missing", file=Path(name).name) from None
    return list(dict.fromkeys(line for line in lines if line.strip()))
