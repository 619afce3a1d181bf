"""`churnml init`: files in, a folder out in which a run needs nothing more; held against the data check itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from churnml.config import Params, load_params
from churnml.errors import ChurnmlError, ConfigError, DataError, TimeContractError
from churnml.flow.raw import prepare_histories
from churnml.flow.spine import make_spine
from churnml.histories.store import History
from churnml.onboarding.amend import amend, end_earlier, notes_of
from churnml.onboarding.draft import Choice, Question, Wishes
from churnml.onboarding.files import bring, expand
from churnml.onboarding.proposal import Proposal, propose
from churnml.storage import private_folder, read_json, write_bytes

__all__ = ["RAW", "start"]

RAW = "data/raw"
_ROUNDS = 10


def start(
    files: Sequence[Path],
    *,
    root: Path,
    wishes: Wishes,
    ask: Callable[[Question], str],
    force: bool = False,
) -> tuple[Proposal, ChurnmlError | None]:
    """Propose ``params.yaml`` for some files and write it once it loads and passes the data check.

    Parameters
    ----------
    files : sequence of Path
        Files, or folders of files.
    root : Path
        Folder of the project; the files are copied to its ``data/raw``.
    wishes : Wishes
        What the user said beforehand.
    ask : callable
        Gets a question with options, returns the one to take.
    force : bool, optional
        Replace a ``params.yaml`` that is there.

    Returns
    -------
    proposal : Proposal
    problem : ChurnmlError or None
        What no proposal mends: the file is written all the same.

    Raises
    ------
    ConfigError
        If a ``params.yaml`` is there, a file cannot be taken, or no table can be made of them.
    DataError
        If a file cannot be read at all.
    """
    target = root / "params.yaml"
    if target.exists() and not force:
        raise ConfigError(
            "is there already",
            rule="config.file_exists",
            file=target.name,
            next_step="Work in an empty folder, or replace it with --force.",
        )
    names = bring(expand(files), root / RAW, replace=force)
    proposal = propose(root / RAW, names, wishes=wishes, ask=ask, place=RAW)
    problem = _hold_against_data(proposal, root)
    write_bytes(proposal.text().encode(), target)
    return proposal, problem


def _hold_against_data(proposal: Proposal, root: Path) -> ChurnmlError | None:
    """Check the data by the proposal, and change it until they pass or nothing more can be changed."""
    problem: ChurnmlError | None = None
    for _ in range(_ROUNDS):
        with private_folder(root / "data", "init") as private:
            problem, findings = _check(proposal, root, private)
        if problem is None and end_earlier(proposal, findings):
            continue
        if problem is None:
            proposal.notes = notes_of(findings)
            return None
        if not (amend(proposal, findings) or _shorten(proposal, problem)):
            proposal.notes = notes_of(findings)
            return problem
    return problem


def _check(proposal: Proposal, root: Path, folder: Path) -> tuple[ChurnmlError | None, list[dict[str, Any]]]:
    path, report = folder / "params.yaml", folder / "check.json"
    write_bytes(proposal.text().encode(), path)
    params = load_params(path)
    try:
        history = prepare_histories(
            params,
            root=root,
            target=folder / "prepared",
            check=report,
            check_page=folder / "check.html",
            remember=False,
        )
        _observe(history, params, folder)
    except (DataError, TimeContractError) as error:
        return error, read_json(report)["findings"] if report.exists() else []
    return None, read_json(report)["findings"]


def _observe(history: History, params: Params, folder: Path) -> None:
    """Refuse what leaves nobody to learn from."""
    make_spine(history, params, folder / "spine")


def _shorten(proposal: Proposal, problem: ChurnmlError) -> bool:
    """Shorten a horizon that the history cannot carry, or widen who counts as a customer."""
    churn = proposal.blocks["churn"]
    if problem.rule == "data.nobody_at_risk" and churn["definition"].value == "inactivity":
        before = churn.get("active_within_days")
        churn["active_within_days"] = Choice(None, "everybody who ever came: hardly anybody was active of late")
        return before is None or before.value is not None
    if problem.rule == "time.value_history_too_short" and proposal.blocks.get("clv"):
        proposal.blocks["clv"] = {}
        proposal.questions.append(Question("clv", "the history is too short to learn a value from"))
        return True
    horizon = churn.get("horizon_days")
    if problem.rule != "time.horizon_too_long" or horizon is None or int(str(horizon.value)) <= 7:
        return False
    churn["horizon_days"] = Choice(max(7, int(str(horizon.value)) // 2), "as long as the history can label")
    return True
