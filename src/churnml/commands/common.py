"""What all commands share: default files, output, and the way to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from churnml.stage import ends_well

if TYPE_CHECKING:  # starting the command line costs no heavy import
    from churnml.config import Params

__all__ = ["AS_OF", "CHAMPION", "PARAMS", "at_day", "leave", "say"]

AS_OF = "ISO date or time, or today; default: histories.as_of."
"""Help of the option ``--as-of``."""

PARAMS = Path("params.yaml")
CHAMPION = "models:/churn@champion"


def leave(work: Callable[[], int]) -> None:
    """Do the work and end with its exit code; what fails is told without a traceback."""
    raise typer.Exit(ends_well(work))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def at_day(params: Params, as_of: str | None) -> Params:
    """Return the parameters as of a day; ``today`` begins at midnight in the company's zone, None changes nothing.

    Raises
    ------
    ConfigError
        If the text is no ISO date or time.
    """
    if as_of == "today":
        as_of = datetime.now(ZoneInfo(params.histories.timezone)).date().isoformat()
    return params if as_of is None else params.at(as_of)
