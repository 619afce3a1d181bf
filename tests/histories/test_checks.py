from __future__ import annotations

import re
from datetime import date
from importlib import resources

import pytest

from churnml.errors import DataError
from churnml.exports.data_check_page import data_check_page
from churnml.histories.checks import Finding, Findings
from churnml.histories.rules import CATALOGUE, Limits, Rules
from churnml.wording import catalogue

RULES = sorted({key.removeprefix("finding.").rpartition(".")[0] for key in catalogue() if key.startswith("finding.")})
COPIES = Finding("data.duplicates", "info", "orders", "orders.csv", "id", 5225, 541_909, 7)


FIGURES = {"first": date(2024, 3, 1), "last": date(2024, 3, 31), "days": 1, "found": 0, "expected": 9, "rows": 7} | {
    "before": 9, "drop": 0.2, "factor": "100", "other": "o.csv", "names": "a", "early": 0.4, "late": 0.1, "low": 4
}  # fmt: skip


def test_every_rule_in_the_code_is_in_the_catalogue_and_has_words() -> None:
    # These modules make findings; the others raise errors of their own.
    package = resources.files("churnml.histories")
    modules = ("conform", "usable", "prepare", "readers", "examine", "examine_ids", "examine_sizes")
    code = "".join(package.joinpath(f"{name}.py").read_text("utf-8") for name in modules)
    assert set(re.findall(r'"(data\.[a-z_]+)"', code)) == set(CATALOGUE) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_words_are_complete_in_both_languages(rule: str) -> None:
    told = Finding(rule, "error", "orders", "orders.csv", "id", 1, 2, figures=FIGURES).as_dict()
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
    with pytest.raises(DataError, match=r"v.csv:4: id: id blank in 2 of 9 rows, first in row 3. Mend the file"):
        findings.raise_errors()


@pytest.mark.parametrize(
    ("limits", "count", "severity"),
    [
        ({}, 40, "info"),
        ({}, 60, "warning"),
        ({"severity": "error"}, 60, "error"),
        ({"max_count": 10}, 11, "warning"),
        ({"max_count": 10}, 10, "info"),
        ({"severity": "error", "max_count": 50, "max_share": 0.01}, 2, "error"),
        ({"max_share": 0.6}, 60, "info"),
    ],
)
def test_a_breach_weighs_by_count_or_share(limits: dict[str, object], count: int, severity: str) -> None:
    rules = Rules({"data.after_as_of": Limits(**limits)})
    assert rules.severity("data.after_as_of", "warning", count=count, n_rows=100) == severity


def test_what_protects_the_figures_is_never_lowered() -> None:
    fixed = [rule.name for rule in CATALOGUE.values() if rule.is_fixed]
    assert {"data.customer_twice", "data.time_unreadable", "data.currency_other"} <= set(fixed)
    rules = Rules({name: Limits("info", max_count=99) for name in fixed})
    assert {rules.severity(name, "error", count=1, n_rows=9) for name in fixed} == {"error"}


def test_one_message_tells_every_error_up_to_a_bound() -> None:
    findings = Findings()
    for number in range(50):
        findings.add(Finding("data.id_blank", "error", "t", f"{number:02d}.csv", "id", 1, 2))
    with pytest.raises(DataError, match="and 19 more, see the data check") as caught:
        findings.raise_errors()
    assert str(caught.value).count("id blank in") == 31
