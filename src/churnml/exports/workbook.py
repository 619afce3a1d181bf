"""Excel workbooks with typed cells: no formula, no link, nothing cut, the same bytes each time."""

from __future__ import annotations

import errno
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from churnml.errors import PrivacyError
from churnml.exports.long_texts import MAX_TEXT, too_long
from churnml.private_folders import refuse_shared
from churnml.storage import new_file, private_folder

__all__ = ["MAX_ROWS", "MAX_TEXT", "Explanation", "Sheet", "SheetColumn", "write_workbook"]

MAX_ROWS = 1_048_575
"""Most rows of a sheet below its header."""

_FORMATS = {
    "text": "@",
    "whole": "#,##0",
    "number": "#,##0.00",
    "percent": "0.0%",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
}
_WIDTHS = {"whole": 8, "number": 12, "percent": 12, "money": 16, "date": 12}
_WIDEST = 34
"""Longer texts are wrapped."""
_UNPRINTABLE = "\ufffe\uffff"
"""Characters that no XML file may hold, escaped or not."""
_AS_REPLACEMENT = {ord(letter): "\N{REPLACEMENT CHARACTER}" for letter in _UNPRINTABLE}
_LINE_POINTS = 15
_MOST_LINES = 8
_PAGE_WIDTH = 150
"""Characters across a page of A4 that are still read with ease."""
_BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column of a sheet.

    Parameters
    ----------
    name : str
        Column of the table.
    header : str
        What the header says.
    kind : str
        ``text``, ``whole``, ``number``, ``percent``, ``money`` or ``date``.
    currency : str, optional
        ISO code that stands before amounts of money.
    """

    name: str
    header: str
    kind: str = "text"
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of rows.

    Parameters
    ----------
    title : str
        Of its tab.
    table : Table
    columns : sequence of SheetColumn
        In order; further columns of the table are left out.
    frozen : int, optional
        First columns that stay in view beside the header.
    printed : int, optional
        First columns that are printed; 0 = all.
    """

    title: str
    table: pa.Table
    columns: Sequence[SheetColumn]
    frozen: int = 0
    printed: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """The first sheet: a heading, then blocks of a title with (term, text) lines.

    Parameters
    ----------
    tab, heading : str
    blocks : sequence
    also : Explanation, optional
        The same in another language, line for line: it stands beside the first.
    """

    tab: str
    heading: str
    blocks: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    also: Explanation | None = None


