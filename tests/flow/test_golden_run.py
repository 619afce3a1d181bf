from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import PROJECT, TO_LISTS, another, few_trees, options, results, run

import churnml.histories.prepare as preparing
from churnml.config import ExportTarget, load_params
from churnml.flow.export_on_demand import export_on_demand
from churnml.flow.judge import evaluate
from churnml.wording import catalogue

AS_OF = pa.scalar(datetime(2024, 6, 30, tzinfo=UTC), pa.timestamp("us", tz="UTC"))
COLUMNS = [
    *("customer_id", "as_of", "p_churn", "p_churn_30d", "p_churn_90d", "p_churn_180d", "p_churn_365d"),
    *("expected_days", "contact_by", "p_leave", "clv", "clv_low", "clv_high", "value_at_risk", "value_at_stake"),
    *("value_tier", "risk_band"),
    *("reason_1", "reason_2", "reason_3", "model_version"),
]


def scores_of(folder: Path) -> pa.Table:
    return pq.read_table(folder / "data" / "scored" / "scores.parquet")


def listed(folder: Path, name: str) -> list[str]:
    """Return the customers of a list; the id stands in the column of its English heading."""
    with (folder / "data" / "lists" / "retention" / name).open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    place = next(i for i, title in enumerate(head) if title.lower().startswith("customer"))
    return [row[place] for row in rows]


def raw_tables(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "simulated").glob("*.parquet"))


def test_scores_have_the_columns_others_build_on(golden: Path) -> None:
    scores = scores_of(golden)
    assert scores.column_names == COLUMNS
    assert pc.unique(scores["as_of"]).to_pylist() == [AS_OF.as_py()]
    assert pc.all(pc.match_substring_regex(scores["model_version"], "^churn-[0-9a-f]{12}/clv-[0-9a-f]{12}$")).as_py()


def test_every_known_customer_is_scored_once(golden: Path) -> None:
    known = set(pq.read_table(golden / "data" / "simulated" / "customers.parquet")["customer_id"].to_pylist())
    scored = scores_of(golden)["customer_id"].to_pylist()
    assert scored == sorted(known)


def test_only_who_is_at_risk_has_a_probability(golden: Path) -> None:
    orders = pq.read_table(golden / "data" / "simulated" / "orders.parquet")
    bought = pc.and_(pc.greater_equal(orders["net_amount"], 0), pc.less_equal(orders["loaded_at"], AS_OF))
    recent = pc.greater(orders["ordered_at"], pc.subtract(AS_OF, pa.scalar(timedelta(days=90))))
    at_risk = set(orders.filter(pc.and_(bought, recent))["customer_id"].to_pylist())
    scores = scores_of(golden)
    has_probability = scores.filter(pc.is_valid(scores["p_churn"]))
    assert set(has_probability["customer_id"].to_pylist()) == at_risk
    others = scores.filter(pc.is_null(scores["p_churn"]))
    assert set(others["risk_band"].to_pylist()) == {"not_at_risk"}
    assert others["clv"].null_count == others["reason_1"].null_count == others.num_rows


def test_figures_of_scored_customers_fit_together(golden: Path) -> None:
    scores = scores_of(golden)
    scores = scores.filter(pc.is_valid(scores["p_churn"]))
    p, clv, low, high = (scores[name].to_numpy() for name in ("p_churn", "clv", "clv_low", "clv_high"))
    assert np.all((p > 0) & (p < 1))
    assert np.all((low <= clv) & (clv <= high))
    np.testing.assert_array_equal(scores["value_at_risk"].to_numpy(), p * clv)
    assert set(scores["value_tier"].to_pylist()) == {"A", "B", "C"}
    assert scores["reason_1"].null_count < scores.num_rows / 10


def test_everybody_is_on_exactly_one_list(golden: Path) -> None:
    lists = [listed(golden, f"{name}.csv") for name in ("contact", "holdout", "excluded")]
    together = [customer for customers in lists for customer in customers]
    assert sorted(together) == scores_of(golden)["customer_id"].to_pylist()
    assert len(lists[0]) == 30


def test_an_export_is_made_from_the_stored_list(golden: Path, tmp_path: Path) -> None:
    params = load_params(golden / "params.yaml")
    entry = params.exports.model_copy(update={"targets": (ExportTarget(target="hubspot", id="customer_id"),)})
    params = params.model_copy(update={"exports": entry})
    made, folder = export_on_demand(params, root=golden, target="hubspot", out=tmp_path / "hubspot", edition="paid")
    with (folder / made["parts"][0]["file"]).open(encoding="utf-8", newline="") as stream:
        found = [row["Record ID"] for row in csv.DictReader(stream)]
    assert found == listed(golden, "contact.csv")
    assert made["edition"] == "paid"


