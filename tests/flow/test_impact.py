"""What company changes did, against the raw rows of a small company."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from page_reader import PageReader
from test_cli import churnml

from churnml.config import load_params
from churnml.flow.changes import changes_of
from churnml.flow.impact import setting_of, study_of
from churnml.histories.store import open_history

NOW = datetime(2024, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "reports/impact.json").read_text(encoding="utf-8"))


def row(told: dict[str, Any], kind: str, metric: str) -> dict[str, Any]:
    study = next(each for each in told["studies"] if each["type"] == kind)
    return next(each for each in study["metrics"] if each["metric"] == metric)


def test_every_change_that_has_begun_has_its_study(golden: Path, told: dict[str, Any]) -> None:
    register = pq.read_table(golden / "data/simulated/company_changes.parquet").to_pylist()
    wanted = {(r["type"], r["starts_at"].date().isoformat()) for r in register if r["starts_at"] <= NOW}
    assert {(each["type"], each["start"]) for each in told["studies"]} == wanted
    assert told["studies"] == sorted(told["studies"], key=lambda each: each["start"], reverse=True)


def test_figures_before_and_after_are_those_of_the_raw_orders(golden: Path) -> None:
    """Customers of the segment who had bought within 90 days, and whether they bought in the 30 days after."""
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    params = params.model_copy(update={"impact": params.impact.model_copy(update={"least_customers": 10})})
    change = next(each for each in changes_of(history) if each.type == "price_change")
    study = study_of(setting_of(params, history), change)
    found = row({"studies": [study]}, "price_change", "repeat")
    people = pq.read_table(golden / "data/simulated/customers.parquet").to_pylist()
    premium = {r["customer_id"] for r in people if r["segment"] == "premium"}
    orders = [
        (r["customer_id"], r["ordered_at"], r["loaded_at"])
        for r in pq.read_table(golden / "data/simulated/orders.parquet").to_pylist()
        if r["net_amount"] >= 0 and r["loaded_at"] <= NOW
    ]
    start = datetime.fromisoformat(study["start"]).replace(tzinfo=UTC)
    for number in (0, 1):
        opens = start + timedelta(days=30 * number)
        there = {c for c, at, known in orders if max(at, known) <= opens and at > opens - timedelta(days=90)}
        bought = {c for c, at, _ in orders if opens < at <= opens + timedelta(days=30)}
        place = found["periods"].index(number)
        wanted = len(there & premium & bought) / len(there & premium)
        assert found["mean_affected"][place] == pytest.approx(wanted)
        wanted = len((there - premium) & bought) / len(there - premium)
        assert found["mean_unaffected"][place] == pytest.approx(wanted)


def test_what_concerns_all_is_carried_on_and_called_weaker(told: dict[str, Any]) -> None:
    found = row(told, "rebranding", "repeat")
    assert found["refused"] == "short_before" or found["design"] == "interrupted_series"
    assert row(told, "price_change", "churn").get("design") in {None, "difference_in_differences"}


def test_a_change_right_after_the_start_of_the_history_is_refused(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    change = changes_of(history)[-1]
    early = history.tables["orders"].first_us
    moved = type(change)(change.table, change.type, change.scope, change.row, early, early)
    rows = study_of(setting_of(params, history), moved)["metrics"]
    assert {each["refused"] for each in rows} == {"short_before"}


def test_a_change_on_the_last_day_has_no_effect_yet(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    change = changes_of(history)[0]
    moved = type(change)(change.table, change.type, change.scope, change.row, history.as_of, history.as_of)
    rows = study_of(setting_of(params, history), moved)["metrics"]
    assert {each["refused"] for each in rows} == {"nothing_after"}


def test_the_page_reads_in_both_languages(golden: Path) -> None:
    page = PageReader((golden / "reports/impact.html").read_bytes())
    assert "What our own changes did" in page.text
    assert "公司自身变动的影响" in page.text
    assert "script" not in page.tags


def test_the_command_says_what_a_change_did_and_refuses_what_cannot_be_judged(
    golden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert churnml("impact", "--row", "99", folder=golden) == 2
    assert "no change there that has begun" in capsys.readouterr().err
    assert churnml("impact", "--row", "3", folder=golden) in {0, 4}
    assert "Price change, segment=premium" in capsys.readouterr().out
