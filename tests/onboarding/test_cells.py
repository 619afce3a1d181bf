"""How cells are written: times, numbers, encodings and delimiters, by the cells themselves."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from churnml.errors import DataError
from churnml.histories.cells import lost, number_cells, time_cells
from churnml.onboarding.columns import facts_of
from churnml.onboarding.dialect import dialect_of
from churnml.onboarding.names import hints
from churnml.onboarding.numerals import numerals_of
from churnml.onboarding.times import time_format_of


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["2024-01-31", "2024-02-01"], None),
        (["2024-01-31T10:00:00Z"], None),
        (["31.01.2024", "01.02.2024"], "%d.%m.%Y"),
        (["01/31/2024 3:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["2024年1月31日"], "%Y年%m月%d日"),
        (["5 Mar 2024"], "%d %b %Y"),
        (["3. März 2024", "14. Oktober 2023"], "%d. %B %Y"),
        (["03-Mär-2024", "14-Okt-2023"], "%d-%b-%Y"),
        (["3 févr. 2024", "1 août 2023"], "%d %b %Y"),
        (["1704067200", "1711929600"], "%s"),
        (["1704067200123", "1711929600456"], "%Q"),
    ],
)
def test_the_format_of_times_is_read_from_the_cells(texts: list[str], pattern: str | None) -> None:
    found = time_format_of(texts, is_named_time=True)
    assert found is not None
    assert (found.pattern, found.other) == (pattern, None)


def test_days_that_fill_their_span_decide_between_day_and_month_first() -> None:
    # The first days of March: read with the month first they lie scattered over the year.
    found = time_format_of([f"{day:02d}/03/2024" for day in range(1, 13)], is_named_time=True)
    assert found is not None
    assert (found.pattern, found.other) == ("%d/%m/%Y", "%m/%d/%Y")


def test_bare_digits_are_a_date_only_where_the_name_says_so() -> None:
    assert time_format_of(["20240131", "20240201"], is_named_time=False) is None
    assert time_format_of(["20240131", "20240201"], is_named_time=True) is not None


@pytest.mark.parametrize(
    ("texts", "decimal", "marks", "values"),
    [
        (["1", "-20"], "", (), [1, -20]),
        (["1.5", "20"], ".", (), [1.5, 20]),
        (["12,5", "3"], ",", (), [12.5, 3]),
        (["1.234,56", "7,00"], ",", (".",), [1234.56, 7]),
        (["1,234", "12"], ".", (",",), [1234, 12]),
        (["1 234,5"], ",", (" ",), [1234.5]),
        (["$1,234.50", "-$2"], ".", ("$", ","), [1234.5, -2]),
        (["12,50 €"], ",", ("€",), [12.5]),
    ],
)
def test_marks_in_numbers(texts: list[str], decimal: str, marks: tuple[str, ...], values: list[float]) -> None:
    found = numerals_of(texts)
    assert found is not None
    assert (found.decimal, found.marks) == (decimal, marks)
    assert found.read(pa.array(texts)).tolist() == values


def test_the_other_columns_decide_what_one_point_means() -> None:
    assert numerals_of(["1.234", "5.678"], decimal=",") == numerals_of(["1.234", "5.678,00"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_text_is_decoded_by_its_bytes(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("客户编号;金额\n甲一;12\n乙二;13\n".encode(encoding))
    dialect = dialect_of(path).dialect
    assert dialect.delimiter == ";"
    assert "客户编号" in path.read_bytes().decode(dialect.encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_an_umlaut_that_stands_alone_is_no_chinese(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Käufer;Straße;Größe\nMüller;Süd;1\n".encode(encoding))
    assert dialect_of(path).dialect.encoding in {"cp1252", "latin-1"}


def test_a_letter_late_in_the_file_decides_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 100_000 + "ü,3\n".encode("cp1252"))
    assert dialect_of(path).dialect.encoding == "cp1252"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\n\n")
    with pytest.raises(DataError, match="is empty"):
        dialect_of(tmp_path / "a.csv")


def test_words_among_figures_mean_no_value() -> None:
    facts = facts_of("value", pa.chunked_array([["1.5", "k.A.", "2", "3"] * 20]))
    assert (facts.kind, facts.nulls, facts.n_missing) == ("number", ("k.A.",), 20)


def test_leading_zeros_make_a_code_and_no_number() -> None:
    assert facts_of("plz", pa.chunked_array([["01067", "80331"]])).kind == "text"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CustomerID", "customer"),
        ("Kd.-Nr", "customer"),
        ("客户编号", "id"),
        ("Bestelldatum", "time"),
        ("下单时间", "happened"),
        ("is_churned", "label"),
        ("Einzelpreis", "unit_price"),
        ("opt_in_email", "consent"),
    ],
)
def test_names_hint_in_three_languages(name: str, hint: str) -> None:
    assert hint in hints(name)


def test_a_number_of_something_is_no_id() -> None:
    assert "id" not in hints("number_of_orders")
    assert "id" in hints("order_number")


def test_seconds_since_1970_are_instants_and_only_in_a_column_named_for_time() -> None:
    text, values = time_cells(
        pa.array(["1704067200", "", "17e8", "99999999999999"]),
        time_format="%s",
        timezone="Asia/Tokyo",
        null_values=("",),
    )
    assert values.cast(pa.int64()).to_pylist() == [1_704_067_200_000_000, None, None, None]
    assert lost(text, values).tolist() == [False, False, True, True]
    assert time_format_of(["1704067200"], is_named_time=False) is None


@pytest.mark.parametrize("cell", ["(12.50)", "( 12.50 )", "(€12.50)", "€(12.50)", "(1,012.50)"])
def test_a_number_in_brackets_is_negative(cell: str) -> None:
    found = numerals_of([cell, "3.00", "2,000.00" if "," in cell else "4.10"])
    assert found is not None
    assert "(" in found.marks
    assert found.read(pa.array([cell, "3.00"])).tolist() in ([-12.5, 3.0], [-1012.5, 3.0])


@pytest.mark.parametrize("cell", ["(-3)", "()", "(3", "3)", "((3))"])
def test_brackets_that_are_no_number_are_lost(cell: str) -> None:
    text, values = number_cells(pa.array([cell]), decimal=".", null_values=("",), marks=("(",))
    assert lost(text, values).tolist() == [True]
