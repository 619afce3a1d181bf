"""The crisis playbook: what was agreed for which alert, who does it, by when, and what customers are told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from churnml.errors import ConfigError, did_you_mean
from churnml.histories.crises import TYPES
from churnml.timeline import days_to_us, us_to_iso

__all__ = [
    "ALARMS",
    "COLUMNS",
    "MESSAGES",
    "REQUIRED",
    "Alert",
    "CrisisPlaybook",
    "Step",
    "bind",
    "make_crisis_playbook",
]

REQUIRED = ("alert", "action_en", "action_zh", "owner", "deadline", "message")
COLUMNS = REQUIRED

ALARMS = ("losses", "activity", "complaints", "refunds", "cancellations", "csat_low", "nps_low", "arrivals")
"""Kinds of alarm that the early warning can raise."""

MESSAGES = ("internal", "holding", "notice", "apology", "remedy", "safety")
"""Classes of what customers are told: nothing; that it is being looked into; what happened; and so on."""

_OR = "|"
_MOST_TEXT = 300
_DEADLINE = re.compile(r"([1-9][0-9]{0,3}) ?(h|d)")
_UNITS = {"h": 1 / 24, "d": 1.0}


@dataclass(frozen=True, slots=True)
class Step:
    """One agreed action.

    Parameters
    ----------
    line : int
        Line of the file.
    action : mapping of str to str
        Language -> words.
    owner : str
    within_us : int
        Time from the alert to the deadline, microseconds.
    message : str
        One of :data:`MESSAGES`.
    """

    line: int
    action: Mapping[str, str]
    owner: str
    within_us: int
    message: str


@dataclass(frozen=True, slots=True)
class CrisisPlaybook:
    """The agreed actions of each kind of alert, in the order of the file."""

    steps: Mapping[str, Sequence[Step]]
    file: str

    def check_covers(self, kinds: Iterable[str]) -> None:
        """Refuse a playbook that says nothing about an alert that can come.

        Raises
        ------
        ConfigError
            Naming every such kind.
        """
        if missing := [kind for kind in kinds if kind not in self.steps]:
            raise ConfigError(
                f"says nothing about alerts that can be raised: {', '.join(missing)}",
                rule="config.crisis_playbook",
                file=self.file,
                column="alert",
                count=len(missing),
                next_step="Agree on actions, an owner and a deadline for each, and add a row.",
            )


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that calls for the agreed actions.

    Parameters
    ----------
    kind : str
        One of :data:`ALARMS` or :data:`~churnml.histories.crises.TYPES`.
    raised_us : int
        From when deadlines run, microseconds.
    names : tuple of str
        The figures or crises behind it.
    """

    kind: str
    raised_us: int
    names: tuple[str, ...]


def make_crisis_playbook(rows: Sequence[tuple[int, Mapping[str, str]]], *, file: str) -> CrisisPlaybook:
    """Check the rows of a crisis playbook.

    Parameters
    ----------
    rows : sequence of (int, mapping)
        Line, and cells by name of column; ``|`` stands between several alerts.
    file : str
        For messages.

    Raises
    ------
    ConfigError
        If an alert or a class of message is unknown, a text is missing, a deadline cannot be read, or a row stands
        there twice.

    Examples
    --------
    >>> row = {"alert": "losses|activity", "action_en": "Ring", "action_zh": "致电", "owner": "Care", "deadline": "4h"}
    >>> made = make_crisis_playbook([(2, {**row, "message": "holding"})], file="c.csv")
    >>> sorted(made.steps), made.steps["losses"][0].within_us / 3_600_000_000
    (['activity', 'losses'], 4.0)
    """
    steps: dict[str, list[Step]] = {}
    seen: dict[tuple[str, str], int] = {}
    for line, cells in rows:
        place = _Place(file, line, {name: cells.get(name, "").strip() for name in COLUMNS})
        step = _step(place)
        for kind in _kinds(place):
            key = (kind, step.action["en"])
            if key in seen:
                raise place.refuse("action_en", f"stands for this alert in line {seen[key]} already")
            seen[key] = line
            steps.setdefault(kind, []).append(step)
    return CrisisPlaybook(steps, file)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of the file, for messages."""

    file: str
    line: int
    cells: Mapping[str, str]

    def refuse(self, column: str, problem: str, next_step: str | None = None) -> ConfigError:
        return ConfigError(
            problem, rule="config.crisis_playbook", file=self.file, line=self.line, column=column, next_step=next_step
        )

    def one_of(self, column: str, name: str, known: Collection[str]) -> str:
        if name not in known:
            near = did_you_mean(name, list(known)) or f"There are: {', '.join(known)}."
            raise self.refuse(column, f"no such {column}" if name else "is empty", near)
        return name


def _kinds(place: _Place) -> list[str]:
    names = [name.strip() for name in place.cells["alert"].split(_OR)]
    return list(dict.fromkeys(place.one_of("alert", name, (*ALARMS, *TYPES)) for name in names))


def _step(place: _Place) -> Step:
    for column in ("action_en", "action_zh", "owner"):
        text = place.cells[column]
        if not 0 < len(text) <= _MOST_TEXT or not text.isprintable():
            raise place.refuse(column, f"is empty, longer than {_MOST_TEXT} characters or not printable")
    found = _DEADLINE.fullmatch(place.cells["deadline"])
    if found is None:
        raise place.refuse("deadline", "is no number of hours or days", "Write 4h or 2d: from the alert on.")
    within = days_to_us(int(found[1]) * _UNITS[found[2]])
    message = place.one_of("message", place.cells["message"], MESSAGES)
    action = {language: place.cells[f"action_{language}"] for language in ("en", "zh")}
    return Step(place.line, action, place.cells["owner"], within, message)


def bind(playbook: CrisisPlaybook, alerts: Iterable[Alert], *, at: int) -> list[dict[str, Any]]:
    """Return what is due because of some alerts, the earliest first.

    Parameters
    ----------
    playbook : CrisisPlaybook
    alerts : iterable of Alert
    at : int
        The instant of the verdict, microseconds.

    Returns
    -------
    list of dict
        ``alert``, ``names``, ``raised_at``, ``action`` by language, ``owner``, ``due_at``, ``message`` and ``is_past``:
        whether the deadline lies before the verdict.
    """
    found = [
        (alert.raised_us + step.within_us, place, step.line, alert, step)
        for place, alert in enumerate(alerts)
        for step in playbook.steps.get(alert.kind, ())
    ]
    return [
        {
            "alert": alert.kind,
            "names": list(alert.names),
            "raised_at": us_to_iso(alert.raised_us),
            "action": dict(step.action),
            "owner": step.owner,
            "due_at": us_to_iso(due),
            "message": step.message,
            "is_past": due < at,
        }
        for due, _, _, alert, step in sorted(found, key=lambda each: each[:3])
    ]
