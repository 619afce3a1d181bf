"""Rows into files within a target's limits: part i of n, each whole, the same bytes each time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa

from churnml.errors import PrivacyError
from churnml.exports.crm.target import Layout
from churnml.exports.tables import write_csv
from churnml.exports.workbook import Sheet, SheetColumn, write_workbook
from churnml.storage import new_file

__all__ = ["ENDINGS", "part_sizes", "write_parts"]

ENDINGS = {"csv": ".csv", "zip": ".zip", "xlsx": ".xlsx"}

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can hold: files carry no clock
_BOM_BYTES = 3


def write_parts(table: pa.Table, layout: Layout, folder: Path, *, stem: str, made: date) -> list[tuple[str, int]]:
    """Write the rows as files ``<stem>-001-of-003.csv``, in order.

    Parameters
    ----------
    table : Table
        Texts by header.
    layout : Layout
    folder : Path
    stem : str
        Beginning of the files' names.
    made : date
        Day of the data.

    Returns
    -------
    list of (str, int)
        Name and rows of each file; none where there are no rows.

    Raises
    ------
    PrivacyError
        If the target takes fewer columns, or one row is larger than a file may be.
    """
    if len(layout.columns) > layout.max_columns:
        raise PrivacyError("more columns than the target takes", rule="export.columns", count=len(layout.columns))
    sizes = part_sizes(table, layout)
    written, start = [], 0
    for number, size in enumerate(sizes, start=1):
        name = f"{stem}-{number:03}-of-{len(sizes):03}"
        part = table.slice(start, size)
        _write(part, layout, folder / f"{name}{ENDINGS[layout.container]}", name, made)
        written.append((f"{name}{ENDINGS[layout.container]}", size))
        start += size
    return written


def part_sizes(table: pa.Table, layout: Layout) -> list[int]:
    """Return how many rows each part has, by the limits of rows and of bytes."""
    head = sum(_width(header) for header in layout.headers) + _BOM_BYTES
    sizes, rows, size = [], 0, head
    for width in _row_widths(table):
        if head + width > layout.max_bytes:
            raise PrivacyError(
                "one row is larger than a file of this target may be", rule="export.row_too_large",
                next_step="Raise max_megabytes, or leave long texts out.",
            )  # fmt: skip
        if rows == layout.max_rows or size + width > layout.max_bytes:
            sizes.append(rows)
            rows, size = 0, head
        rows, size = rows + 1, size + width
    return [*sizes, rows] if rows else sizes


def _row_widths(table: pa.Table) -> Iterator[int]:
    """Yield a bound of each row's bytes, as CSV that quotes every cell."""
    for batch in table.to_batches():
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield sum(_width(cell) for cell in cells)


def _width(cell: str | None) -> int:
    return 3 if cell is None else len(cell.encode()) + cell.count('"') + 3


def _write(part: pa.Table, layout: Layout, path: Path, name: str, made: date) -> None:
    if layout.container == "xlsx":
        columns = [SheetColumn(header, header) for header in part.column_names]
        write_workbook(path, [Sheet(layout.sheet or "Sheet1", part, columns)], made=made)
    elif layout.container == "zip":
        inside = path.with_suffix(".csv")
        write_csv(part, inside, bom=layout.bom, formula_guard=False)
        with new_file(path) as temp, zipfile.ZipFile(temp, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", _ZIP_TIME), inside.read_bytes(), zipfile.ZIP_DEFLATED)
        inside.unlink()
    else:
        # A number such as +44... must reach the program as it is: an apostrophe would change it.
        write_csv(part, path, bom=layout.bom, formula_guard=False)