def test_figures_of_the_backtests_are_written(golden: Path, tmp_path: Path) -> None:
    judged = evaluate(
        load_params(golden / "params.yaml"),
        backtests={name: golden / "data" / "backtest" / name for name in ("churn", "clv")},
        metrics=tmp_path / "metrics.json",
        details=tmp_path / "evaluation.json",
        plots=tmp_path / "plots",
        page=tmp_path / "evaluation.html",
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(judged) == set(metrics) == {"churn", "clv"}
    assert 0.5 < metrics["churn"]["roc_auc"] <= 1
    plots = {path.name for path in (tmp_path / "plots").iterdir()}
    curves = {"gains.csv", "roc.csv", "reliability.csv", "reliability_latest.csv", "lead_time.csv", "value_deciles.csv"}
    assert plots == curves
    judged = json.loads((tmp_path / "evaluation.json").read_text())
    assert {"latest", "capture", "lift_10"} <= set(metrics["churn"])
    shares = {date: cut["models"]["churnml"]["empc_share"] for date, cut in judged["churn"]["by_cut_off"].items()}
    assert metrics["churn"]["empc_share_by_cut_off"] == shares
    assert min(shares.values()) <= metrics["churn"]["empc_share"] <= max(shares.values())
    assert {"tenure", "customers_country"} <= {part["by"] for part in judged["churn"]["slices"]}
    assert {reason["rule"] for reason in judged["churn"]["verdict"]["reasons"]} <= set(catalogue())


def shuffled(folder: Path) -> None:
    draw = np.random.default_rng(0)
    for path in raw_tables(folder):
        table = pq.read_table(path)
        pq.write_table(table.take(pa.array(draw.permutation(table.num_rows))), path)


def with_a_later_life(folder: Path) -> None:
    """Append every row again twenty years later, and of customers nobody knows yet."""
    for path in raw_tables(folder):
        table = pq.read_table(path)
        if path.name != "customers.parquet":
            pq.write_table(pa.concat_tables([table, much_later(table)]), path)


def much_later(table: pa.Table) -> pa.Table:
    years = pa.scalar(7300 * 86_400_000_000, pa.duration("us"))
    for place, name in enumerate(table.column_names):
        if pa.types.is_timestamp(table[name].type):
            table = table.set_column(place, name, pc.add(table[name], years).cast(table[name].type))
        if name == "customer_id":
            ids = pc.if_else(
                pc.ends_with(table[name], "1"), pc.binary_join_element_wise(table[name], "new", "-"), table[name]
            )
            table = table.set_column(place, name, ids)
    return table


def in_many_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_BUCKET_BYTES", 1 << 17)


def test_same_histories_give_the_same_bytes_whatever_the_way(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, rows in another order, rows after as_of, one thread, more buckets: all at once."""
    folder = another(tmp_path / "again", golden, {"train": {"threads": 1}})
    with_a_later_life(folder)
    shuffled(folder)
    in_many_buckets(monkeypatch)
    assert run(folder, *TO_LISTS) == 0
    assert len(list((folder / "data" / "prepared" / "orders").iterdir())) > 4
    assert results(folder) == results(golden)


@pytest.mark.slow
@pytest.mark.parametrize("change", [shuffled, with_a_later_life, lambda folder: None], ids=["order", "later", "again"])
def test_one_change_alone_moves_no_byte(change: Callable[[Path], None], golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "again", golden)
    change(folder)
    assert run(folder, *TO_LISTS) == 0
    assert results(folder) == results(golden)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_move_no_byte(threads: int, golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "again", golden, {"train": {"threads": threads}})
    assert run(folder, *TO_LISTS) == 0
    assert results(folder) == results(golden)


def test_results_name_every_file_of_a_campaign(golden: Path) -> None:
    found = results(golden)
    lists = {name.rpartition("/")[2] for name in found if name.startswith("data/lists/retention/")}
    tables = {f"{name}.csv" for name in ("contact", "delta", "excluded", "holdout")}
    parquet = {f"{name}.parquet" for name in ("contact", "decisions", "work")}
    assert lists == {*tables, *parquet, "contact.xlsx", "index.html", "manifest.json"}
    assert {"models/churn/model.txt", "models/churn/model.json", "models/clv/model.txt"} <= set(found)


NO_VALUE = {"clv": None}
FEW_TABLES = {"histories": {"tables": {"surveys": None, "changes": None}}}
SPELL_END = {"definition": "spell_end", "table": "subscriptions", "horizon_days": 120, "grace_days": 7}
EVENT = {"definition": "event", "table": "tickets", "event": {"column": "topic", "values": ["service", "account"]}}
LABEL = {"definition": "label", "table": "customers", "label": "has_left"}


def with_labels(folder: Path, golden: Path) -> set[str]:
    """Add a yes/no column to the customers, empty for every seventh; return those who have left."""
    path = folder / "data" / "simulated" / "customers.parquet"
    people, truth = pq.read_table(path), pq.read_table(golden / "data" / "simulated_truth" / "customers.parquet")
    alive = truth["is_alive"].to_pylist()
    words = [None if i % 7 == 0 else "no" if is_alive else "yes" for i, is_alive in enumerate(alive)]
    pq.write_table(people.append_column("has_left", pa.array(words, pa.string())), path)
    return {name for name, word in zip(people["customer_id"].to_pylist(), words, strict=True) if word == "yes"}


def assert_lists_without_values(folder: Path) -> None:
    scores = scores_of(folder)
    assert scores.column_names == COLUMNS
    assert scores["clv"].null_count == scores.num_rows
    assert scores.num_rows - scores["p_churn"].null_count > 20
    assert (folder / "models" / "clv" / "absent.json").exists()
    assert listed(folder, "contact.csv")


def test_ends_of_spells_can_be_churn(golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "spells", golden, NO_VALUE, FEW_TABLES, {"churn": SPELL_END, "snapshots": {"count": 8}})
    assert run(folder, *TO_LISTS) == 0
    assert_lists_without_values(folder)
    plans = pq.read_table(folder / "data" / "simulated" / "subscriptions.parquet")
    in_force = plans.filter(pc.fill_null(pc.greater(plans["ends_on"], AS_OF), True))
    scores = scores_of(folder)
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))["customer_id"].to_pylist()
    assert set(at_risk) == set(in_force["customer_id"].to_pylist())


def test_an_event_can_be_churn(golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "event", golden, NO_VALUE, FEW_TABLES, {"churn": EVENT})
    assert run(folder, *TO_LISTS) == 0
    assert_lists_without_values(folder)


def test_a_ready_label_can_be_churn(golden: Path, tmp_path: Path) -> None:
    tables = {"histories": {"tables": {"subscriptions": None, "tickets": None}}}
    by_age = {"campaign": {"value_column": "age", "value_periods": 2}}
    folder = another(tmp_path / "label", golden, NO_VALUE, FEW_TABLES, tables, {"churn": LABEL}, by_age)
    gone = with_labels(folder, golden)
    with few_trees():
        assert run(folder, *TO_LISTS) == 0
    ages = pq.read_table(folder / "data" / "simulated" / "customers.parquet", columns=["customer_id", "age"])
    wanted = pc.multiply(ages.sort_by("customer_id")["age"], 2.0).to_pylist()
    assert scores_of(folder)["clv"].to_pylist() == [None if age is None else age for age in wanted]
    assert not gone & set(listed(folder, "contact.csv"))
    counts = json.loads((folder / "reports" / "labels.json").read_text())["by_date"]["2024-06-30"]
    assert counts["churned"] == len(gone)
    assert counts["censored"] == -(-320 // 7)


@pytest.mark.slow
def test_spells_can_carry_both_churn_and_value(golden: Path, tmp_path: Path) -> None:
    changes = {"churn": SPELL_END, "snapshots": {"count": 8}, "clv": {"table": "subscriptions"}}
    folder = another(tmp_path / "spells", golden, changes)
    assert run(folder, *TO_LISTS) == 0
    assert scores_of(folder)["clv"].null_count < 320


@pytest.mark.slow
def test_customers_can_be_observed_on_their_own_clock(golden: Path, tmp_path: Path) -> None:
    folder = another(tmp_path / "joined", golden, {"snapshots": {"anchor": "joined", "at_days": [60, 120]}})
    assert run(folder, *TO_LISTS) == 0
    counts = json.loads((folder / "reports" / "labels.json").read_text())["by_date"]
    assert all(len(month) == len("2024-06") for month in counts if month != "2024-06-30")


def test_nobody_else_can_read_what_the_pipeline_made(golden: Path) -> None:
    places = [Path(path) for name in TO_LISTS for path in options(name).values() if path.startswith("data/")]
    places = [place / "retention" if place.name == "lists" else place for place in places]
    assert {place: (golden / place).stat().st_mode & 0o077 for place in places} == dict.fromkeys(places, 0)


def test_simulated_truth_is_read_by_no_stage() -> None:
    users = [path.name for path in (PROJECT / "pipelines").glob("*.py") if "truth" in path.read_text()]
    assert users == ["simulate.py"]
