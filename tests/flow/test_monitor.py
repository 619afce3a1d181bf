"""A run beside what the model learned from, earlier scores and lists beside what happened: the golden company."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import small_params

from churnml.campaign.record import RECORDS
from churnml.campaign.told import TOLD_SCHEMA
from churnml.campaign.told_store import add_told
from churnml.config import Params
from churnml.dated import keep_dated
from churnml.estimators.matrix import to_matrix
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.monitor import exit_code_of, monitor, verdict_lines, write_report
from churnml.flow.score import Models, load_models
from churnml.flow.score_records import keep_scores
from churnml.flow.spine import read_plan
from churnml.histories.store import open_history
from churnml.parquet import parquet_bytes, write_parquet
from churnml.timeline import us_to_date, us_to_iso

HORIZON = timedelta(days=30)


@pytest.fixture(scope="session")
def models(golden: Path) -> Models:
    return load_models(golden / "models" / "churn", golden / "models" / "clv")


def params(**changes: Any) -> Params:
    return Params.model_validate(small_params(changes))


def said_at(golden: Path, models: Models, date: int, *, factor: float = 1.0) -> pa.Table:
    """Return what the model says of an earlier date, in the form of scores."""
    rows = read_buckets(golden / "data" / "features", keep=lambda _, table: observed_at(table, date))
    p = np.clip(models.churn.model.churn_probability(to_matrix(rows, models.churn.spec)) * factor, 1e-6, 1 - 1e-6)
    bands = np.where(p > 0.5, "high", "low")
    return pa.table({"customer_id": rows["customer_id"].cast(pa.string()), "p_churn": p, "clv": p, "risk_band": bands})


def looked_at(golden: Path, models: Models, root: Path, **changes: Any) -> dict[str, Any]:
    scores = pq.read_table(golden / "data" / "scored" / "scores.parquet")
    history, features = open_history(golden / "data" / "prepared"), golden / "data" / "features"
    return monitor(params(**changes), history, models.churn, scores, features=features, root=root)


def earlier(golden: Path, models: Models, root: Path, *, factor: float = 1.0) -> list[int]:
    """Keep what the model says of every observed date, and return the dates."""
    dates = read_plan(golden / "data" / "snapshots").dates.tolist()[:-1]
    for date in dates:
        keep(root, date, said_at(golden, models, date, factor=factor))
    return dates


def keep(root: Path, date: int, said: pa.Table) -> None:
    """Keep scores as those of a date."""
    write_parquet(said, root / "scores.parquet")
    keep_scores(params().at(us_to_iso(date)), root / "scores.parquet", root=root, model_version="churn-abc")


def who_left(golden: Path, ids: Sequence[str], date: int) -> np.ndarray:
    """Return who has no purchase in the thirty days after a date, by a plain look at the orders."""
    orders = pq.read_table(golden / "data" / "simulated" / "orders.parquet")
    orders = orders.filter(pc.greater_equal(orders["net_amount"], 0))
    t = pa.scalar(date, pa.timestamp("us", tz="UTC"))
    until = pa.scalar(t.as_py() + HORIZON, t.type)
    inside = pc.and_(pc.greater(orders["ordered_at"], t), pc.less_equal(orders["ordered_at"], until))
    bought = set(orders.filter(inside)["customer_id"].to_pylist())
    return np.array([customer not in bought for customer in ids])


def keep_list(root: Path, golden: Path, date: int) -> tuple[list[str], list[str]]:
    """Keep a list of everybody observed at a date, every third one held out; return both arms."""
    rows = read_buckets(golden / "data" / "features", keep=lambda _, table: observed_at(table, date))
    ids = rows["customer_id"].cast(pa.string()).to_pylist()
    arms = ["holdout" if i % 3 == 0 else "contact" for i in range(len(ids))]
    n = len(ids)
    columns = {"customer_id": ids, "decision": arms, "action": ["call"] * n, "clv": [100.0] * n}
    table = pa.table(columns | {"expected_gain": [4.0] * n})
    keep_dated(parquet_bytes(table), root / RECORDS / "spring", us_to_date(date))
    return [i for i, a in zip(ids, arms, strict=True) if a == "contact"], [
        i for i, a in zip(ids, arms, strict=True) if a == "holdout"
    ]


def test_a_first_quiet_run_needs_no_attention(golden: Path, models: Models, tmp_path: Path) -> None:
    report = looked_at(golden, models, tmp_path)
    assert (report["verdict"]["state"], exit_code_of(report)) == ("steady", 0)
    assert report["drift"]["status"] == "checked"
    assert report["scores"]["previous"] is None
    assert [finding["rule"] for finding in report["verdict"]["findings"]] == ["scores_none", "quiet"]


def test_earlier_scores_are_held_against_what_happened(golden: Path, models: Models, tmp_path: Path) -> None:
    dates = earlier(golden, models, tmp_path)
    report = looked_at(golden, models, tmp_path)
    runs = report["matured"]["runs"]
    last_settled = read_plan(golden / "data" / "snapshots").churn_dates[-1]
    assert [run["day"] for run in runs] == [us_to_iso(date) for date in dates if date <= last_settled]
    last = runs[-1]
    date = dates[[us_to_iso(d) for d in dates].index(last["day"])]
    ids = said_at(golden, models, date)["customer_id"].to_pylist()
    assert last["overall"]["observed"] == pytest.approx(who_left(golden, ids, date).mean(), abs=0.01)
    assert last["overall"]["n"] >= 0.97 * len(ids)


def test_scores_half_as_large_as_they_should_be_are_an_alarm(golden: Path, models: Models, tmp_path: Path) -> None:
    earlier(golden, models, tmp_path, factor=0.4)
    report = looked_at(golden, models, tmp_path)
    assert report["matured"]["runs"][-1]["level"] == "alarm"
    assert exit_code_of(report) == 5
    assert any("train again" in line for line in verdict_lines(report, language="en"))


def test_what_is_not_mature_is_not_judged(golden: Path, models: Models, tmp_path: Path) -> None:
    date = open_history(golden / "data" / "prepared").as_of - 20 * 86_400_000_000
    table = said_at(golden, models, read_plan(golden / "data" / "snapshots").dates[0])
    keep(tmp_path, date, table)
    report = looked_at(golden, models, tmp_path)
    waiting = report["matured"]["waiting"]
    assert (report["matured"]["runs"], waiting["runs"]) == ([], 1)
    assert waiting["next_on"] > "2024-07-09"
    assert report["scores"]["previous"]["day"] == us_to_iso(date)


def test_another_definition_is_not_compared(golden: Path, models: Models, tmp_path: Path) -> None:
    earlier(golden, models, tmp_path)
    report = looked_at(golden, models, tmp_path, churn={"active_within_days": 80})
    assert report["matured"]["runs"] == []
    assert report["matured"]["other_definition"] >= 3


def test_listed_are_compared_with_held_out_by_what_happened(golden: Path, models: Models, tmp_path: Path) -> None:
    date = int(read_plan(golden / "data" / "snapshots").churn_dates[-1])
    listed, held_out = keep_list(tmp_path, golden, date)
    (found,) = looked_at(golden, models, tmp_path)["lists"]
    churn = found["differences"]["churn"]
    assert churn["listed"] == pytest.approx(who_left(golden, listed, date).mean(), abs=0.01)
    assert churn["held_out"] == pytest.approx(who_left(golden, held_out, date).mean(), abs=0.01)
    assert churn["low"] < churn["listed"] - churn["held_out"] < churn["high"]
    assert found["gain"]["expected"] == pytest.approx(4.0 * found["n_listed"])
    assert set(found["differences"]) == {"churn", "orders", "revenue", "order_value", "margin"}


def test_told_contacts_say_who_was_contacted_and_the_arms_stay_as_intended(
    golden: Path, models: Models, tmp_path: Path
) -> None:
    date = int(read_plan(golden / "data" / "snapshots").churn_dates[-1])
    listed, held_out = keep_list(tmp_path, golden, date)
    before = looked_at(golden, models, tmp_path)["lists"][0]
    told = [(who, "done") for who in (*listed[::2], held_out[0])] + [(who, "not_reached") for who in listed[1::2]]
    at = us_to_date(date) + timedelta(days=2)
    cells = [
        {"list": "spring", "as_of": us_to_date(date), "customer_id": who, "arm": "contact", "outcome": what}
        | {"at": datetime.combine(at, time(), UTC)}
        for who, what in told
    ]
    add_told(pa.Table.from_pylist(cells, schema=TOLD_SCHEMA), tmp_path, told_on=at, sources=["x"])
    (found,) = looked_at(golden, models, tmp_path)["lists"]
    assert before["contacts"] is None
    assert found["differences"] == before["differences"]
    contacts = found["contacts"]
    shares = len(listed[::2]) / len(listed), 1 / len(held_out)
    assert (contacts["contacted"], contacts["held_out_contacted"]) == pytest.approx(shares)
    assert contacts["median_days"] == 2
    wanted = found["differences"]["churn"]["difference"] / (shares[0] - shares[1])
    assert contacts["of_contacted"]["value"] == pytest.approx(wanted)


def test_realised_gain_is_value_kept_less_the_costs_of_the_action(golden: Path, models: Models, tmp_path: Path) -> None:
    date = int(read_plan(golden / "data" / "snapshots").churn_dates[-1])
    keep_list(tmp_path, golden, date)
    (found,) = looked_at(golden, models, tmp_path)["lists"]
    churn = found["differences"]["churn"]
    per_customer = 100 * (churn["held_out"] - churn["listed"]) - 6.0
    assert found["gain"]["realised"]["value"] == pytest.approx(per_customer * found["n_listed"])


def test_a_list_that_is_not_mature_says_when_it_will_be(golden: Path, models: Models, tmp_path: Path) -> None:
    as_of = open_history(golden / "data" / "prepared").as_of
    date = int(read_plan(golden / "data" / "snapshots").churn_dates[-1])
    keep_list(tmp_path, golden, date)
    path = tmp_path / RECORDS / "spring"
    (path / us_to_date(date).isoformat()).rename(path / us_to_date(as_of - 10 * 86_400_000_000).isoformat())
    (found,) = looked_at(golden, models, tmp_path)["lists"]
    assert (found["lists"], found["waiting"]["lists"]) == ([], 1)
    assert found["waiting"]["next_on"] > "2024-07-19"


def test_the_page_holds_both_languages_and_the_report_its_figures(golden: Path, models: Models, tmp_path: Path) -> None:
    earlier(golden, models, tmp_path)
    keep_list(tmp_path, golden, int(read_plan(golden / "data" / "snapshots").churn_dates[-1]))
    report = looked_at(golden, models, tmp_path)
    write_report(report, tmp_path / "monitor.json", tmp_path / "monitor.html", language="zh")
    page = (tmp_path / "monitor.html").read_text(encoding="utf-8")
    for finding in json.loads((tmp_path / "monitor.json").read_bytes())["verdict"]["findings"]:
        assert finding["zh"] in page
    assert page.index("\u672c\u6b21\u8fd0\u884c\u7684\u76d1\u63a7") < page.index("Monitoring of this run")
    assert "<script" not in page


def test_the_same_run_gives_the_same_bytes(golden: Path, models: Models, tmp_path: Path) -> None:
    earlier(golden, models, tmp_path)
    first, second = (json.dumps(looked_at(golden, models, tmp_path), sort_keys=True) for _ in range(2))
    assert first == second
