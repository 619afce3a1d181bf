"""Commands for a crisis: help for those hit hardest, how fast customers are reached, and drills."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["brief", "clock", "compensate", "drill"]


class Kind(StrEnum):
    """What can be rehearsed."""

    SILENCE = "silence"
    COMPLAINTS = "complaints"
    REFUNDS = "refunds"
    CANCELLATIONS = "cancellations"
    DISSATISFACTION = "dissatisfaction"


def clock(
    first: Annotated[str | None, typer.Option("--from", help="ISO date or time at which the event began.")] = None,
    until: Annotated[
        str | None, typer.Option(help="ISO date or time at which it ended; default: now it lasts.")
    ] = None,
    crisis: Annotated[str | None, typer.Option(help="A crisis of the register, instead of days.")] = None,
    affected: Annotated[str | None, typer.Option(help="List of lists.affected: whom the event concerns.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of clock.json and clock.html; default: reports.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say how fast questions are answered in an event, and how fast those lost are listed and contacted."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.clock_page import clock_lines
        from churnml.flow.clock_on_demand import clock_on_demand

        loaded, root = load_params(params), params.resolve().parent
        event = {"first": first, "until": until, "crisis": crisis}
        found = clock_on_demand(loaded, root=root, out=out or root / "reports", affected=affected, **event)
        for line in clock_lines(found, language=loaded.campaign.language):
            say(line)
        return 0

    leave(work)


def brief(
    first: Annotated[str | None, typer.Option("--from", help="ISO date or time at which the event began.")] = None,
    until: Annotated[str | None, typer.Option(help="ISO date or time at which it ended; default: it lasts.")] = None,
    crisis: Annotated[str | None, typer.Option(help="A crisis of the register, instead of days.")] = None,
    affected: Annotated[str | None, typer.Option(help="List of lists.affected: whom the event concerns.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of brief.json and brief.html; default: reports.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say what retention, service, finance and communication need of an event, from one set of numbers."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.brief_page import brief_lines
        from churnml.flow.brief import brief_of, write_brief
        from churnml.flow.clock_on_demand import window_of
        from churnml.flow.on_demand import configured_rule
        from churnml.histories.store import open_history

        loaded, root = load_params(params), params.resolve().parent
        history, language = open_history(root / "data" / "prepared"), loaded.campaign.language
        rule = None if affected is None else configured_rule(loaded, affected)
        window = window_of(loaded, history, root=root, first=first, until=until, crisis=crisis)
        found = brief_of(loaded, history, window, root=root, affected=rule)
        write_brief(found, out or root / "reports", language=language)
        for line in brief_lines(found, language=language):
            say(line)
        return 0

    leave(work)


def compensate(
    name: Annotated[str, typer.Argument(help="A list of lists.compensation; else options say what it is.")],
    affected: Annotated[str | None, typer.Option(help="List of lists.affected: who is concerned.")] = None,
    budget: Annotated[str | None, typer.Option(help="At most this in all.")] = None,
    least: Annotated[str | None, typer.Option(help="Least amount for whoever is helped.")] = None,
    most: Annotated[str | None, typer.Option(help="Most for one customer.")] = None,
    harm: Annotated[str | None, typer.Option(help="rows, amount, value or a number column of the table.")] = None,
    per_unit: Annotated[
        str | None, typer.Option(help="What one unit of harm is due; else the budget is shared in proportion.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: data/notices/<name>.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Share a budget among those a fault hit hardest, to the cent, and say who gets nothing and why."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.compensation_on_demand import compensation_block, compensation_on_demand

        loaded, root = load_params(params), params.resolve().parent
        given = {"affected": affected, "budget": budget, "least": least, "most": most, "harm": harm}
        block = compensation_block(loaded, name, **given, per_unit=per_unit)
        folder = out or root / "data" / "notices" / block.name
        found = compensation_on_demand(loaded, root=root, block=block, out=folder)
        money, counts = found["money"], found["counts"]
        say(
            f"{money['spent']} of {money['budget']} {found['currency']} for {counts['contact']:,} of "
            f"{found['affected']:,} customers; {counts['excluded']:,} get nothing, each with the reason: {folder}"
        )
        return 0

    leave(work)


def drill(
    kind: Annotated[Kind, typer.Option(help="What happens.")] = Kind.SILENCE,
    size: Annotated[float, typer.Option(help="Share of the customers at risk whom it hits, in (0, 1].")] = 0.2,
    start: Annotated[str | None, typer.Option(help="ISO date; default: four weeks before histories.as_of.")] = None,
    spread: Annotated[int, typer.Option(help="Days within which it hits them.")] = 14,
    scope: Annotated[str, typer.Option(help="category=level of those it may hit; default: everybody.")] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same customers.")] = 1,
    budget: Annotated[str | None, typer.Option(help="Help for those hit: at most this in all.")] = None,
    least: Annotated[str, typer.Option(help="Least amount for whoever is helped.")] = "1",
    name: Annotated[str, typer.Option(help="Name of the drill.")] = "drill",
    out: Annotated[Path | None, typer.Option(help="Folder; default: data/drills/<name>.")] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Rehearse a crisis in a copy: is the alarm raised, when, are the lists right; exit code 5 where they are not."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.exports.drill_page import drill_lines
        from churnml.flow.drill_on_demand import drill_on_demand

        loaded, root = load_params(params), params.resolve().parent
        asked = {"kind": kind.value, "size": size, "start": start, "spread_days": spread, "scope": scope, "seed": seed}
        found, folder = drill_on_demand(loaded, root=root, name=name, out=out, budget=budget, least=least, **asked)
        for line in (*drill_lines(found, language=loaded.campaign.language), str(folder)):
            say(line)
        return 0 if found["is_passed"] else 5

    leave(work)
