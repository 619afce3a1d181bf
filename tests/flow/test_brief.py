"""The brief of an event: every role sees the numbers that the other files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.csv as pcsv
import pytest
from page_reader import PageReader
from small_company import write_params
from test_cli import churnml

RULE = {"name": "spring", "table": "orders", "where": {"channel": ["web"]}, "first_day": "2024-03-01"}
HELP = {"name": "spring_help", "affected": "spring", "harm": "amount", "budget": "300.50", "least": "3"}
EVENT = ("--from", "2024-03-01", "--affected", "spring")


@pytest.fixture(scope="module")
def project(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brief")
    write_params(folder, {"lists": {"affected": [RULE], "compensation": [HELP]}})
    (folder / "data").mkdir()
    for name in ("prepared", "scored"):
        (folder / "data" / name).symlink_to(golden / "data" / name)
    return folder


@pytest.fixture(scope="module")
def told(project: Path) -> dict[str, Any]:
    assert churnml("brief", *EVENT, folder=project) == 0
    found: dict[str, Any] = json.loads((project / "reports/brief.json").read_text("utf-8"))
    return found


def test_the_numbers_are_those_of_the_clock_the_lists_and_the_verdict(
    project: Path, golden: Path, told: dict[str, Any]
) -> None:
    assert churnml("clock", *EVENT, folder=project) == 0
    assert churnml("affected", "spring", folder=project) == 0
    assert churnml("compensate", "spring_help", folder=project) == 0
    clock = json.loads((project / "reports/clock.json").read_text("utf-8"))
    money = json.loads((project / "data/notices/spring_help/manifest.json").read_text("utf-8"))["money"]
    listed = pcsv.read_csv(project / "data/notices/spring/contact.csv")
    others = pcsv.read_csv(project / "data/notices/spring/unreachable.csv")
    losses = json.loads((golden / "reports/warning.json").read_text("utf-8"))["figures"][0]["weeks"][-1]
    numbers = told["numbers"]
    assert (numbers["questions"], numbers["lost"]) == (clock["questions"]["all"]["n"], clock["lost"]["n"])
    assert (numbers["reachable"], numbers["unreachable"]) == (listed.num_rows, others.num_rows)
    assert numbers["affected"] == listed.num_rows + others.num_rows
    assert (numbers["spent"], numbers["budget"]) == (float(money["spent"]), 300.5)
    assert (numbers["losses"], numbers["losses_due"]) == (losses["observed"], losses["expected"])


def test_a_number_is_the_same_for_every_role_that_sees_it(told: dict[str, Any]) -> None:
    assert set(told["views"]) == {"retention", "service", "finance", "communication"}
    assert {name for names in told["views"].values() for name in names} == set(told["numbers"])
    assert all("affected" in names for names in told["views"].values())


def test_the_run_is_known_by_its_numbers(project: Path, told: dict[str, Any], tmp_path: Path) -> None:
    for words, same in ((EVENT, True), (("--from", "2024-04-01", "--affected", "spring"), False)):
        assert churnml("brief", *words, "--out", str(tmp_path), folder=project) == 0
        again = json.loads((tmp_path / "brief.json").read_text("utf-8"))
        assert (again["run_id"] == told["run_id"]) is same


def test_the_page_reads_in_both_languages_and_says_what_is_missing(project: Path, tmp_path: Path) -> None:
    assert churnml("brief", "--from", "2024-03-01", "--out", str(tmp_path), folder=project) == 0
    page = PageReader((tmp_path / "brief.html").read_bytes()).text
    assert all(text in page for text in ("Communication", "对外沟通", "Whom it concerns is not named", "受影响客户"))
    assert "When questions were answered is not known" in page
