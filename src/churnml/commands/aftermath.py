"""Commands on what came after a change or crisis: when things were usual again, and what is to be learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["recovery", "review"]


def recovery(
    name: Annotated[str | None, typer.Argument(help="Crisis of the register; default: every change.")] = None,
    row: Annotated[int | None, typer.Option(help="Row of the register, from 1; default: every row.")] = None,
    table: Annotated[str | None, typer.Option(help="Calendar table, or crises for what is declared.")] = None,
    period_days: Annotated[int | None, typer.Option(help="Length of a period; default: impact.period_days.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of recovery.json and recovery.html; default: reports.")
    ] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say when losses, activity and satisfaction were usual again after a change; 4 where it cannot be told."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.recovery_page import recovery_lines
        from churnml.flow.recovery_on_demand import Asked, recovery_on_demand

        loaded, root = load_params(params), params.resolve().parent
        asked = Asked(name, row, table, period_days)
        found, code = recovery_on_demand(loaded, root=root, asked=asked, folder=out or root / "reports")
        for line in recovery_lines(found, language=loaded.campaign.language):
            say(line)
        return code

    leave(work)


def review(
    name: Annotated[str | None, typer.Argument(help="Crisis of the register; else say with options which row.")] = None,
    row: Annotated[int | None, typer.Option(help="Row of the register, from 1.")] = None,
    table: Annotated[str | None, typer.Option(help="Calendar table, or crises for what is declared.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of review.json and review.html; default: reports.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say what was done after a change, what it did and cost, and what is to be learned; 4 where nothing is known."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.review_page import lesson_lines
        from churnml.flow.recovery_on_demand import Asked
        from churnml.flow.review_on_demand import review_on_demand

        loaded, root = load_params(params), params.resolve().parent
        asked, folder = Asked(name, row, table), out or root / "reports"
        found, prior, code = review_on_demand(loaded, root=root, asked=asked, folder=folder)
        for line in lesson_lines(found, language=loaded.campaign.language):
            say(line)
        if any(each["is_enough"] for each in found["actions"]):
            say(f"{prior.relative_to(root).as_posix()}: effects for the next time.")
        return code

    leave(work)