def write_workbook(path: Path, sheets: Sequence[Sheet], *, explanation: Explanation | None = None, made: date) -> None:
    """Write sheets of typed cells, row by row, whole or not at all.

    Parameters
    ----------
    path : Path
        Where the file goes.
    sheets : sequence of Sheet
        Text goes in as text whatever it begins with; numbers and dates as numbers with a format.
    explanation : Explanation, optional
        A first sheet that says what the file is.
    made : date
        Day in the file's properties: the day of the data, so that the same data give the same bytes.

    Raises
    ------
    PrivacyError
        If a text is longer than Excel keeps, a number is infinite, or a sheet has too many rows.
    """
    for sheet in sheets:
        _check(sheet)
    refuse_shared(path.parent)
    needs = sum(sheet.table.nbytes for sheet in sheets)
    with (
        new_file(path, needs=needs) as temp,
        private_folder(path.parent, f"{path.name}.parts") as parts,
        _as_os_error(),
    ):
        options = {
            "constant_memory": True,
            "tmpdir": str(parts),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        with xlsxwriter.Workbook(str(temp), options) as book:
            book.set_properties({"created": datetime.combine(made, time())})
            if explanation is not None:
                _explain(book, explanation)
            for sheet in sheets:
                _fill(book, sheet)


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Give back the error of the disk that XlsxWriter hides in one of its own."""
    try:
        yield
    except FileCreateError as error:
        raise (error.__context__ if isinstance(error.__context__, OSError) else OSError(errno.EIO, "")) from error


def _check(sheet: Sheet) -> None:
    """Refuse what Excel would cut or show as an error, before a byte is written."""
    if sheet.table.num_rows > MAX_ROWS:
        raise PrivacyError(
            "more rows than an Excel sheet holds", rule="export.too_many_rows", count=sheet.table.num_rows
        )
    for column in sheet.columns:
        values = sheet.table[column.name]
        if column.kind == "text" and (rows := too_long(values)):
            raise PrivacyError(
                f"texts are longer than the {MAX_TEXT:,} characters of an Excel cell, first in row {rows[0] + 1:,}",
                rule="export.text_too_long",
                column=column.name,
                count=len(rows),
                next_step="Shorten them, leave the column out, or set campaign.files.long_texts to shorten; nothing is "
                "cut silently.",
            )
        if pa.types.is_floating(values.type) and (n := pc.sum(pc.is_inf(values)).as_py()):
            raise PrivacyError("numbers are infinite", rule="export.not_finite", column=column.name, count=n)


def _explain(book: xlsxwriter.Workbook, explanation: Explanation) -> None:
    told = [explanation] if explanation.also is None else [explanation, explanation.also]
    sheet = book.add_worksheet(" \N{MIDDLE DOT} ".join(each.tab for each in told))
    width = 100 if len(told) == 1 else 64
    for at in range(len(told)):
        sheet.set_column(2 * at, 2 * at, 24)
        sheet.set_column(2 * at + 1, 2 * at + 1, width)
    sheet.hide_gridlines(2)
    heading, title = book.add_format({"bold": True, "font_size": 16}), book.add_format({"bold": True, "font_size": 12})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    # Rows are written from the top down: once a later one is begun, an earlier one is closed.
    for row, cells in enumerate(_explaining_rows(told)):
        kind, texts = cells
        forms = {"heading": (heading, heading), "title": (title, title), "line": (wrapped, wrapped)}[kind]
        if kind == "line":
            lines = max(max(_lines(left, 24), _lines(right, width)) for left, right in texts)
            sheet.set_row(row, _LINE_POINTS * lines)
        for at, pair in enumerate(texts):
            for place, text in enumerate(pair):
                if text:
                    sheet.write_string(row, 2 * at + place, _printable(text), forms[place])
    sheet.set_landscape()
    _print_setup(sheet)
    sheet.fit_to_pages(1, 0)


def _explaining_rows(told: Sequence[Explanation]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the rows of the first sheet: what kind it is, and a pair of cells for each language."""
    empty = ("line", [("", "")] * len(told))
    yield "heading", [(each.heading, "") for each in told]
    for blocks in zip(*(each.blocks for each in told), strict=True):
        yield empty
        yield "title", [(name, "") for name, _ in blocks]
        for lines in zip(*(lines for _, lines in blocks), strict=True):
            yield "line", list(lines)


def _print_setup(sheet: Worksheet) -> None:
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&A&R&P / &N")


def _fill(book: xlsxwriter.Workbook, sheet: Sheet) -> None:
    target = book.add_worksheet(sheet.title)
    head = book.add_format({"bold": True, "bg_color": "#E8EDF2", "bottom": 1, "text_wrap": True, "valign": "top"})
    widths = [_width(sheet.table[column.name], column) for column in sheet.columns]
    formats = [_format(book, column, width) for column, width in zip(sheet.columns, widths, strict=True)]
    for at, width in enumerate(widths):
        target.set_column(at, at, width)
    _print_sheet(target, sheet, widths)
    target.set_row(0, _LINE_POINTS * max(_lines(c.header, w) for c, w in zip(sheet.columns, widths, strict=True)))
    for at, column in enumerate(sheet.columns):
        target.write_string(0, at, column.header, head)
    target.freeze_panes(1, sheet.frozen)
    target.autofilter(0, 0, max(sheet.table.num_rows, 1), len(sheet.columns) - 1)
    writers = [_writer(target, at, column.kind, formats[at]) for at, column in enumerate(sheet.columns)]
    wrapped = [at for at, (c, w) in enumerate(zip(sheet.columns, widths, strict=True)) if _wraps(c, w)]
    row = 0
    for batch in sheet.table.select([c.name for c in sheet.columns]).to_batches(max_chunksize=_BATCH_ROWS):
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row += 1
            lines = max((_lines(cells[at], _WIDEST) for at in wrapped if cells[at]), default=1)
            if lines > 1:
                target.set_row(row, _LINE_POINTS * min(lines, _MOST_LINES))
            for write, cell in zip(writers, cells, strict=True):
                write(row, cell)


def _print_sheet(target: Worksheet, sheet: Sheet, widths: Sequence[int]) -> None:
    """Set up the paper: as many pages across as keep the print legible, the frozen columns on each of them."""
    printed = sheet.printed or len(widths)
    target.set_landscape()
    _print_setup(target)
    target.print_area(0, 0, max(sheet.table.num_rows, 1), printed - 1)
    target.fit_to_pages(max(1, round(sum(widths[:printed]) / _PAGE_WIDTH)), 0)
    target.print_across()
    target.repeat_rows(0)
    if sheet.frozen:
        target.repeat_columns(0, sheet.frozen - 1)


def _format(book: xlsxwriter.Workbook, column: SheetColumn, width: int) -> Format:
    """Return how the cells of a column look."""
    form: dict[str, Any] = {"num_format": _FORMATS[column.kind], "valign": "top", "text_wrap": _wraps(column, width)}
    if column.kind == "money" and re.fullmatch("[A-Z]{3}", column.currency):
        form["num_format"] = f"[${column.currency}] {form['num_format']}"
    return book.add_format(form)


def _wraps(column: SheetColumn, width: int) -> bool:
    return column.kind == "text" and width >= _WIDEST


def _writer(target: Worksheet, at: int, kind: str, form: Format) -> Callable[[int, Any], None]:
    """Return what writes one cell of a column as its kind; a missing value leaves the cell empty."""

    def text(row: int, cell: str | None) -> None:
        if cell:
            target.write_string(row, at, _printable(cell), form)

    def number(row: int, cell: float | None) -> None:
        if cell is not None and cell == cell:
            target.write_number(row, at, cell, form)

    def day(row: int, cell: date | None) -> None:
        if cell is not None:
            target.write_datetime(row, at, cell, form)

    if kind == "text":
        return text
    return day if kind == "date" else number


def _width(values: pa.ChunkedArray, column: SheetColumn) -> int:
    """Return a column's width in characters; a Chinese character is two wide."""
    head = _spread(column.header)
    if column.kind != "text":
        return max(_WIDTHS[column.kind], min(head, 18) + 2)
    first = values.slice(0, 200).cast(pa.string()).to_pylist()
    return min(_WIDEST, max([min(head, 24), *(_spread(text) for text in first if text)]) + 2)


@lru_cache(maxsize=4096)
def _lines(text: str, width: int) -> int:
    """Return how many lines a text takes in a cell; programs that do not measure it themselves show the rest cut."""
    return sum(max(1, -(-_spread(line) // max(width - 1, 1))) for line in text.split("\n"))


def _printable(text: str) -> str:
    return text.translate(_AS_REPLACEMENT)


def _spread(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
