"""Commands on histories: propose the parameters, check, prove that nothing leaks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["check", "init", "verify"]


def init(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files, or folders of them.")],
    workspace: Annotated[Path, typer.Option(help="Folder to work in.")] = Path(),
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the customer's id.")] = None,
    label: Annotated[str | None, typer.Option(help="Column that says who left, in a table without history.")] = None,
    as_of: Annotated[str | None, typer.Option(help="ISO date up to which rows count.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code, for example EUR.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA zone of times without zone.")] = None,
    margin: Annotated[float | None, typer.Option(help="Share of the amount that is margin.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the likelier one and list it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a params.yaml that is there.")] = False,
) -> None:
    """Propose params.yaml from your own files, each line with its reason, and make the folder ready to run."""

    def work() -> int:
        from churnml.flow.start import start
        from churnml.onboarding.draft import Wishes
        from churnml.onboarding.questions import answers, open_lines
        from churnml.workspace import refuse_others, start_workspace

        is_asked = not yes and sys.stdin.isatty() and sys.stdout.isatty()
        refuse_others(workspace)
        wishes = Wishes(id_column, label, as_of, currency, timezone, margin)
        ask = answers(_choose if is_asked else None)
        proposal, problem = start(files, root=workspace, wishes=wishes, ask=ask, force=force)
        start_workspace(workspace)
        for line in open_lines(proposal, answered=ask.answered):
            say(line)
        if problem is not None:
            raise problem
        return 0

    leave(work)


def _choose(text: str, options: Sequence[str]) -> str:
    """Ask on the terminal; the first one is taken where nothing is typed."""
    for number, option in enumerate(options, start=1):
        say(f"  {number}  {option}")
    number = typer.prompt(text, default=1, type=int)
    return options[min(max(int(number), 1), len(options)) - 1]


def check(
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Read and check the histories, and say what they suffice for; nothing but the report is kept."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.enough import add_to_report, enough, enough_lines
        from churnml.flow.raw import prepare_histories
        from churnml.flow.response import check_response
        from churnml.storage import private_folder

        loaded = load_params(params)
        root = params.resolve().parent
        report = root / "reports" / "check"  # that of the run, data_check, is an output of its stage
        with private_folder(root / "data", "check") as private:
            history = prepare_histories(
                loaded,
                root=root,
                target=private / "prepared",
                check=report.with_suffix(".json"),
                check_page=report.with_suffix(".html"),
                remember=False,
            )
            for info in history.tables.values():
                say(f"{info.name}: {info.n_rows:,} rows usable")
            check_response(loaded, history, root=root)
            found = enough(history, loaded, private)
            add_to_report(found, report.with_suffix(".json"), report.with_suffix(".html"))
        for line in enough_lines(found, language=loaded.campaign.language):
            say(line)
        say("reports/check.html says what was found.")
        return 0

    leave(work)


def verify(
    sample: Annotated[int | None, typer.Option(help="Customers to disturb; default: verify.customers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sample; default: verify.seed.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer dates and repetitions.")] = False,
    store: Annotated[bool, typer.Option("--store", help="Hash again everything that is stored instead.")] = False,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Try to make the future show through the features; exit code 4 with the column or the dates where it does."""

    def check_store() -> int:
        from churnml.doctor.findings import exit_code_of, lines_of
        from churnml.flow.stored import REPORT, verify_store

        found = verify_store(params.resolve().parent)
        for line in lines_of(found) or ["Everything is what was written."]:
            say(line)
        say(f"{REPORT.as_posix()} says the same for programs.")
        return exit_code_of(found)

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.verify import sizes_of
        from churnml.flow.verify import verify as prove

        loaded = load_params(params)
        report = prove(
            loaded,
            root=params.resolve().parent,
            sizes=sizes_of(loaded, sample=sample, seed=seed, quick=quick),
            say=say,
        )
        say(f"Nothing leaks; {report['n_warnings']} warnings. reports/verify.html says what was tried.")
        return 0

    leave(check_store if store else work)
