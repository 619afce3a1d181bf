"""Commands on what came after a change or crisis: when things were usual again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["recovery"]


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
