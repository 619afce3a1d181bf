"""What all commands share: default files, output, and the way to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import typer

from churnml.stage import ends_well

__all__ = ["CHAMPION", "PARAMS", "leave", "say"]

PARAMS = Path("params.yaml")
CHAMPION = "models:/churn@champion"


def leave(work: Callable[[], int]) -> None:
    """Do the work and end with its exit code; what fails is told without a traceback."""
    raise typer.Exit(ends_well(work))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
