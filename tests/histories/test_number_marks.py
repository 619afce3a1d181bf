"""Marks between thousands and signs of currencies are taken out of numbers, and nothing else is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from churnml.histories.cells import lost, number_cells
from churnml.histories.contract import CsvDialect


def read(text: str, *, decimal: str, marks: tuple[str, ...]) -> float | None:
    raw, values = number_cells(pa.array([text]), decimal=decimal, null_values=("",), marks=marks)
    assert lost(raw, values).tolist() == [values[0].as_py() is None]
    return values[0].as_py()


@pytest.mark.parametrize(
    ("text", "decimal", "marks", "value"),
    [
        ("1.234.567,89", ",", (".",), 1234567.89),
        ("-1,234", ".", (",",), -1234.0),
        ("12,5", ",", (".",), 12.5),
        ("$ 1,234.50", ".", ("$", ","), 1234.5),
        ("7 €", ",", ("€",), 7.0),
        ("1'234.5", ".", ("'",), 1234.5),
    ],
)
def test_declared_marks_are_taken_out(text: str, decimal: str, marks: tuple[str, ...], value: float) -> None:
    assert read(text, decimal=decimal, marks=marks) == value


@pytest.mark.parametrize(
    ("text", "decimal", "marks"),
    [("1.23", ",", (".",)), ("12,34", ".", (",",)), ("1,2345", ".", (",",)), ("£5", ".", ("$",))],
)
def test_what_could_mean_something_else_stays_unreadable(text: str, decimal: str, marks: tuple[str, ...]) -> None:
    assert read(text, decimal=decimal, marks=marks) is None


def test_a_column_may_have_a_format_of_its_own() -> None:
    dialect = CsvDialect(time_format="%d.%m.%Y", time_formats=(("at", "iso"), ("due", "%Y%m%d")))
    assert [dialect.format_of(name) for name in ("day", "at", "due")] == ["%d.%m.%Y", None, "%Y%m%d"]
