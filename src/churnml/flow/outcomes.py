"""`churnml outcomes`: what came of contacts, held against the lists, kept, and told by list and by owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.follow_up import COUNTS, FollowUp, follow_up
from churnml.campaign.told_matching import Told, match_rows
from churnml.campaign.told_store import add_told, told_rows
from churnml.campaign.work import WorkList, kept_work
from churnml.config import Params
from churnml.errors import DataError
from churnml.exports.follow_up_page import follow_up_page
from churnml.exports.tables import write_csv
from churnml.flow.list_files import keep_records
from churnml.flow.named import names_of
from churnml.flow.pseudonyms import pseudonyms_of
from churnml.flow.told_files import read_told, told_words
from churnml.forgetting.locks import alone
from churnml.privacy.suppression import load_suppression
from churnml.storage import digest_file, new_folder, write_bytes, write_json
from churnml.timeline import us_to_iso
from churnml.wording import words

__all__ = ["OUTCOMES", "Imported", "import_outcomes", "outcome_lines", "require_all_used"]

OUTCOMES = Path("data") / "outcomes"
"""The report on the work, and the rows that could not be used: outside of what the pipeline makes."""

_SAID = ("file", "rows", "new", "known", "without_outcome", "unused")
_SUMMED = ("carried", "open", "overdue")
_RATE = ("reached_rate", pa.float64())
_UNUSED = ("line", "reason", "list", "customer_id", "outcome", "at", "owner", "channel")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Parameters
    ----------
    report : dict
        Also written to ``data/outcomes/report/report.json``.
    unused : tuple of (str, int, str)
        File, row and reason of each row that could not be used.
    """

    report: dict[str, Any]
    unused: tuple[tuple[str, int, str], ...]


def import_outcomes(
    params: Params, files: Sequence[Path], *, root: Path, today: date, listed: str | None = None
) -> Imported:
    """Keep what files tell of contacts, and report on the work; told again, nothing changes.

    Parameters
    ----------
    params : Params
    files : sequence of Path
        None = only report.
    root : Path
        Project folder.
    today : date
        As of which day the work is looked at.
    listed : str, optional
        List that rows are of where they name none.

    Raises
    ------
    DataError
        If a file cannot be read or lacks a column, or no list was ever made; nothing is kept then.
    EnvironmentFault
        If something else works in the project, or cannot be written.
    """
    with alone(root):
        hides, names = pseudonyms_of(params, root=root), names_of(root)
        keep_records(root, hides=hides)
        lists = list(kept_work(root, names=names))
        if not lists:
            raise DataError("no list was made yet", rule="data.no_lists", next_step="Make one with churnml run.")
        read = [_read(params, file, lists, root=root, today=today, listed=listed) for file in files]
        people = {"hides": hides, "names": names}
        facts = [
            _keep(told, file, root=root, today=today, people=people)
            for (told, _), file in zip(read, files, strict=True)
        ]
        for each, (_, n_forgotten) in zip(facts, read, strict=True):
            each |= {"forgotten": n_forgotten, "rows": each["rows"] + n_forgotten}
        done = follow_up(lists, told_rows(root, names=names), day=today, timezone=params.histories.timezone)
        report = {"as_of": today.isoformat(), "files": facts, **_figures(done)}
        _write_report(done, report, root / OUTCOMES / "report", language=params.campaign.language)
    unused = [
        (file.name, row.line, why) for (told, _), file in zip(read, files, strict=True) for row, why in told.rejected
    ]
    return Imported(report, tuple(unused))


def _read(
    params: Params, file: Path, lists: Sequence[WorkList], *, root: Path, today: date, listed: str | None
) -> tuple[Told, int]:
    """Return what a file tells, and how many of its rows are of persons who asked to be forgotten."""
    block, zone = params.outcomes, params.histories.timezone
    rows = read_told(file, block, timezone=zone)
    if listed is not None:
        rows = [replace(row, listed=row.listed or listed) for row in rows]
    forgotten = load_suppression(root)
    kept = [row for row in rows if not (forgotten and row.customer_id and forgotten.holds(row.customer_id))]
    told = match_rows(kept, lists, told=told_words(block), today=today, timezone=zone)
    return told, len(rows) - len(kept)


