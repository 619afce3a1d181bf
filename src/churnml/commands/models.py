"""Commands on models: audit, card, compare, promote, score, sync."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import AS_OF, CHAMPION, PARAMS, at_day, leave, say

__all__ = ["audit", "card", "compare", "promote", "score", "sync"]


def score(
    as_of: Annotated[str | None, typer.Option(help=AS_OF)] = None,
    model: Annotated[str, typer.Option(help="Registry reference, or a folder such as models/churn.")] = CHAMPION,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("data/scored/fresh.parquet"),
    features: Annotated[
        Path | None, typer.Option(help="Ready features: probabilities alone, and no histories are read.")
    ] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Score all customers as of a date with a trained model."""

    def work() -> int:
        if features is not None:
            from churnml.flow.ready import score_features

            said = score_features(features, root=params.resolve().parent, reference=model, out=out)
            say(f"{said['rows']:,} rows, by {said['model_version']}: {out}")
            return 0
        from churnml.config import load_params
        from churnml.flow.fresh import score_as_of

        loaded = at_day(load_params(params), as_of)
        manifest = score_as_of(loaded, root=params.resolve().parent, reference=model, out=out)
        say(f"{manifest['rows']:,} customers, {manifest['at_risk']:,} at risk, by {manifest['model_version']}: {out}")
        for lack in manifest["checks"]["incomplete"]:
            say(f"{lack['table']}: rows seem to be missing from {lack['from']} on; churnml check says how many")
        return 0

    leave(work)


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
            say(reason["en"])
        is_better = bool(found["verdict"]["ok"])
        say("The challenger may take the champion's place." if is_better else "The champion stays.")
        say(f"reports/compare_{model}.html shows every figure.")
        return 0 if is_better else 5

    leave(work)


def promote(
    model: Annotated[str, typer.Argument(help="churn or clv.")],
    version: Annotated[int | None, typer.Option(help="Version; default: the challenger.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote all the same; needs --why, and leaves a trace.")
    ] = False,
    why: Annotated[str, typer.Option(help="Why, in a sentence; kept with the version.")] = "",
    approved_by: Annotated[str, typer.Option(help="Who answers for it; kept in models/promotions.jsonl.")] = "",
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Make a version the champion, if it passed its gate and is better than the champion beyond noise."""

    def work() -> int:
        from datetime import UTC, datetime

        from churnml.flow.promote import promote as make_champion

        at = datetime.now(UTC).isoformat(timespec="seconds")
        done = make_champion(params, model, version=version, force=force, why=why, at=at, approved_by=approved_by)
        say(f"{model}: version {done['version']} is the champion{' by force' if done['forced'] else ''}.")
        return 0

    leave(work)


def sync(
    wait: Annotated[int, typer.Option(help="Seconds to wait for the tracking server, for each training.")] = 60,
) -> None:
    """Bring trainings kept in .churnml/spool to the tracking server; exit code 7 if it does not answer."""

    def work() -> int:
        from churnml.flow.spooled import sync as bring

        delivered, left = bring(Path.cwd(), wait_seconds=wait)
        say(f"{delivered} brought to the tracking store, {left} still kept.")
        return 0

    leave(work)


def card(
    model: Annotated[str, typer.Argument(help="churn or clv.")] = "churn",
    version: Annotated[str, typer.Option(help="Alias or version.")] = "champion",
) -> None:
    """Write the card of a registered version: what it is for, how good, its limits, who approved it."""

    def work() -> int:
        from churnml.flow.cards import write_card

        page = write_card(Path.cwd(), model, version)
        say(page.relative_to(Path.cwd()).as_posix())
        return 0

    leave(work)


def audit(
    out: Annotated[Path, typer.Option(help="File to write, .csv or .json.")] = Path("reports/audit.csv"),
) -> None:
    """Write the audit log: trainings, promotions and approvals, scores, lists, exports, forgettings, with digests."""

    def work() -> int:
        from churnml.flow.audit import write_audit

        say(f"{write_audit(Path.cwd(), out):,} entries: {out.as_posix()}")
        return 0

    leave(work)
