from __future__ import annotations

import json
from importlib import resources

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.exports.formulas import neutralise, restore

LEADS = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
BEFORE = ["", " ", "\u00a0", "\ufeff", '"', "'", "\u3000", "\u200b", " ' \ufeff"]
BODIES = ["1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://x";"y")', "SUM(A1:A9)", "2+3"]


def guarded(text: str) -> str:
    return str(neutralise(pa.array([text]))[0].as_py())


@pytest.mark.parametrize("lead", LEADS)
def test_each_lead_is_neutralised_at_the_start(lead: str) -> None:
    for before in BEFORE:
        for body in BODIES:
            assert guarded(before + lead + body).startswith("'")


@pytest.mark.parametrize("separator", [",", ";", "|", "\t", "\n", "\r\n"])
def test_leads_after_a_separator_inside_the_text_are_neutralised(separator: str) -> None:
    assert guarded(f"Smith{separator} =1+1") == f"Smith{separator} '=1+1"
    assert guarded(f"Smith{separator}@x{separator}-y") == f"Smith{separator}'@x{separator}'-y"


@pytest.mark.parametrize(
    "text", ["Smith", "12-5", "a=b", "x@y.org", "No order for 61 days, usually every 14", "", "1-2, 3"]
)
def test_harmless_texts_stay(text: str) -> None:
    assert guarded(text) == text


def test_nulls_stay_null() -> None:
    assert neutralise(pa.array([None, "=1"])).to_pylist() == [None, "'=1"]


@given(st.lists(st.text(alphabet=st.sampled_from("=+-@'\" ;,|\t\r\n\ufeff\uff1dab1")) | st.text()))
def test_restoring_is_exact(texts: list[str]) -> None:
    column = pa.array(texts, pa.string())
    assert restore(neutralise(column)).to_pylist() == texts


def test_data_file_holds_only_points_and_ranges() -> None:
    listed = json.loads(resources.files("churnml.exports").joinpath("formula_leads.json").read_text("utf-8"))
    points = [p for part in listed.values() if isinstance(part, dict) for group in part.values() for p in group]
    assert len(points) > 30
    assert all(end.startswith("U+") and int(end[2:], 16) >= 0 for p in points for end in p.split(".."))
