"""A drill asked for on the command line: options to a crisis, and the folder it goes to."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from churnml.campaign.shared_help import Grant
from churnml.config import Params
from churnml.errors import ConfigError
from churnml.flow.drill import DRILLS, drill
from churnml.flow.drill_crisis import Scenario
from churnml.timeline import days_to_us, parse_instant

__all__ = ["drill_on_demand"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_WEEKS_BEFORE = 4


def drill_on_demand(
    params: Params,
    *,
    root: Path,
    name: str,
    out: Path | None,
    budget: str | None,
    least: str,
    **asked: Any,
) -> tuple[dict[str, Any], Path]:
    """Rehearse what options ask for; returns the report and where it lies.

    Raises
    ------
    ConfigError
        If an option has another form than it may.
    """
    start, end = asked.pop("start"), params.histories.as_of_us
    first = (
        end - days_to_us(7 * _WEEKS_BEFORE)
        if start is None
        else parse_instant(start, timezone=params.histories.timezone)
    )
    if not 0 < asked["size"] <= 1:
        raise _refused("not in (0, 1]", "size")
    if not 1 <= asked["spread_days"] <= 365:
        raise _refused("not from 1 to 365", "spread")
    if asked["seed"] < 0:
        raise _refused("below 0", "seed")
    if not _NAME.fullmatch(name):
        raise _refused("no plain name", "name")
    folder = out or root / DRILLS / name
    grant = None if budget is None else _grant(budget, least)
    return drill(params, root=root, workspace=folder, crisis=Scenario(start=first, **asked), grant=grant), folder


def _grant(budget: str, least: str) -> Grant:
    try:
        return Grant(budget=Decimal(budget), least=Decimal(least))
    except (InvalidOperation, ValueError):
        raise _refused("budget and least are no amounts of money", "budget") from None


def _refused(problem: str, column: str) -> ConfigError:
    return ConfigError(problem, rule="config.option", column=column)
