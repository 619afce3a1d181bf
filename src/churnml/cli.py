"""The command line: each command checks its arguments, calls the flow, and ends with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from churnml import __version__
from churnml.stage import ERROR_FILE, end_on_sigterm, ends_well

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Churn and customer value: from raw histories to the list a retention team calls.",
)
PARAMS = Path("params.yaml")
CHAMPION = "models:/churn@champion"


def main() -> None:
    """Run the command line."""
    end_on_sigterm()
    try:
        # Outside its standalone mode typer returns the code that a command ended with.
        sys.exit(app(standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        # Wrong options: what typer says of them, without its own exit path.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(2)


def _leave(work: Callable[[], int]) -> None:
    raise typer.Exit(ends_well(work))


def _run(root: Path, stages: Sequence[str]) -> int:
    """Check the parameters, which DVC reads before any stage could say what is wrong with them, and run."""
    from churnml.config import load_params
    from churnml.flow.list_files import keep_records
    from churnml.flow.raw import folder_of
    from churnml.workspace import TARGETS, require_folder, run_pipeline

    if (root / "dvc.yaml").exists():
        keep_records(root)
        require_folder(root, folder_of(load_params(root / "params.yaml")))
    code = run_pipeline(root, targets=stages or TARGETS, error_file=ERROR_FILE)
    if code == 0 and not stages:
        _summarise(root)
    return code


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


@app.command()
def version() -> None:
    """Print the version."""
    _say(__version__)


@app.command()
def run(
    stages: Annotated[list[str] | None, typer.Argument(help="Stages; by default all that lead to lists.")] = None,
) -> None:
    """Bring reports, scores and lists up to date: only what has changed is done again."""
    _leave(lambda: _run(Path.cwd(), stages or ()))


@app.command()
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

    _leave(work)


@app.command()
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
            _say(line)
        if problem is not None:
            raise problem
        return 0

    _leave(work)


def _choose(text: str, options: Sequence[str]) -> str:
    """Ask on the terminal; the first one is taken where nothing is typed."""
    for number, option in enumerate(options, start=1):
        _say(f"  {number}  {option}")
    number = typer.prompt(text, default=1, type=int)
    return options[min(max(int(number), 1), len(options)) - 1]


@app.command()
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
        _say(f"{made.n_events:,} events of {customers:,} customers in {out.as_posix()}")
        return 0

    _leave(work)


@app.command()
def check(
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Read and check the histories, and say what they suffice for; nothing but the report is kept."""

    def work() -> int:
        import tempfile

        from churnml.config import load_params
        from churnml.flow.enough import add_to_report, enough, enough_lines
        from churnml.flow.raw import prepare_histories

        loaded = load_params(params)
        root = params.resolve().parent
        (root / "data").mkdir(exist_ok=True)
        report = root / "reports" / "data_check"
        with tempfile.TemporaryDirectory(prefix=".check-", dir=root / "data") as private:
            history = prepare_histories(
                loaded,
                root=root,
                target=Path(private) / "prepared",
                check=report.with_suffix(".json"),
                check_page=report.with_suffix(".html"),
                remember=False,
            )
            for info in history.tables.values():
                _say(f"{info.name}: {info.n_rows:,} rows usable")
            found = enough(history, loaded, Path(private))
            add_to_report(found, report.with_suffix(".json"), report.with_suffix(".html"))
        for line in enough_lines(found, language=loaded.campaign.language):
            _say(line)
        _say("reports/data_check.html says what was found.")
        return 0

    _leave(work)


@app.command()
def score(
    as_of: Annotated[str | None, typer.Option(help="ISO date or time; default: histories.as_of.")] = None,
    model: Annotated[str, typer.Option(help="Registry reference, or a folder such as models/churn.")] = CHAMPION,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("data/scored/fresh.parquet"),
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Score all customers as of a date with a trained model."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.fresh import score_as_of

        loaded = load_params(params)
        if as_of is not None:
            loaded = loaded.at(as_of)
        manifest = score_as_of(loaded, root=params.resolve().parent, reference=model, out=out)
        _say(f"{manifest['rows']:,} customers, {manifest['at_risk']:,} at risk, by {manifest['model_version']}: {out}")
        return 0

    _leave(work)


@app.command()
def compare(
    model: Annotated[str, typer.Argument(help="churn or clv.")] = "churn",
    champion: Annotated[str, typer.Option(help="Alias or version.")] = "champion",
    challenger: Annotated[str, typer.Option(help="Alias or version.")] = "challenger",
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Compare two versions of a model on customers and dates that neither had learned from; exit code 5 if no gain."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.promote import compared

        found = compared(load_params(params), params.resolve().parent, model, champion=champion, challenger=challenger)
        for reason in found["verdict"]["reasons"]:
            _say(reason["en"])
        is_better = bool(found["verdict"]["ok"])
        _say("The challenger may take the champion's place." if is_better else "The champion stays.")
        _say(f"reports/compare_{model}.html shows every figure.")
        return 0 if is_better else 5

    _leave(work)


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="churn or clv.")],
    version: Annotated[int | None, typer.Option(help="Version; default: the challenger.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote all the same; needs --why, and leaves a trace.")
    ] = False,
    why: Annotated[str, typer.Option(help="Why, in a sentence; kept with the version.")] = "",
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Make a version the champion, if it passed its gate and is better than the champion beyond noise."""

    def work() -> int:
        from datetime import UTC, datetime

        from churnml.flow.promote import promote as make_champion

        at = datetime.now(UTC).isoformat(timespec="seconds")
        done = make_champion(params, model, version=version, force=force, why=why, at=at)
        _say(f"{model}: version {done['version']} is the champion{' by force' if done['forced'] else ''}.")
        return 0

    _leave(work)


@app.command()
def verify(
    sample: Annotated[int | None, typer.Option(help="Customers to disturb; default: verify.customers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sample; default: verify.seed.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer dates and repetitions.")] = False,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Try to make the future show through the features; exit code 4 with the column or the dates where it does."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.verify import sizes_of
        from churnml.flow.verify import verify as prove

        loaded = load_params(params)
        report = prove(
            loaded,
            root=params.resolve().parent,
            sizes=sizes_of(loaded, sample=sample, seed=seed, quick=quick),
            say=_say,
        )
        _say(f"Nothing leaks; {report['n_warnings']} warnings. reports/verify.html says what was tried.")
        return 0

    _leave(work)


@app.command()
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
        _say(
            f"{counts['contact']:,} to tell, {counts['excluded']:,} who cannot be told, each with the reason: {folder}"
        )
        return 0

    _leave(work)


@app.command()
def alarm(
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Say whether loyal customers are about to leave more than usual, by the last run; exit code 5 where they are."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.on_demand import alarm_of

        verdict = alarm_of(load_params(params), root=params.resolve().parent)
        _say(verdict.sentence)
        return 5 if verdict.is_high else 0

    _leave(work)


@app.command()
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
            _say(line)
        return exit_code_of(found)

    _leave(work)


@app.command()
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
        _say(
            f"{rows['written']:,} of {rows['listed']:,} rows in {len(made['parts'])} files, {rows['rejected']:,} "
            f"rejected, {rows['withheld_without_consent']:,} without consent to this use: {folder}"
        )
        return 0

    _leave(work)


@app.command()
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
            _say(line)
        require_sums(found)
        return 0

    _leave(work)


def _summarise(root: Path) -> None:
    from churnml.flow.summary import summary_lines

    for line in summary_lines(root):
        _say(line)
