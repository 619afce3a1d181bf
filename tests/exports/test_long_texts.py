from __future__ import annotations

import pyarrow as pa
import pytest

from churnml.exports.long_texts import MAX_TEXT, shortened, too_long


def test_rows_are_found_in_units_of_excel() -> None:
    texts = ["x" * MAX_TEXT, "x" * (MAX_TEXT + 1), None, "\U0001f600" * (MAX_TEXT // 2 + 1), ""]
    assert too_long(pa.chunked_array([texts[:2], texts[2:]])) == [1, 3]


def test_nothing_is_found_in_an_empty_column() -> None:
    assert too_long(pa.chunked_array([], pa.string())) == []


@pytest.mark.parametrize(
    ("language", "mark"), [("en", "40,000 characters"), ("zh", "\u5171 40,000 \u4e2a\u5b57\u7b26")]
)
def test_a_long_text_is_cut_and_says_so(language: str, mark: str) -> None:
    table = pa.table({"customer_id": ["i" * 40_000, "2"], "name": ["n" * 40_000, "short"], "p": [0.1, 0.2]})
    cut = shortened(table, keep=("customer_id",), language=language)
    assert cut["customer_id"].equals(table["customer_id"])
    assert cut["name"][0].as_py().startswith("n" * 1_000)
    assert mark in cut["name"][0].as_py()
    assert len(cut["name"][0].as_py()) < 1_050
    assert cut["name"][1].as_py() == "short"
