"""What a CRM says of each row: its success and error files, read without guessing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from churnml.errors import DataError

__all__ = ["Said", "Tell", "read_receipt"]

_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(?=[:\s]|$)")  # a word without underscore could be a name


@dataclass(frozen=True, slots=True)
class Tell:
    """How to read a receipt; None = by the headers that the known CRMs write.

    Parameters
    ----------
    key : str, optional
        Column with the record's key.
    status, error : str, optional
        Columns that say whether, and why not, a row was taken.
    accepted : tuple of str
        Further values of the status that mean yes, beside the known ones.
    """

    key: str | None = None
    status: str | None = None
    error: str | None = None
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a receipt says of one row.

    Parameters
    ----------
    file : str
    line : int
        1-based row of the file, its header being 1.
    key : str
        As written; empty = the row names nobody.
    accepted, created : bool
        Taken; taken as a new record.
    code : str
        The CRM's code of the error; its words may quote values and are left out.
    """

    file: str
    line: int
    key: str
    accepted: bool
    created: bool
    code: str


def read_receipt(path: Path, *, key: str, ids_too: bool, tell: Tell) -> list[Said]:
    """Read one success or error file.

    Parameters
    ----------
    path : Path
        CSV, UTF-8 with or without a byte-order mark.
    key : str
        Header of the key in the files that were sent.
    ids_too : bool
        The key is the record's own id, so that the CRM's columns of ids hold it too.
    tell : Tell

    Raises
    ------
    DataError
        If the file is no such CSV, names neither key nor outcome, or a status is unknown.
    """
    rows = _rows(path)
    _, header = next(rows, (1, []))
    names = [name.strip().casefold() for name in header]
    known = _known()
    at_key = _place(names, [tell.key] if tell.key else [key, *(known["ids"] if ids_too else [])])
    at_status = _place(names, [tell.status] if tell.status else known["status"])
    at_error = _place(names, [tell.error] if tell.error else known["error"])
    at_created = _place(names, known["created"])
    if at_key is None:
        raise _fault(path, 1, "names no column with the key of the records", "Name it with --key.")
    if at_status is None and at_error is None and at_created is None:
        raise _fault(path, 1, "says nothing of success or error", "Name the column with --status or --error.")
    said = []
    for line, cells in rows:
        if len(cells) != len(names):
            raise _fault(path, line, "has another number of cells than the header", "Download the file anew.")
        error = "" if at_error is None else cells[at_error].strip()
        status = "" if at_status is None else cells[at_status].strip().casefold()
        accepted = not error if not status else _verdict(status, tell, path, line)
        created = at_created is not None and cells[at_created].strip().casefold() in {"true", "1"}
        said.append(
            Said(path.name, line, cells[at_key].strip(), accepted, created or "created" in status, _code(error))
        )
    return said


def _verdict(status: str, tell: Tell, path: Path, line: int) -> bool:
    known = _known()
    if status in known["accepted"] or status in {value.casefold() for value in tell.accepted}:
        return True
    if status not in known["rejected"] and not tell.accepted:
        raise _fault(path, line, "has a status that is not known", "Say with --accepted which values mean yes.")
    return False


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    for name in wanted:
        if name.strip().casefold() in names:
            return names.index(name.strip().casefold())
    return None


def _code(error: str) -> str:
    if not error:
        return ""
    found = _CODE.match(error)
    return found.group() if found else "OTHER"


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataError("file not found", rule="data.file_missing", file=path.name) from error
    except UnicodeDecodeError as error:
        raise _fault(path, None, "not UTF-8", "Save it as CSV UTF-8.") from error
    line = 0
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            line += 1
            if cells:
                yield line, cells
    except csv.Error as error:
        raise _fault(path, line + 1, "quotes are not those of a CSV file", "Download the file anew.") from error


def _fault(path: Path, line: int | None, problem: str, next_step: str) -> DataError:
    return DataError(problem, rule="data.receipt", file=path.name, line=line, next_step=next_step)


@cache
def _known() -> dict[str, list[str]]:
    place = resources.files("churnml.exports.crm") / "receipts.json"
    found: dict[str, list[str]] = json.loads(place.read_text(encoding="utf-8"))
    return found
