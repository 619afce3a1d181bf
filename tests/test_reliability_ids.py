"""Each of the forty cases of reliability has a test that bears its id."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

IDS = (
    *("IN-02", "IN-04", "IN-06", "IN-22", "IN-24", "IN-26", "IN-34", "IN-41", "CF-01", "CF-06", "CF-08"),
    *("TL-01", "TL-03", "TL-04", "TL-06", "TL-07", "TL-09", "TL-12", "TL-15", "TL-21", "TL-27", "TL-29"),
    *("MR-02", "MR-04", "MR-10", "MR-13", "EP-01", "EP-06", "EP-07", "EP-08", "EP-12", "EP-17", "EP-20", "EP-26"),
    *("FL-01", "FL-04", "FL-08", "FL-15", "FL-19", "FL-23"),
)
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def named() -> set[str]:
    """Return every id in the name of a test."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py")))
    names = re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)
    return {f"{kind}-{number}".upper() for name in names for kind, number in re.findall(r"_([a-z]{2})_(\d\d)_", name)}


def test_there_are_forty() -> None:
    assert len(set(IDS)) == 40


@pytest.mark.parametrize("case", IDS)
def test_a_case_has_a_test_with_its_id(case: str, named: set[str]) -> None:
    assert case in named
