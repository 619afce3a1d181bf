"""The way back after a change, against the raw rows of a small company."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from page_reader import PageReader
from small_company import another, run
from test_cli import churnml

from churnml.config import Params, load_params
from churnml.errors import ConfigError
from churnml.flow.impact import setting_of
from churnml.flow.recovery import recovery_of
from churnml.flow.recovery_on_demand import Asked, changes_asked
from churnml.histories.store import History, open_history

NOW = datetime(2024, 6, 30, tzinfo=UTC)
HORIZON, ACTIVE, PERIOD = timedelta(days=30), timedelta(days=90), timedelta(days=30)


@pytest.fixture(scope="module")
def params(golden: Path) -> Params:
    loaded = load_params(golden / "params.yaml")
    return loaded.model_copy(update={"impact": loaded.impact.model_copy(update={"least_customers": 10})})


@pytest.fixture(scope="module")
def history(golden: Path) -> History:
    return open_history(golden / "data/prepared")


@pytest.fixture(scope="module")
def raised(params: Params, history: History) -> dict[str, Any]:
    setting = setting_of(params, history)
    return recovery_of(setting, next(each for each in setting.changes if each.type == "price_change"))


def row(told: dict[str, Any], metric: str) -> dict[str, Any]:
    return next(each for each in told["metrics"] if each["metric"] == metric)


def raw_orders(golden: Path) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return the orders of each customer known today: when, and since when known."""
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for each in pq.read_table(golden / "data/simulated/orders.parquet").to_pylist():
        if each["net_amount"] >= 0 and each["loaded_at"] <= NOW:
            found.setdefault(each["customer_id"], []).append((each["ordered_at"], each["loaded_at"]))
    return {customer: sorted(rows) for customer, rows in found.items()}


def test_losses_of_every_period_are_those_of_the_raw_orders(golden: Path, raised: dict[str, Any]) -> None:
    """At risk is who bought within 90 days; lost in a period is who bought in it, and then not for 30 days."""
    people = pq.read_table(golden / "data/simulated/customers.parquet").to_pylist()
    premium = {each["customer_id"] for each in people if each["segment"] == "premium"}
    orders = raw_orders(golden)
    points = row(raised, "losses")["points"]
    assert {point["period"] < 0 for point in points} == {True, False}
    for point in points:
        opens = datetime.fromisoformat(point["start"]).replace(tzinfo=UTC)
        counts = {True: [0, 0], False: [0, 0]}
        for customer, rows in orders.items():
            if not any(max(at, known) <= opens and at > opens - ACTIVE for at, known in rows):
                continue
            days = sorted({at for at, _ in rows})
            ends = zip(days, [*days[1:], datetime.max.replace(tzinfo=UTC)], strict=True)
            lost = any(opens < a <= opens + PERIOD and b > a + HORIZON and a + HORIZON <= NOW for a, b in ends)
            counts[customer in premium][0] += lost
            counts[customer in premium][1] += 1
        assert point["n_affected"] == counts[True][1]
        assert point["n_unaffected"] == counts[False][1]
        assert point["affected"] == pytest.approx(counts[True][0] / counts[True][1], abs=1e-7)
        assert point["unaffected"] == pytest.approx(counts[False][0] / counts[False][1], abs=1e-7)


def test_no_period_straddles_the_change_or_what_is_not_known_yet(raised: dict[str, Any]) -> None:
    start, announced = (datetime.fromisoformat(raised[key]) for key in ("start", "announced"))
    for point in row(raised, "losses")["points"]:
        opens = datetime.fromisoformat(point["start"])
        if point["period"] < 0:
            assert opens + PERIOD <= announced - HORIZON / 2
        else:
            assert opens >= start
            assert opens + PERIOD + HORIZON <= NOW.replace(tzinfo=None)


def test_days_until_back_are_counted_from_the_start(params: Params, history: History) -> None:
    setting = setting_of(params, history)
    told = [each for change in setting.changes for each in recovery_of(setting, change)["metrics"]]
    for each in (one for one in told if not one["refused"]):
        after = [point for point in each["points"] if point["period"] >= 0]
        assert each["known_days"] == (after[-1]["period"] + 1) * 30
        assert (each["back_on"] is None) == (each["days"] is None)
        if each["days"] is not None:
            assert each["days"] == 30 * next(p["period"] for p in after if p["start"] == each["back_on"])


def test_activity_and_satisfaction_stand_beside_losses(raised: dict[str, Any]) -> None:
    metrics = {each["metric"] for each in raised["metrics"]}
    assert {"losses", "frequency", "repeat"} <= metrics
    assert metrics & {"csat", "nps"}


def test_the_command_writes_what_it_says(golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = churnml("recovery", "--table", "changes", "--row", "1", "--out", str(tmp_path), folder=golden)
    told = json.loads((tmp_path / "recovery.json").read_text(encoding="utf-8"))
    assert code == (0 if not told["recoveries"][0]["metrics"][0]["refused"] else 4)
    assert "Customers lost in a period" in capsys.readouterr().out
    page = PageReader((tmp_path / "recovery.html").read_bytes())
    assert "The way back" in page.text
    assert "恢复过程" in page.text
    assert "script" not in page.tags


def test_a_declared_crisis_has_its_curve_by_name(golden: Path, tmp_path: Path) -> None:
    crisis = {"name": "fire", "type": "operations", "start": "2024-01-10", "scope": "segment=consumer"}
    root = another(tmp_path / "declared", golden, {"crises": [crisis]})
    assert run(root, "configure", "prepare") == 0
    loaded = load_params(root / "params.yaml")
    setting = setting_of(loaded, open_history(root / "data/prepared"))
    found = changes_asked(setting, Asked(name="fire"))
    assert [(each.table, each.type, each.scope) for each in found] == [("crises", "operations", "segment=consumer")]
    told = recovery_of(setting, found[0])
    assert not row(told, "frequency")["refused"]
    with pytest.raises(ConfigError, match="no such crisis in the register"):
        changes_asked(setting, Asked(name="fir"))


def test_without_surveys_satisfaction_is_said_to_be_missing(params: Params, history: History) -> None:
    none = params.model_copy(update={"relationship": params.relationship.model_copy(update={"surveys": ()})})
    setting = setting_of(none, history)
    assert row(recovery_of(setting, setting.changes[-1]), "csat")["refused"] == "no_surveys"


def test_ready_labels_know_no_time(params: Params, history: History) -> None:
    labelled = params.model_copy(update={"churn": params.churn.model_copy(update={"definition": "label"})})
    setting = setting_of(params, history)
    object.__setattr__(setting, "params", labelled)
    assert recovery_of(setting, setting.changes[0])["metrics"] == []


def test_a_period_out_of_bounds_is_refused(golden: Path) -> None:
    assert churnml("recovery", "--period-days", "3", folder=golden) == 2
