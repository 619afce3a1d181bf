"""The relationship report asked for on the command line: of another period, or an earlier one issued again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.flow.named import open_named
from churnml.flow.relationship import KEPT, make_report, write_report
from churnml.parquet import read_parquet
from churnml.relationship.assessment.record import issued_again, kept_reports
from churnml.storage import digest_file

__all__ = ["Issued", "issue_again", "kept_lines", "report_on_demand"]


@dataclass(frozen=True, slots=True)
class Issued:
    """A report that was written: its id and its page."""

    report_id: str
    page: Path


def report_on_demand(params: Params, *, root: Path, period_end: str | None = None, out: Path | None = None) -> Issued:
    """Make the report from what the last run prepared, and keep it.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    period_end : str, optional
        ISO date, instead of ``relationship.period_end``.
    out : Path, optional
        Folder of the files.

    Raises
    ------
    DataError
        If nothing is prepared.
    """
    if period_end is not None:
        block = params.relationship.model_copy(update={"period_end": period_end})
        params = params.model_copy(update={"relationship": block})
    history, scored = open_named(root / "data" / "prepared", root=root), root / "data" / "scored" / "scores.parquet"
    scores = read_parquet(scored) if scored.exists() else None
    digest = digest_file(scored) if scored.exists() else ""
    report = make_report(params, history, scores, root=root, scores_digest=digest)
    return _written(report, out or root / "reports")


def issue_again(root: Path, report_id: str, *, out: Path | None = None) -> Issued:
    """Write the files of a kept report with the numbers it had.

    Raises
    ------
    ConfigError
        If there is none of that id.
    DataError
        If it is damaged.
    """
    report = issued_again(root / KEPT, report_id)
    return _written(report, out or root / "reports" / "issued" / report_id)


def kept_lines(root: Path) -> list[str]:
    """Return a line for each kept report: its series, the end of its period, its id."""
    store = root / KEPT
    folders = sorted(path for path in store.iterdir() if path.is_dir()) if store.is_dir() else []
    return [f"{folder.name}  {end}  {name}" for folder in folders for end, _, name, _ in kept_reports(folder)]


def _written(report: dict[str, Any], folder: Path) -> Issued:
    page = folder / "relationship.html"
    write_report(report, details=folder / "relationship.json", page=page, workbook=folder / "relationship.xlsx")
    return Issued(str(report["id"]), page)
