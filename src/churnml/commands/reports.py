"""Commands on reports: how relationships stand, and reports of earlier periods issued again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["impact", "report", "warn"]


class Kind(StrEnum):
    """Which reports there are."""

    RELATIONSHIP = "relationship"


def report(
    kind: Annotated[Kind, typer.Argument(help="Which report.")],
    report_id: Annotated[str | None, typer.Option("--id", help="An earlier report, issued again as it was.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the reports that are kept.")] = False,
    period_end: Annotated[str | None, typer.Option(help="ISO date; default: relationship.period_end.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: reports, or reports/issued/<id>.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say how relationships with customers stand in a period, from what the last run prepared."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.relationship_on_demand import issue_again, kept_lines, report_on_demand

        loaded, root = load_params(params), params.resolve().parent
        if listed:
            for line in kept_lines(root):
                say(line)
            return 0
        if report_id is not None:
            made = issue_again(root, report_id, out=out)
        else:
            made = report_on_demand(loaded, root=root, period_end=period_end, out=out)
        say(f"report {made.report_id}: {made.page}")
        return 0

    leave(work)


def impact(
    row: Annotated[int | None, typer.Option(help="Row of the register, from 1; default: every change.")] = None,
    table: Annotated[str | None, typer.Option(help="Calendar table, where there are several.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say what company changes did to churn; exit code 4 where the time before or after one does not suffice."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.impact_on_demand import impact_lines

        lines, code = impact_lines(load_params(params), root=params.resolve().parent, row=row, table=table)
        for line in lines:
            say(line)
        return code

    leave(work)


def warn(
    as_of: Annotated[
        str | None, typer.Option(help="ISO date or time: the verdict as it was then; default: what was prepared last.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of warning.json and warning.html; default: reports.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say whether losses, or what runs ahead of them, are out of line: 0 quiet, 5 alarm, 4 too little is known."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.warning_page import warning_lines
        from churnml.flow.response import with_response
        from churnml.flow.warning import exit_code_of, verdict_of, write_warning
        from churnml.flow.warning_on_demand import verdict_as_of
        from churnml.histories.store import open_history

        loaded, root = load_params(params), params.resolve().parent
        language = loaded.campaign.language
        if as_of is None:
            folder, history = out or root / "reports", open_history(root / "data" / "prepared")
            found = with_response(verdict_of(loaded, history, root=root), loaded, history, root=root)
        else:
            found = verdict_as_of(loaded.at(as_of), root=root)
            # The last verdict, which the model guard reads, stays what it is.
            folder = out or root / "reports" / "as_of" / as_of[:10]
        write_warning(found, folder / "warning.json", folder / "warning.html", language=language)
        for line in warning_lines(found, language=language):
            say(line)
        return exit_code_of(found)

    leave(work)
