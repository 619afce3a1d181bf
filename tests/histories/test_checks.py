from __future__ import annotations

import re
from importlib import resources

import pytest

from churnml.errors import DataError
from churnml.exports.data_check_page import data_check_page
from churnml.histories.checks import Finding, Findings
from churnml.wording import catalogue

RULES = sorted({key.removeprefix("finding.").rpartition(".")[0] for key in catalogue() if key.startswith("finding.")})
COPIES = Finding("data.duplicates", "info", "orders", "orders.csv", "id", 5225, 541_909, 7)


def test_every_rule_in_the_code_has_words() -> None:
    # These modules make findings; the others raise errors of their own.
    package = resources.files("churnml.histories")
    code = "".join(package.joinpath(f"{name}.py").read_text("utf-8") for name in ("conform", "usable", "prepare"))
    assert set(re.findall(r'"(data\.[a-z_]+)"', code)) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_words_are_complete_in_both_languages(rule: str) -> None:
    told = Finding(rule, "error", "orders", "orders.csv", "id", 1, 2).as_dict()
    for texts in (told["meaning"], told["next_step"]):
        assert isinstance(texts, dict)
        assert set(texts) == {"en", "zh"}
        assert not any(mark in text for text in texts.values() for mark in "{}")
    assert isinstance(told["next_step"], dict)
    assert told["next_step"]["en"].endswith(".")


def test_a_finding_reads_like_a_sentence() -> None:
    told = COPIES.as_dict()
    assert told["meaning"]["en"] == "5,225 rows are exact copies of another row"
    assert (
        Finding("data.duplicates", "info", "o", "o.csv", "id", 1, 2).as_dict()["meaning"]["en"].startswith("1 row is")
    )
    assert told["share"] == 5225 / 541_909


def test_page_tells_findings_in_both_languages() -> None:
    page = data_check_page([COPIES.as_dict()], {"tables": [{"table": "orders", "kind": "events", "rows": 3}]}).decode()
    for text in COPIES.as_dict()["meaning"].values():
        assert page.count(text) == 1
    assert "Events" in page
    assert "\u4e8b\u4ef6" in page
    assert "5,225" in page


def test_findings_of_one_place_add_up_and_errors_come_first() -> None:
    findings = Findings()
    for finding in (COPIES, COPIES, Finding("data.id_blank", "error", "visits", "v.csv", "id", 2, 9, 3)):
        findings.add(finding)
    findings.add(Finding("data.time_missing", "error", "visits", "v.csv", "at", 0, 9))
    assert [(f.rule, f.count) for f in findings.all] == [("data.id_blank", 2), ("data.duplicates", 10_450)]
    with pytest.raises(DataError, match=r"v.csv:3: id: id blank in 2 of 9 rows, first in row 3. Mend the file"):
        findings.raise_errors()
