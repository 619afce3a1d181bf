"""Files of outcomes as phone teams and CRMs write them: CSV, Parquet by the one reader, and workbooks."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl.utils.exceptions import InvalidFileException

from churnml.campaign.told_matching import TimedRow
from churnml.campaign.told_words import ToldWords
from churnml.config.outcomes import Outcomes
from churnml.errors import DataError
from churnml.exports.formulas import restore
from churnml.flow.contracts import dialect_of
from churnml.histories.cells import in_microseconds, plain, text_cells, time_cells, to_utc
from churnml.histories.contract import CsvDialect, TableContract, is_table_file
from churnml.histories.csv_stream import MAX_LINE_BYTES
from churnml.histories.readers import open_part

__all__ = ["read_told", "told_words"]

_REQUIRED = ("customer_id", "outcome", "at")
_DELIMITERS = (",", ";", "\t")
_MOST_BYTES = 256 << 20
"""Larger workbooks are refused, also when they only become as large by being unpacked."""


def told_words(block: Outcomes) -> ToldWords:
    """Return how headers and cells are understood."""
    return ToldWords({str(role): name for role, name in block.columns.items()}, block.words)


def read_told(path: Path, block: Outcomes, *, timezone: str) -> list[TimedRow]:
    """Read one file; of its columns only those with a role, so that notes are never taken in.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz``, ``.parquet`` or ``.xlsx`` (its first sheet).
    block : Outcomes
    timezone : str
        Of times without zone.

    Raises
    ------
    DataError
        If the file is not there, damaged, or lacks a column for customer, outcome or time.
    """
    if not path.is_file():
        raise DataError("file not found", rule="data.file_missing", file=path.name)
    told = told_words(block)
    dialect = CsvDialect() if block.csv is None else dialect_of(block.csv)
    if path.suffix.lower() == ".xlsx":
        columns = _roles_of(_sheet(path), told, path)
    elif is_table_file(path.name):
        columns = _table(path, told, dialect, is_declared=block.csv is not None)
    else:
        raise _fault(path, "not a .csv, .csv.gz, .parquet or .xlsx file", "Save it as one of these.")
    return _rows(columns, dialect, timezone)


def _table(path: Path, told: ToldWords, dialect: CsvDialect, *, is_declared: bool) -> dict[str, pa.ChunkedArray]:
    if not is_declared and path.name.lower().endswith(".csv"):
        dialect = CsvDialect(delimiter=_delimiter(path))
    part = open_part(path, TableContract(name="outcomes", kind="events", file=path.name, csv=dialect))
    roles = _check_roles(told.roles(part.schema.names), path)
    part.columns = tuple(dict.fromkeys(roles.values()))
    batches = list(part.batches())
    if not batches:
        return {role: pa.chunked_array([], pa.string()) for role in roles}
    table = pa.Table.from_batches(batches)
    return {role: table[name] for role, name in roles.items()}


def _delimiter(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.readline(MAX_LINE_BYTES)
    return max(_DELIMITERS, key=lambda mark: head.count(mark.encode()))


def _sheet(path: Path) -> list[list[str | None]]:
    """Return the first sheet's rows as texts, times in ISO 8601."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise _fault(path, "larger than a workbook that is read", "Save it as CSV.")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise _fault(path, "no workbook that can be read", "Save it anew as .xlsx, or as CSV.") from error
    try:
        return [[_text(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _text(value: Any) -> str | None:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def _roles_of(rows: Sequence[Sequence[str | None]], told: ToldWords, path: Path) -> dict[str, pa.ChunkedArray]:
    header = [name or "" for name in rows[0]] if rows else []
    roles = _check_roles(told.roles(header), path)
    at = {role: header.index(name) for role, name in roles.items()}
    return {
        role: pa.chunked_array([pa.array([row[place] for row in rows[1:]], pa.string())]) for role, place in at.items()
    }


def _check_roles(roles: dict[str, str], path: Path) -> dict[str, str]:
    for role in _REQUIRED:
        if role not in roles:
            raise DataError(
                f"no column tells the {role.replace('_', ' ')} of a contact",
                rule="data.outcomes_header",
                file=path.name,
                line=1,
                next_step=f"Name it in params.yaml under outcomes.columns.{role}; see docs/follow_up.md.",
            )
    return roles


def _rows(columns: dict[str, pa.ChunkedArray], dialect: CsvDialect, timezone: str) -> list[TimedRow]:
    texts = {role: _texts(column, dialect) for role, column in columns.items() if role != "at"}
    has_time, instants = _times(columns["at"], dialect, timezone)
    nothing: list[str | None] = [None] * len(has_time)
    found = {role: texts.get(role, nothing) for role in ("customer_id", "outcome", "owner", "channel", "list")}
    return [
        TimedRow(
            line=number + 2,
            customer_id=found["customer_id"][number],
            outcome=found["outcome"][number],
            at_us=instants[number],
            has_time=has_time[number],
            owner=found["owner"][number],
            channel=found["channel"][number],
            listed=found["list"][number],
        )
        for number in range(len(has_time))
    ]


def _texts(column: pa.ChunkedArray, dialect: CsvDialect) -> list[str | None]:
    """Return trimmed texts; the apostrophe by which our own lists keep a cell from being run is taken away."""
    found: list[str | None] = []
    for chunk in column.chunks:
        text = pc.utf8_trim_whitespace(text_cells(plain(chunk), dialect.null_values))
        found += pc.if_else(pc.equal(text, ""), None, restore(text)).to_pylist()
    return found


def _times(column: pa.ChunkedArray, dialect: CsvDialect, timezone: str) -> tuple[list[bool], list[int | None]]:
    has_time: list[bool] = []
    instants: list[int | None] = []
    for chunk in column.chunks:
        raw = plain(chunk)
        if pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type):
            given, times = raw, to_utc(in_microseconds(raw), timezone)
        else:
            text = pc.utf8_trim_whitespace(text_cells(raw, dialect.null_values))
            text = pc.if_else(pc.equal(text, ""), None, text)
            given, times = time_cells(text, time_format=dialect.format_of(""), timezone=timezone, null_values=())
        has_time += pc.is_valid(given).to_pylist()
        instants += times.cast(pa.int64()).to_pylist()
    return has_time, instants


def _fault(path: Path, problem: str, next_step: str) -> DataError:
    return DataError(problem, rule="data.outcomes_file", file=path.name, next_step=next_step)
