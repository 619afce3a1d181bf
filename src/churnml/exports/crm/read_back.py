"""A part as its target's importer would read it: bytes, then rows of cells; nothing of the writer is used."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl

from churnml.errors import PrivacyError
from churnml.exports.crm.target import Layout

__all__ = ["Row", "broken", "read_cells", "read_part"]

Row = tuple[int, list[str]]
"""1-based number of a row in its file, the header being 1, and its cells."""

_BOM = b"\xef\xbb\xbf"


def broken(
    rule: str, problem: str, *, file: str, line: int | None = None, column: str | None = None, count: int | None = None
) -> PrivacyError:
    """Return the error for a file that is not what its target takes."""
    return PrivacyError(
        problem,
        rule=f"export.{rule}",
        file=file,
        line=line,
        column=column,
        count=count,
        next_step="Make the export again; nothing was given its final name.",
    )


def read_part(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows of one part, the header first.

    Raises
    ------
    PrivacyError
        If bytes, encoding, quoting or number of cells are not those of the target.
    """
    if layout.container == "xlsx":
        rows = _sheet_rows(path, layout)
    else:
        data = _unzipped(path) if layout.container == "zip" else path.read_bytes()
        rows = _csv_rows(data, path.name, layout)
    for line, cells in rows:
        if len(cells) != len(layout.columns):
            raise broken("cells", "a row has another number of cells than the header", file=path.name, line=line)
        yield line, cells


def read_cells(path: Path) -> Iterator[Row]:
    """Yield the rows of a part that was read back once already, the header first, by the ending of its name."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        for line, values in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            yield line, ["" if value is None else str(value) for value in values]
        book.close()
        return
    data = _unzipped(path) if path.suffix == ".zip" else path.read_bytes()
    yield from enumerate(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")), start=1)


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1 or not names[0].endswith(".csv"):
                raise broken("archive", "not one CSV in the archive", file=path.name, count=len(names))
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise broken("archive", "no archive that can be read", file=path.name) from error


def _csv_rows(data: bytes, name: str, layout: Layout) -> Iterator[Row]:
    if len(data) > layout.max_bytes:
        raise broken("bytes", "larger than the target takes", file=name, count=len(data))
    if data.startswith(_BOM) != layout.bom:
        raise broken("bom", "a byte-order mark too many or too few", file=name, line=1)
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken("encoding", "not UTF-8", file=name, line=data[: error.start].count(b"\n") + 1) from error
    if "\r" in text or not text.endswith("\n"):
        raise broken("line_end", "lines do not end in a line feed alone", file=name)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 0
    try:
        for cells in reader:
            line += 1
            yield line, cells
    except csv.Error as error:
        raise broken("quoting", "quotes are not those of RFC 4180", file=name, line=line + 1) from error


def _sheet_rows(path: Path, layout: Layout) -> Iterator[Row]:
    if path.stat().st_size > layout.max_bytes:
        raise broken("bytes", "larger than the target takes", file=path.name, count=path.stat().st_size)
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        if len(book.sheetnames) != 1 or (layout.sheet and book.sheetnames != [layout.sheet]):
            raise broken("sheet", "not the one sheet of the template", file=path.name, count=len(book.sheetnames))
        for line, row in enumerate(book.worksheets[0].iter_rows(), start=1):
            for cell in row:
                if cell.value is not None and cell.data_type != "s":
                    raise broken("cell_type", "a cell is not plain text", file=path.name, line=line)
            cells = ["" if cell.value is None else str(cell.value) for cell in row]
            yield line, cells + [""] * (len(layout.columns) - len(cells))
    finally:
        book.close()
