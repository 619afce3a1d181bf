"""Command on runs: has something moved, and what came of what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import AS_OF, CHAMPION, PARAMS, at_day, leave, say

__all__ = ["monitor"]


def monitor(
    as_of: Annotated[str | None, typer.Option(help=AS_OF)] = None,
    model: Annotated[str, typer.Option(help="Registry reference, or a folder such as models/churn.")] = CHAMPION,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say what has moved since the model learned and what came of earlier scores and lists; 3 stale, 5 moved."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.monitor import exit_code_of, verdict_lines, write_report
        from churnml.flow.monitor_fresh import monitor_as_of

        loaded, root = at_day(load_params(params), as_of), params.resolve().parent
        report = monitor_as_of(loaded, root=root, reference=model)
        pages = root / "reports"
        write_report(report, pages / "monitor.json", pages / "monitor.html", language=loaded.campaign.language)
        for line in verdict_lines(report, language=loaded.campaign.language):
            say(line)
        say("reports/monitor.html shows every figure.")
        return exit_code_of(report)

    leave(work)