def _keep(told: Told, file: Path, *, root: Path, today: date, people: dict[str, Any]) -> dict[str, Any]:
    digest = digest_file(file)
    n_new = add_told(told.rows, root, told_on=today, sources=[digest], **people)
    unused = root / OUTCOMES / "unused" / f"{digest[:16]}.csv"
    if told.rejected:
        write_csv(_unused(told), unused, bom=True)
    else:
        unused.unlink(missing_ok=True)
    return {
        "file": file.name,
        "sha256": digest,
        "rows": told.rows.num_rows + len(told.rejected) + told.n_open,
        "new": n_new,
        "known": told.rows.num_rows - n_new,
        "without_outcome": told.n_open,
        "unused": len(told.rejected),
        "unused_by_reason": dict(sorted(Counter(why for _, why in told.rejected).items())),
        "unused_rows": unused.relative_to(root).as_posix() if told.rejected else None,
    }


def _unused(told: Told) -> pa.Table:
    """Return the rows that could not be used, as they stood in the file; a time that could not be read is left out."""
    cells = [
        {
            "line": row.line,
            "reason": why,
            "list": row.listed,
            "customer_id": row.customer_id,
            "outcome": row.outcome,
            "at": None if row.at_us is None else us_to_iso(row.at_us),
            "owner": row.owner,
            "channel": row.channel,
        }
        for row, why in told.rejected
    ]
    schema = pa.schema([(name, pa.int64() if name == "line" else pa.string()) for name in _UNUSED])
    return pa.Table.from_pylist(cells, schema=schema)


def _figures(done: FollowUp) -> dict[str, Any]:
    total = {name: sum(row[name] for row in done.by_list) for name in COUNTS}
    return {"total": total, "lists": done.by_list, "owners": done.by_owner}


def _write_report(done: FollowUp, report: dict[str, Any], folder: Path, *, language: str) -> None:
    breaches = pa.Table.from_pylist(
        [asdict(each) for each in done.breaches],
        schema=pa.schema(
            [
                *(("listed", pa.string()), ("day", pa.date32()), ("customer_id", pa.string())),
                *(("outcome", pa.string()), ("on", pa.date32()), ("owner", pa.string())),
            ]
        ),
    )
    with new_folder(folder) as temp:
        write_json(report, temp / "report.json")
        for name, rows in (("by_list", done.by_list), ("by_owner", done.by_owner)):
            write_csv(_table(rows, with_owner=name == "by_owner"), temp / f"{name}.csv", bom=True)
        write_csv(breaches, temp / "held_out_contacted.csv", bom=True)
        write_bytes(follow_up_page(report, language=language), temp / "index.html")


def _table(rows: Sequence[dict[str, Any]], *, with_owner: bool) -> pa.Table:
    texts = ("list", "as_of", *(["owner"] if with_owner else []))
    schema = pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int64()) for name in COUNTS),
            ("reached_rate", pa.float64()),
        ]
    )
    table = pa.Table.from_pylist(list(rows), schema=schema)
    rate = pc.round(table["reached_rate"], 4)
    return table.set_column(table.column_names.index("reached_rate"), "reached_rate", rate)


def outcome_lines(report: dict[str, Any], language: str) -> list[str]:
    """Return the report in sentences."""
    lines = []
    for file in report["files"]:
        lines.append(words("follow_up.file", language, **{key: file[key] for key in _SAID}))
        lines += [
            f"  {words(f'follow_up.unused_{why}', language)}: {n:,}" for why, n in file["unused_by_reason"].items()
        ]
    total = report["total"]
    reached = sum(total[name] for name in ("done", "refused", "accepted"))
    lines.append(
        words("follow_up.sums", language, reached=reached, **{key: total[key] for key in ("listed", *_SUMMED)})
    )
    if total["held_out_reached"]:
        lines.append(words("follow_up.breach", language, n=total["held_out_reached"], all=total["held_out"]))
    return lines


def require_all_used(found: Imported) -> None:
    """Say by exit code 3 that rows could not be used; what could be is kept all the same.

    Raises
    ------
    DataError
    """
    if not found.unused:
        return
    file, line, why = found.unused[0]
    raise DataError(
        f"rows could not be used, the first one because {words(f'follow_up.why_{why}', 'en')}",
        rule=f"data.outcomes_{why}",
        file=file,
        line=line,
        count=len(found.unused),
        next_step="The rows with their reasons are in data/outcomes/unused; correct them and import the file again.",
    )
