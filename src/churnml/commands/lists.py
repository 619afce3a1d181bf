"""Commands on lists: whom a change concerns, alarms, files for CRMs and what came back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["affected", "alarm", "export", "outcomes", "receipt"]


def affected(
    name: Annotated[str | None, typer.Argument(help="A list of lists.affected; else options say what it is.")] = None,
    table: Annotated[str | None, typer.Option(help="Calendar or events table; default: the only calendar.")] = None,
    change: Annotated[str | None, typer.Option(help="Kind of change; without options: all announced ones.")] = None,
    on: Annotated[str | None, typer.Option(help="ISO date on which the change begins.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="column=value or column=@file; may be repeated.")] = None,
    at_least: Annotated[list[str] | None, typer.Option(help="column=number; may be repeated.")] = None,
    first_day: Annotated[str | None, typer.Option(help="ISO date of the first rows meant.")] = None,
    last_day: Annotated[str | None, typer.Option(help="ISO date of the last rows meant.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: data/notices/<name>.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """List exactly whom a change or a fault concerns: whom to tell on which channel, and who cannot be told."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.on_demand import affected_on_demand, affected_rule, configured_rule

        loaded, root = load_params(params), params.resolve().parent
        given = {"table": table, "type": change, "on": on, "first_day": first_day, "last_day": last_day}
        if name is not None and not (where or at_least or any(given.values())):
            rule = configured_rule(loaded, name)
        else:
            rule = affected_rule(loaded, name=name or "affected", where=where or (), at_least=at_least or (), **given)
        folder = out or root / "data" / "notices" / rule.name
        counts = affected_on_demand(loaded, root=root, rule=rule, out=folder)["counts"]
        say(f"{counts['contact']:,} to tell, {counts['excluded']:,} who cannot be told, each with the reason: {folder}")
        return 0

    leave(work)


def alarm(
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say whether loyal customers are about to leave more than usual, by the last run; exit code 5 where they are."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.on_demand import alarm_of

        verdict = alarm_of(load_params(params), root=params.resolve().parent)
        say(verdict.sentence)
        return 5 if verdict.is_high else 0

    leave(work)


def export(
    target: Annotated[str, typer.Option(help="Target, or the name of one under exports.targets.")],
    listed: Annotated[str | None, typer.Option("--list", help="Name of the list; default: the campaign's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: data/exports/<list>/<target>.")] = None,
    edition: Annotated[str | None, typer.Option(help="Edition whose limits hold.")] = None,
    create: Annotated[bool, typer.Option("--create", help="People without a record there get one.")] = False,
    ids_only: Annotated[bool, typer.Option("--ids-only", help="braze: ids and nothing else.")] = False,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Write a list's files for a CRM or a platform; contact data and consent are read as they are now."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.export_on_demand import export_on_demand

        loaded, root = load_params(params), params.resolve().parent
        more = {"edition": edition, "create": create, "ids_only": ids_only}
        made, folder = export_on_demand(loaded, root=root, target=target, listed=listed, out=out, **more)
        rows = made["rows"]
        say(
            f"{rows['written']:,} of {rows['listed']:,} rows in {len(made['parts'])} files, {rows['rejected']:,} "
            f"rejected, {rows['withheld_without_consent']:,} without consent to this use: {folder}"
        )
        return 0

    leave(work)


def receipt(
    files: Annotated[list[Path], typer.Argument(help="Success and error files of the CRM, CSV.")],
    target: Annotated[str | None, typer.Option(help="Target, where several were exported.")] = None,
    listed: Annotated[Path | None, typer.Option("--list", help="Folder of the export, or name of the list.")] = None,
    key: Annotated[str | None, typer.Option(help="Column with the key of the records.")] = None,
    status: Annotated[str | None, typer.Option(help="Column that says whether a row was taken.")] = None,
    error: Annotated[str | None, typer.Option(help="Column that says why it was not.")] = None,
    accepted: Annotated[list[str] | None, typer.Option(help="Value of the status that means yes; repeatable.")] = None,
    rest_accepted: Annotated[bool, typer.Option("--rest-accepted", help="The files hold errors alone.")] = False,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
) -> None:
    """Reconcile a CRM's receipts with what was sent: accepted, rejected, missing; exit code 6 if it does not add up."""

    def work() -> int:
        from churnml.exports.crm.receipt_files import Tell
        from churnml.flow.receipts import check_receipts, receipt_lines, require_sums

        tell = Tell(key, status, error, tuple(accepted or ()))
        found, path = check_receipts(
            files, root=Path.cwd(), listed=listed, target=target, tell=tell, rest_accepted=rest_accepted
        )
        for line in (*receipt_lines(found, language), str(path)):
            say(line)
        require_sums(found)
        return 0

    leave(work)


def outcomes(
    files: Annotated[list[Path] | None, typer.Argument(help="What came back: .csv, .parquet or .xlsx.")] = None,
    as_of: Annotated[str | None, typer.Option(help="ISO date of the follow-up; default: today.")] = None,
    listed: Annotated[str | None, typer.Option("--list", help="List of rows that name none.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Import what came of contacts and report what is done, open and overdue; exit code 3 if rows cannot be used."""

    def work() -> int:
        from datetime import UTC, datetime

        from churnml.config import load_params
        from churnml.flow.outcomes import OUTCOMES, import_outcomes, outcome_lines, require_all_used
        from churnml.timeline import parse_instant, us_to_date

        loaded, root = load_params(params), params.resolve().parent
        zone = loaded.histories.timezone
        moment = parse_instant(as_of or datetime.now(UTC), timezone=zone)
        found = import_outcomes(loaded, files or (), root=root, today=us_to_date(moment, timezone=zone), listed=listed)
        for line in (*outcome_lines(found.report, loaded.campaign.language), str(OUTCOMES / "report" / "index.html")):
            say(line)
        require_all_used(found)
        return 0

    leave(work)
