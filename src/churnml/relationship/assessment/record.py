"""Reports that were made, kept by period and id: the next one goes on from them, and each can be issued again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from churnml.errors import ConfigError
from churnml.relationship.assessment.gathered import Population
from churnml.storage import read_sealed_json, write_sealed_json

__all__ = ["issued_again", "keep_report", "kept_reports", "last_report", "refuse_another_population"]

Report = dict[str, Any]
_FILE = re.compile(r"(\d{4}-\d\d-\d\d)-(\d{4})-([0-9a-f]{12})\.json")


class _Asked(Protocol):
    """What a report says of itself."""

    @property
    def question(self) -> str: ...

    @property
    def population(self) -> Population: ...


def kept_reports(store: Path) -> list[tuple[str, int, str, Path]]:
    """Return (end of the period, number, id, file) of all kept reports, oldest first."""
    names = sorted(path.name for path in store.iterdir()) if store.is_dir() else []
    found = [(match, store / name) for name in names if (match := _FILE.fullmatch(name))]
    return [(match[1], int(match[2]), match[3], path) for match, path in found]


def keep_report(report: Mapping[str, Any], store: Path) -> None:
    """Keep a report; what was kept before is never touched, and the same report adds nothing.

    Raises
    ------
    EnvironmentFault
        If the store cannot be written.
    """
    end = report["period"]["end"]
    numbers = [number for day, number, _, _ in kept_reports(store) if day == end]
    if report["id"] in {name for day, _, name, _ in kept_reports(store) if day == end}:
        return
    write_sealed_json({"report": report}, store / f"{end}-{max(numbers, default=0) + 1:04}-{report['id']}.json")


def last_report(store: Path, *, before: date) -> Report | None:
    """Return the newest report of the latest period that ended before a day, or None.

    Raises
    ------
    DataError
        If it is damaged.
    """
    earlier = [entry for entry in kept_reports(store) if entry[0] < before.isoformat()]
    return None if not earlier else _read(max(earlier)[3])


def issued_again(store: Path, report_id: str) -> Report:
    """Return a kept report by its id, from any series below a folder.

    Raises
    ------
    ConfigError
        If there is none.
    DataError
        If it is damaged.
    """
    folders = sorted(path for path in store.iterdir() if path.is_dir()) if store.is_dir() else []
    for folder in folders:
        for _, _, name, path in kept_reports(folder):
            if name == report_id:
                return _read(path)
    raise ConfigError("no report of that id", rule="config.report", column="--id", next_step="List them with --list.")


def _read(path: Path) -> Report:
    found: Report = read_sealed_json(path)["report"]
    return found


def refuse_another_population(store: Path, brief: _Asked) -> None:
    """Refuse to go on with a series of reports that is about others, or asks something else.

    Raises
    ------
    ConfigError
        If the newest kept report has another question or population: figures of two populations in one series would
        be compared as if they were of one.
    """
    kept = kept_reports(store)
    if not kept:
        return
    newest = _read(max(kept)[3])
    whom = brief.population
    now = {"column": whom.column, "value": whom.value, "buyers": whom.buyers}
    for key, mine, theirs in (
        ("population", now, newest["population"]),
        ("question", brief.question, newest["question"]),
    ):
        if mine != theirs:
            raise ConfigError(
                f"earlier reports of this name are about another {key}",
                rule="config.mixed_populations" if key == "population" else "config.other_question",
                file="params.yaml",
                column=f"relationship.{key}",
                next_step="Give the new reports a name of their own in relationship.name.",
            )
