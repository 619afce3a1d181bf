"""Commands that bring a project to its lists and look after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from churnml import __version__
from churnml.commands.common import PARAMS, at_day, leave, say
from churnml.stage import ERROR_FILE

__all__ = ["doctor", "example", "run", "simulate", "version"]


def _run(root: Path, stages: Sequence[str], *, as_of: str | None = None) -> int:
    """Check the parameters, which DVC reads before any stage could say what is wrong with them, and run."""
    from churnml.config import load_params
    from churnml.flow.another_day import AnotherDay
    from churnml.flow.carried_ids import carry_ids_over
    from churnml.flow.list_files import keep_records
    from churnml.flow.pseudonyms import pseudonyms_of
    from churnml.flow.raw import folder_of
    from churnml.flow.spooled import deliver_older, waiting
    from churnml.workspace import TARGETS, require_folder, run_pipeline

    before, change = waiting(root), None
    if as_of is not None:
        day = at_day(load_params(root / PARAMS), as_of).histories.as_of
        change = AnotherDay(root / PARAMS, day)
    if (root / "dvc.yaml").exists():
        params = load_params(root / "params.yaml")
        hides = pseudonyms_of(params, root=root)
        carry_ids_over(root, hides)
        keep_records(root, hides=hides)
        require_folder(root, folder_of(params))
    code = run_pipeline(root, targets=stages or TARGETS, error_file=ERROR_FILE, change=change)
    if code == 0 and before and waiting(root) == before:
        # The stage that records trainings had nothing to do.
        deliver_older(root)
    if code == 0 and not stages:
        _summarise(root)
    return code


def version() -> None:
    """Print the version."""
    say(__version__)


def run(
    stages: Annotated[list[str] | None, typer.Argument(help="Stages; by default all that lead to lists.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="ISO date or time, or today: histories.as_of from now on, if the run is done.")
    ] = None,
) -> None:
    """Bring reports, scores and lists up to date: only what has changed is done again."""
    leave(lambda: _run(Path.cwd(), stages or (), as_of=as_of))


def example(
    folder: Annotated[Path, typer.Argument(help="Folder of examples/ with a params.yaml.")],
    data: Annotated[Path, typer.Option(help="Folder with the files that the example names.")],
    workspace: Annotated[Path | None, typer.Option(help="Default: workspaces/<name of the example>.")] = None,
) -> None:
    """Run the whole pipeline on real input, in a workspace of its own."""

    def work() -> int:
        from churnml.workspace import make_workspace

        target = workspace or Path("workspaces") / folder.resolve().name
        make_workspace(folder, data, target, project=Path.cwd())
        return _run(target, ())

    leave(work)


def simulate(
    customers: Annotated[int, typer.Option(help="How many customers, at least 100.")] = 5000,
    months: Annotated[int, typer.Option(help="Length of the history.")] = 36,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    end: Annotated[str, typer.Option(help="ISO date at which the history ends.")] = "2024-06-30",
    out: Annotated[Path, typer.Option(help="Folder of the histories.")] = Path("data/simulated"),
    truth: Annotated[Path, typer.Option(help="Folder of what is true of them.")] = Path("data/simulated_truth"),
) -> None:
    """Write the histories of an invented company, and apart from them its truth."""

    def work() -> int:
        from churnml.simulation import simulate as make

        made = make(n_customers=customers, months=months, seed=seed, end=end, folder=out, truth=truth)
        say(f"{made.n_events:,} events of {customers:,} customers in {out.as_posix()}")
        return 0

    leave(work)


def doctor(
    rehash: Annotated[bool, typer.Option("--rehash", help="Read every object of DVC's cache as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at installation, locks, disk, permissions, stored files and stages; say the command that mends each."""

    def work() -> int:
        import json

        from churnml.doctor.findings import exit_code_of, lines_of, plain
        from churnml.flow.diagnose import diagnose
        from churnml.workspace import TARGETS, home_of_pipeline

        found = diagnose(Path.cwd(), home=home_of_pipeline(), targets=TARGETS, rehash=rehash)
        lines = [json.dumps(plain(found), indent=1)] if as_json else lines_of(found) or ["Nothing is wrong."]
        for line in lines:
            say(line)
        return exit_code_of(found)

    leave(work)


def _summarise(root: Path) -> None:
    from churnml.flow.summary import summary_lines

    for line in summary_lines(root):
        say(line)
