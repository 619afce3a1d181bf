from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from crm_rows import BATCH, cells, crm_rows, layout, seal
from openpyxl.worksheet.datavalidation import DataValidation

from churnml.errors import ConfigError, PrivacyError
from churnml.exports.crm.folder import write_export
from churnml.exports.crm.template import fit_to_template, read_template
from churnml.exports.crm.validate import validate

ID, NAME, BAND, WHO, CHANCE, SOURCE = (
    "\u5ba2\u6237\u7f16\u53f7*", "\u5ba2\u6237\u540d\u79f0\uff08\u5fc5\u586b\uff09", "\u6d41\u5931\u98ce\u9669",
    "\u8d1f\u8d23\u4eba",
    "churn_p__c", "\u6765\u6e90",
)  # fmt: skip
HEADERS = [ID, NAME, BAND, WHO, CHANCE, SOURCE]
MAPPING: dict[str, Any] = {
    ID: {"from": "crm_id", "unique": "true"},
    NAME: "name",
    BAND: {"from": "risk_band", "options": {"very_high": "\u9ad8", "low": "\u4f4e"}},
    WHO: "owner",
    CHANCE: "p_churn",
    SOURCE: {"value": "churnml"},
}


def workbook(path: Path, headers: list[Any] = HEADERS, *, notes: int = 0) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "\u5ba2\u6237"
    for row in range(1, notes + 1):
        page.cell(row, 1, "notes")
    for at, header in enumerate(headers, start=1):
        page.cell(notes + 1, at, header)
    listed = book.create_sheet("lists")
    for row, value in enumerate(("Wang", "Li"), start=1):
        listed.cell(row, 1, value)
    for area, formula in (("C2:C2000", '"\u9ad8,\u4e2d,\u4f4e"'), ("D2:D2000", "lists!$A$1:$A$2")):
        rule = DataValidation(type="list", formula1=formula)
        rule.add(area)
        page.add_data_validation(rule)
    book.save(path)
    return path


def fitted(template: Path, rows: Any, mapping: dict[str, Any] = MAPPING, **read: Any) -> Any:
    return fit_to_template(layout("fxiaoke", rows), read_template(template, **read), mapping, rows.column_names)


def test_a_template_says_headers_required_columns_and_lists(tmp_path: Path) -> None:
    template = read_template(workbook(tmp_path / "t.xlsx", notes=2), header_row=3)
    assert template.headers == tuple(HEADERS)
    assert template.required == {ID, NAME}
    assert template.options == {BAND: ("\u9ad8", "\u4e2d", "\u4f4e"), WHO: ("Wang", "Li")}


def test_files_are_workbooks_like_the_template_with_nothing_but_text(tmp_path: Path) -> None:
    rows = crm_rows(3, owner=["Wang", "Li", "Zhao"], name=["=1+1", "\u738b\u4f1f", "x"])
    held = fitted(workbook(tmp_path / "t.xlsx"), rows)
    manifest = write_export(rows, held, tmp_path / "out", BATCH)
    page = openpyxl.load_workbook(tmp_path / "out" / manifest["parts"][0]["file"])["\u5ba2\u6237"]
    found = [[cell.value for cell in row] for row in page.iter_rows()]
    assert found[0] == HEADERS
    assert found[1] == ["003000000000000", "=1+1", "\u9ad8", "Wang", "0.5000", "churnml"]
    assert {cell.data_type for row in page.iter_rows() for cell in row} == {"s"}
    assert len(found) == 3
    assert manifest["rejected_by_reason"] == {"not_in_pick_list": 1}


def test_a_csv_template_gives_csv_files_that_excel_knows_as_utf_8(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(HEADERS) + "\n", "utf-8-sig")
    rows = crm_rows(2, owner="Wang")
    manifest = write_export(rows, fitted(tmp_path / "t.csv", rows), tmp_path / "out", BATCH)
    path = tmp_path / "out" / manifest["parts"][0]["file"]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert cells(path)[0][BAND] == "\u9ad8"


def test_words_of_the_catalogue_fill_a_list_without_a_mapping_of_its_values(tmp_path: Path) -> None:
    rows = crm_rows(1, owner="Wang", risk_band="high")
    held = fitted(workbook(tmp_path / "t.xlsx"), rows, MAPPING | {BAND: "risk_band"})
    assert write_export(rows, held, tmp_path / "out", BATCH)["rows"]["written"] == 1


def test_rows_without_a_required_value_are_rejected(tmp_path: Path) -> None:
    rows = crm_rows(2, owner="Wang", name=["", "x"])
    held = fitted(workbook(tmp_path / "t.xlsx"), rows)
    assert write_export(rows, held, tmp_path / "out", BATCH)["rejected_by_reason"] == {"missing_required": 1}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"Nobody": "name"}, "no such header in the template"),
        ({NAME: None}, "required by the template and not filled"),
        ({WHO: "ownr"}, "Did you mean owner"),
        ({WHO: {"form": "owner"}}, "Did you mean from"),
        ({BAND: {"from": "risk_band", "options": {"low": "none"}}}, "none of the template's list"),
        ({ID: "crm_id"}, "no column tells the records apart"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    mapping = {key: value for key, value in (MAPPING | change).items() if value is not None}
    with pytest.raises(ConfigError, match=problem):
        fitted(workbook(tmp_path / "t.xlsx"), crm_rows(1, owner="Wang"), mapping)


@pytest.mark.parametrize("headers", [[], ["a", "a"], ["a", None, "b"]])
def test_headers_that_are_blank_or_twice_are_refused(headers: list[Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="headers are missing, blank, merged or not all different"):
        read_template(workbook(tmp_path / "t.xlsx", headers))


def test_a_file_that_is_no_template_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"no")
    with pytest.raises(ConfigError, match="no workbook that can be read"):
        read_template(tmp_path / "t.xlsx")
    with pytest.raises(ConfigError, match="not found"):
        read_template(tmp_path / "none.xlsx")
    with pytest.raises(ConfigError, match="no sheet of that name"):
        read_template(workbook(tmp_path / "u.xlsx"), sheet="x")


@pytest.mark.parametrize(("value", "problem"), [("=1+1", "not plain text"), (5, "not plain text")])
def test_a_workbook_with_a_formula_or_a_number_is_refused(value: Any, problem: str, tmp_path: Path) -> None:
    rows = crm_rows(1, owner="Wang")
    held = fitted(workbook(tmp_path / "t.xlsx"), rows)
    manifest = write_export(rows, held, tmp_path / "out", BATCH)
    path = tmp_path / "out" / manifest["parts"][0]["file"]
    book = openpyxl.load_workbook(path)
    book.active["B2"] = value
    book.save(path)
    seal(path.parent)
    with pytest.raises(PrivacyError, match=problem):
        validate(path.parent, held)
