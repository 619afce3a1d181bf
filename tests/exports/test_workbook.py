from __future__ import annotations

import re
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from openpyxl.utils.escape import unescape

from churnml.errors import PrivacyError
from churnml.exports.workbook import MAX_TEXT, Explanation, Sheet, SheetColumn, write_workbook

PAYLOADS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "http://example.org",
    "mailto:a@example.org",
    "internal:Sheet1!A1",
    "external:x.xlsx",
    "{=1+1}",
    "0123",
    "<b>&amp;",
    "_x0041_",
    "\x01 bell",
    "1e5",
]


def write(path: Path, **columns: object) -> Path:
    kinds = {"n": "whole", "p": "percent", "gain": "money", "by": "date"}
    listed = [SheetColumn(name, f"Head {name}", kinds.get(name, "text")) for name in columns]
    about = Explanation("About", "=About", [("Columns", [("=term", "http://example.org")])])
    write_workbook(path, [Sheet("List", pa.table(columns), listed)], explanation=about, made=date(2024, 6, 30))
    return path


def test_texts_stay_texts_and_nothing_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "t.xlsx", text=PAYLOADS)
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert not any(cell.hyperlink for cell in cells)
    assert [unescape(row[0].value) for row in book["List"].iter_rows(min_row=2)] == PAYLOADS
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert not any("externalLink" in name for name in parts)
    assert not any(re.search(r"<f[ >]|<hyperlink|TargetMode=\"External\"", text) for text in parts.values())


def test_cells_have_types_formats_frozen_header_and_filter(tmp_path: Path) -> None:
    columns = {"n": [1, None], "p": [0.25, float("nan")], "gain": [-1.5, 2.0], "by": [date(2024, 7, 14), None]}
    sheet = openpyxl.load_workbook(write(tmp_path / "t.xlsx", **columns))["List"]
    assert [c.value for c in sheet[1]] == ["Head n", "Head p", "Head gain", "Head by"]
    assert [c.number_format for c in sheet[2]] == ["#,##0", "0.0%", "#,##0.00", "yyyy-mm-dd"]
    assert [c.value for c in sheet[2]][:3] == [1, 0.25, -1.5]
    assert sheet["D2"].value.date() == date(2024, 7, 14)
    assert [c.value for c in sheet[3]][:3] == [None, None, 2]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:D3")


def test_first_sheet_explains(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path / "t.xlsx", text=["a"]))
    assert book.sheetnames == ["About", "List"]
    assert book["About"]["A1"].value == "=About"


def test_same_data_same_bytes_and_no_temporary_file(tmp_path: Path) -> None:
    first = write(tmp_path / "1.xlsx", text=["a"], n=[1]).read_bytes()
    assert write(tmp_path / "2.xlsx", text=["a"], n=[1]).read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.xlsx", "2.xlsx"]


@pytest.mark.parametrize("text", ["x" * (MAX_TEXT + 1), "\U0001f600" * (MAX_TEXT // 2 + 1)])
def test_too_long_texts_are_refused_and_nothing_is_left(tmp_path: Path, text: str) -> None:
    with pytest.raises(PrivacyError, match=r"text: texts are longer than the 32,767") as caught:
        write(tmp_path / "t.xlsx", text=[text, "ok", text])
    assert caught.value.count == 2
    assert not list(tmp_path.iterdir())


def test_longest_text_is_kept_whole(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path / "t.xlsx", text=["x" * MAX_TEXT]))
    assert len(str(book["List"]["A2"].value)) == MAX_TEXT


def test_infinite_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="gain: numbers are infinite"):
        write(tmp_path / "t.xlsx", gain=[float("inf")])


def test_first_sheet_tells_it_in_both_languages_side_by_side(tmp_path: Path) -> None:
    other = Explanation("Info", "Kopf", [("Spalten", [("a", "b"), ("c", "d")])])
    about = Explanation("About", "Head", [("Columns", [("term", "text " * 60), ("x", "y")])], other)
    write_workbook(
        tmp_path / "t.xlsx", [Sheet("List", pa.table({"n": [1]}), [SheetColumn("n", "N", "whole")])],
        explanation=about, made=date(2024, 6, 30),
    )  # fmt: skip
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets[0]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=1, max_row=5)]
    assert rows[0] == ["Head", None, "Kopf", None]
    assert rows[2] == ["Columns", None, "Spalten", None]
    assert rows[3][0::2] == ["term", "a"]
    assert rows[4] == ["x", "y", "c", "d"]
    assert sheet.row_dimensions[4].height >= 4 * 15


def test_wide_sheets_go_over_several_pages_with_their_first_columns_on_each(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(12)]
    table = pa.table({name: ["word " * 30] for name in names})
    sheet = Sheet("List", table, [SheetColumn(name, name) for name in names], frozen=2, printed=10)
    write_workbook(tmp_path / "t.xlsx", [sheet], made=date(2024, 6, 30))
    made = openpyxl.load_workbook(tmp_path / "t.xlsx")["List"]
    assert made.page_setup.fitToWidth == 2
    assert (made.print_title_rows, made.print_title_cols) == ("$1:$1", "$A:$B")
    assert made.print_area.endswith("$A$1:$J$2")
    assert made.freeze_panes == "C2"
    assert made["A2"].alignment.wrap_text
    assert made.row_dimensions[2].height >= 4 * 15
