"""The files of a list as a spreadsheet program reads them."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from list_pages import PLAN, a_list
from payloads import PAYLOADS
from spreadsheet import OFFICE, convert, sheets

from churnml.campaign.lists import write_lists
from churnml.exports.formulas import restore
from churnml.exports.tables import write_csv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed (apt-get install libreoffice-calc)"),
]
LEADS = ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\ufeff=", "\uff1d", "'=", '"=']
FORMULAS = [f'{lead}HYPERLINK("https://x.invalid/{i}";"x")' for i, lead in enumerate(LEADS * 9)][: len(PAYLOADS) // 2]
NAMES = [*FORMULAS, *PAYLOADS[: 200 - len(FORMULAS)]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "spring"
    write_lists(a_list(len(NAMES), name=NAMES, owner=NAMES[::-1], plan=replace(PLAN, capacity=200)), path)
    return path


@pytest.fixture(scope="module")
def seen(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[str]]]:
    return sheets(folder / "contact.xlsx", tmp_path_factory.mktemp("office"))


def listed(folder: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO((folder / "contact.csv").read_bytes().decode("utf-8-sig"), newline="")))


def test_every_sheet_opens_in_its_language(seen: dict[str, list[list[str]]]) -> None:
    assert list(seen)
    assert len(seen) == 3
    assert seen["Contact"][0][:2] == ["Rank", "Customer"]
    assert seen["\u8054\u7cfb\u540d\u5355"][0][:2] == ["\u6392\u540d", "\u5ba2\u6237\u7f16\u53f7"]


def test_cells_are_those_of_the_csv_file(folder: Path, seen: dict[str, list[list[str]]]) -> None:
    head, *rows = listed(folder)
    assert seen["Contact"][0] == head
    columns = {title: [row[at] for row in rows] for at, title in enumerate(head)}
    office = {title: [row[at] for row in seen["Contact"][1:]] for at, title in enumerate(head)}
    for title in ("Customer", "Channel", "Action", "Reason 1", "Contact by", "Risk"):
        assert office[title] == columns[title]
    amounts = [float(cell.removeprefix("EUR ").replace(",", "")) for cell in office["Value at risk (EUR)"]]
    assert amounts == pytest.approx([float(cell) for cell in columns["Value at risk (EUR)"]])
    shares = [float(cell.rstrip("%")) / 100 for cell in office["Probability of churn"]]
    assert shares == pytest.approx([float(cell) for cell in columns["Probability of churn"]], abs=0.0005001)


def test_both_languages_have_the_same_figures(seen: dict[str, list[list[str]]]) -> None:
    english, chinese = seen["Contact"], seen["\u8054\u7cfb\u540d\u5355"]
    for title in ("Rank", "Customer", "Value at risk (EUR)", "Expected gain (EUR)", "Contact by"):
        at = english[0].index(title)
        assert [row[at] for row in english[1:]] == [row[at] for row in chinese[1:]]


def test_ep_01_no_formula_arises_from_any_file(folder: Path, tmp_path: Path) -> None:
    """Kept as a workbook of LibreOffice's own, which names each formula, link and outside source."""
    for name in ("contact.xlsx", "contact.csv"):
        (made,) = convert(folder / name, "ods", tmp_path / name)
        with zipfile.ZipFile(made) as archive:
            content = archive.read("content.xml").decode()
        assert content.count("<table:table-row") > 200
        assert "table:formula" not in content
        assert "xlink:href" not in content


def test_ep_01_the_same_names_do_become_formulas_where_nothing_guards(tmp_path: Path) -> None:
    write_csv(pa.table({"name": ["=1+1", "plain"]}), tmp_path / "raw.csv", formula_guard=False)
    (made,) = convert(tmp_path / "raw.csv", "ods", tmp_path / "office")
    with zipfile.ZipFile(made) as archive:
        assert "table:formula" in archive.read("content.xml").decode()


def test_ep_01_what_the_guard_adds_can_be_taken_away(folder: Path) -> None:
    head, *rows = listed(folder)
    texts = pa.array([row[head.index("Name")] for row in rows])
    assert sorted(restore(texts).to_pylist()) == sorted(NAMES)


def test_the_workbook_prints(folder: Path, tmp_path: Path) -> None:
    (paper,) = convert(folder / "contact.xlsx", "pdf", tmp_path)
    assert paper.read_bytes().startswith(b"%PDF")
