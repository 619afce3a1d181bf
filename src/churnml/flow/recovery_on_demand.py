"""The way back after changes asked for by command: which ones, and the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.errors import ConfigError, did_you_mean
from churnml.exports.recovery_page import recovery_page
from churnml.flow.changes import DECLARED
from churnml.flow.crises import crises_of
from churnml.flow.impact import setting_of
from churnml.flow.impact_measures import Setting
from churnml.flow.recovery import report_of
from churnml.histories.store import open_history
from churnml.relationship.impact.study import Change
from churnml.storage import write_bytes, write_json

__all__ = ["Asked", "changes_asked", "recovery_on_demand"]

_SHORTEST, _LONGEST = 7, 365


@dataclass(frozen=True, slots=True)
class Asked:
    """Which changes, and in periods of how many days; None = any, and as configured."""

    name: str | None = None
    row: int | None = None
    table: str | None = None
    period_days: int | None = None


def recovery_on_demand(params: Params, *, root: Path, asked: Asked, folder: Path) -> tuple[dict[str, Any], int]:
    """Write ``recovery.json`` and ``recovery.html``; return the report, and 4 where no losses could be judged, else 0.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder, with prepared histories.
    asked : Asked
    folder : Path

    Raises
    ------
    ConfigError
        If no such change has begun, or the length of a period is out of bounds.
    """
    if asked.period_days is not None:
        if not _SHORTEST <= asked.period_days <= _LONGEST:
            raise ConfigError(
                f"not from {_SHORTEST} to {_LONGEST}", rule="config.option", column="period-days",
                next_step="Write for example 7 or 30.",
            )  # fmt: skip
        params = params.model_copy(
            update={"impact": params.impact.model_copy(update={"period_days": asked.period_days})}
        )
    setting = setting_of(params, open_history(root / "data" / "prepared"))
    found = report_of(setting, changes_asked(setting, asked))
    write_json(found, folder / "recovery.json")
    write_bytes(recovery_page(found, language=params.campaign.language), folder / "recovery.html")
    losses = [row for each in found["recoveries"] for row in each["metrics"] if row["metric"] == "losses"]
    return found, 0 if any(not row["refused"] for row in losses) else 4


def changes_asked(setting: Setting, asked: Asked) -> list[Change]:
    """Return the changes that are meant, the newest first.

    Raises
    ------
    ConfigError
        If there is none.
    """
    place = None if asked.name is None else _place_of(setting, asked.name)
    found = [
        change
        for change in setting.changes
        if (asked.row is None or change.row == asked.row)
        and (asked.table is None or change.table == asked.table)
        and (place is None or (change.table, change.row) == place)
    ]
    if not found:
        raise ConfigError(
            "no change there that has begun", rule="config.option", column="row", next_step="See reports/impact.html."
        )
    return found


def _place_of(setting: Setting, name: str) -> tuple[str, int]:
    """Return table and row of a crisis."""
    known = crises_of(setting.params, setting.history, known_by=setting.history.as_of)
    for crisis in known:
        if crisis.name == name:
            return crisis.table or DECLARED, crisis.row
    raise ConfigError(
        "no such crisis in the register",
        rule="config.option",
        column="name",
        next_step=did_you_mean(name, [crisis.name for crisis in known]) or "See crises in params.yaml.",
    )
