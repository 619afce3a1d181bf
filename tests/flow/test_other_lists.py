from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from small_company import run, write_params
from test_cli import churnml, error_of

from churnml.parquet import write_parquet


def write_scores(folder: Path) -> None:
    ids = pq.read_table(folder / "data/simulated/customers.parquet")["customer_id"].sort()
    n, rng = len(ids), np.random.default_rng(3)
    p = np.where(rng.random(n) < 0.6, rng.random(n), np.nan)
    clv = np.where(np.isnan(p), np.nan, rng.gamma(2, 50, n))
    columns = {name: pa.array(values, from_pandas=True) for name, values in (("p_churn", p), ("clv", clv))}
    columns |= {"value_at_risk": pa.array(p * clv, from_pandas=True), "risk_band": pa.array(["high"] * n)}
    columns |= {f"reason_{k}": pa.nulls(n, pa.string()) for k in (1, 2, 3)}
    columns |= {"model_version": pa.array(["churn-1"] * n), "value_tier": pa.array(["B"] * n)}
    as_of = pa.array([datetime(2024, 6, 30, tzinfo=UTC)] * n, pa.timestamp("us", "UTC"))
    write_parquet(pa.table({"customer_id": ids, "as_of": as_of, **columns}), folder / "data/scored/scores.parquet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with prepared histories, an announced change, and scores by chance."""
    folder = tmp_path_factory.mktemp("prepared")
    write_params(folder, {"lists": {"affected": [{"name": "rise", "table": "changes", "type": "price"}]}})
    assert run(folder, "configure", "simulate") == 0
    changes = pq.read_table(folder / "data/simulated/company_changes.parquet")
    row = dict.fromkeys(changes.column_names)
    row |= {"starts_at": datetime(2024, 8, 1, tzinfo=UTC), "announced_at": datetime(2024, 6, 20, tzinfo=UTC)}
    row |= {"type": "price", "scope": "segment=premium", "value": 0.1}
    ahead = pa.Table.from_pylist([row], schema=changes.schema)
    pq.write_table(pa.concat_tables([changes, ahead]), folder / "data/simulated/company_changes.parquet")
    assert run(folder, "prepare") == 0
    write_scores(folder)
    return folder


def ids_of(folder: Path, *names: str) -> list[str]:
    parts = [pcsv.read_csv(folder / f"{name}.csv") for name in names]
    return sorted(i for part in parts for i in part["Customer"].to_pylist())


def test_a_configured_change_names_exactly_its_segment(prepared: Path) -> None:
    assert churnml("affected", "rise", folder=prepared) == 0
    found = ids_of(prepared / "data/notices/rise", "contact", "unreachable")
    people = pq.read_table(prepared / "data/simulated/customers.parquet")
    premium = people.filter(pc.equal(people["segment"], "premium"))["customer_id"].to_pylist()
    assert found == sorted(premium)
    rows = pcsv.read_csv(prepared / "data/notices/rise/contact.csv").to_pylist()
    assert {str(row["Contact by"]) for row in rows} == {"2024-07-31"}
    at_risk = [row["Value at risk (EUR)"] for row in rows if row["Value at risk (EUR)"] is not None]
    assert at_risk == sorted(at_risk, reverse=True)


def test_options_name_exactly_the_buyers(prepared: Path) -> None:
    orders = pq.read_table(prepared / "data/simulated/orders.parquet").to_pylist()
    group, channel = orders[0]["product_group"], orders[0]["channel"]
    words = ["--table", "orders", "--where", f"product_group={group}", "--where", f"channel={channel}"]
    days = ["--first-day", "2024-02-01", "--last-day", "2024-03-31"]
    assert churnml("affected", "lot", *words, *days, folder=prepared) == 0
    first, until = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)
    buyers = {
        row["customer_id"]
        for row in orders
        if row["product_group"] == group and row["channel"] == channel and row["net_amount"] >= 0
        if first <= row["ordered_at"] < until and row["loaded_at"] <= datetime(2024, 6, 30, tzinfo=UTC)
    }
    assert buyers
    assert ids_of(prepared / "data/notices/lot", "contact", "unreachable") == sorted(buyers)


def test_a_file_names_the_values(prepared: Path, tmp_path: Path) -> None:
    groups = sorted(set(pq.read_table(prepared / "data/simulated/orders.parquet")["product_group"].to_pylist()))[:2]
    (tmp_path / "values.txt").write_text("\n".join([*groups, "", groups[0]]), encoding="utf-8")
    both = [word for group in groups for word in ("--where", f"product_group={group}")]
    file = ["--where", f"product_group=@{tmp_path / 'values.txt'}"]
    for name, words in (("both", both), ("file", file)):
        assert churnml("affected", name, "--table", "orders", *words, folder=prepared) == 0
    first, second = (ids_of(prepared / "data/notices" / name, "contact", "unreachable") for name in ("both", "file"))
    assert first == second


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        (["nothing"], 2, "config.list"),
        (["x", "--table", "order", "--where", "channel=shop"], 2, "config.table"),
        (["x", "--table", "orders"], 2, "config.missing_key"),
        (["x", "--table", "orders", "--where", "colour=red"], 2, "config.column"),
        (["x", "--table", "orders", "--where", "channel"], 2, "config.option"),
        (["x", "--table", "orders", "--at-least", "items=many"], 2, "config.option"),
        (["x", "--table", "orders", "--where", "channel=@none.txt"], 2, "config.file_missing"),
        (["x", "--table", "orders", "--where", "channel=SHOP"], 3, "data.value_unknown"),
        (["x", "--change", "prices"], 3, "data.change_unknown"),
        (["x", "--change", "price", "--on", "soon"], 2, "config.option"),
        (["../x", "--change", "price"], 2, "config.option"),
        (["x", "--table", "orders", "--first-day", "2024-03-02", "--last-day", "2024-03-01"], 2, "config.order"),
        (["x", "--table", "customers"], 2, "config.table"),
    ],
)
def test_what_cannot_be_asked_is_refused(prepared: Path, words: list[str], code: int, rule: str) -> None:
    assert churnml("affected", *words, folder=prepared) == code
    assert error_of(prepared)["rule"] == rule


def test_the_names_of_lists_are_all_different(tmp_path: Path) -> None:
    write_params(tmp_path, {"lists": {"winback": {"name": "retention"}}})
    assert run(tmp_path, "configure") == 2
    assert error_of(tmp_path)["rule"] == "config.twice"


@pytest.fixture(scope="module")
def listed(prepared: Path) -> Path:
    """Return the same project with its lists made."""
    assert run(prepared, "snapshots", "label", "campaign") == 0
    return prepared


def test_the_stage_writes_every_configured_list(listed: Path) -> None:
    assert {path.name for path in (listed / "data/lists").iterdir()} >= {"retention", "winback", "loyal_alarm", "rise"}
    for name in ("winback", "loyal_alarm", "rise"):
        manifest = json.loads((listed / "data/lists" / name / "manifest.json").read_text("utf-8"))
        assert set(manifest["files"]) == {p.name for p in (listed / "data/lists" / name).iterdir()} - {"manifest.json"}


def test_the_win_back_list_names_only_the_lost_who_agreed_and_may_be_asked(listed: Path) -> None:
    raw = listed / "data/simulated"
    orders = pq.read_table(raw / "orders.parquet")
    known = pc.less_equal(orders["loaded_at"], datetime(2024, 6, 30, tzinfo=UTC))
    bought = pc.and_(known, pc.greater_equal(orders["net_amount"], 0))
    recent = pc.greater(orders["ordered_at"], datetime(2024, 5, 31, tzinfo=UTC))
    bought, recent = orders.filter(bought), orders.filter(pc.and_(bought, recent))
    silent = set(bought["customer_id"].to_pylist()) - set(recent["customer_id"].to_pylist())
    spells = pq.read_table(raw / "subscriptions.parquet").to_pylist()
    dead = {row["customer_id"] for row in spells if row["reason"] == "deceased"}
    people = pq.read_table(raw / "customers.parquet").to_pylist()
    agreed = {r["customer_id"] for r in people if "yes" in (r["consent_email"], r["consent_phone"])}
    at_risk = pq.read_table(listed / "data/scored/scores.parquet")
    at_risk = set(at_risk.filter(pc.is_valid(at_risk["p_churn"]))["customer_id"].to_pylist())
    folder = listed / "data/lists/winback"
    contact, held, left = (set(ids_of(folder, name)) for name in ("contact", "holdout", "excluded"))
    assert contact
    assert contact | held | left == silent
    assert len(contact) + len(held) + len(left) == len(silent)
    assert contact | held <= agreed - dead - at_risk


def test_the_alarm_is_told_and_ends_with_its_code(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = listed / "data/lists/loyal_alarm/alarm.json"
    found = json.loads(path.read_text("utf-8"))
    assert churnml("alarm", folder=listed) == (5 if found["alarm"] else 0)
    assert found["verdict"]["en"] in capsys.readouterr().out
    path.write_text(json.dumps(found | {"alarm": not found["alarm"]}), encoding="utf-8")
    assert churnml("alarm", folder=listed) == (0 if found["alarm"] else 5)
    path.write_text(json.dumps(found), encoding="utf-8")


def test_the_rates_of_before_are_those_of_the_labels(listed: Path) -> None:
    found = json.loads((listed / "data/lists/loyal_alarm/alarm.json").read_text("utf-8"))
    labels = json.loads((listed / "reports/labels.json").read_text("utf-8"))["by_date"]
    rows = [row for group in ("loyal", "tenure", "tier") for row in found["by_date"][group]]
    assert {row["date"] for row in rows} <= set(labels)
    for row in rows:
        assert row["churned"] <= labels[row["date"]]["churned"]
        assert 0 < row["n"] <= labels[row["date"]]["churned"] + labels[row["date"]]["stayed"]


def variant(listed: Path, folder: Path, *changes: dict) -> Path:
    """Return a project with other parameters over the same prepared data, labels and scores."""
    write_params(folder, *changes)
    shutil.copytree(listed / "data", folder / "data", ignore=shutil.ignore_patterns("lists", "simulated*"))
    assert run(folder, "configure", "campaign") == 0
    return folder


STALE = {"histories": {"tables": {"tickets": {"max_age_days": 0}}}, "monitoring": {"when_stale": "mark"}}


def test_a_list_of_stale_tables_says_so_wherever_it_is_read(listed: Path, tmp_path: Path) -> None:
    folder = variant(listed, tmp_path / "old", STALE, {"campaign": {"language": "zh"}})
    for name in ("winback", "loyal_alarm"):
        place, said = folder / "data/lists" / name, "本名单所用的数据已超过约定时效：tickets。"
        assert json.loads((place / "manifest.json").read_text("utf-8"))["stale"] == ["tickets"]
        assert said in (place / "index.html").read_text("utf-8")
        (book,) = place.glob("*.xlsx")
        about = openpyxl.load_workbook(book).worksheets[0]
        assert any(said in str(cell.value) for row in about.iter_rows() for cell in row)
        assert json.loads((listed / "data/lists" / name / "manifest.json").read_text("utf-8"))["stale"] == []


def test_in_chinese(listed: Path, tmp_path: Path) -> None:
    folder = variant(listed, tmp_path / "zh", {"campaign": {"language": "zh"}})
    for name in ("winback", "loyal_alarm"):
        page = (folder / "data/lists" / name / "index.html").read_text("utf-8")
        assert 'lang="zh-Hans"' in page
    assert "客户编号" in (folder / "data/lists/winback/contact.csv").read_text("utf-8-sig").splitlines()[0]


def test_without_a_value_by_probability_and_by_tenure(listed: Path, tmp_path: Path) -> None:
    folder = variant(listed, tmp_path / "none", {"clv": None})
    header = (folder / "data/lists/winback/contact.csv").read_text("utf-8-sig").splitlines()[0]
    assert "Probability of return" in header
    assert "Value after" not in header


def test_a_list_that_cannot_be_made_says_so_in_a_sentence(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = variant(listed, tmp_path / "far", {"lists": {"winback": {"return_within_days": 3650}}})
    assert "winback: not made. At no earlier date" in capsys.readouterr().out
    assert not (folder / "data/lists/winback").exists()
    assumed = {"return_within_days": 3650, "assumed_return": 0.1}
    folder = variant(listed, tmp_path / "assumed", {"lists": {"winback": assumed}})
    rows = pcsv.read_csv(folder / "data/lists/winback/contact.csv").to_pylist()
    assert {row["Probability of return"] for row in rows} <= {0.1}


VISITS = {"kind": "events", "file": "visits.parquet", "id": "customer_id", "time": "visited_at"}
VISITS |= {"categories": ["device"]}
ASSUMED = {"winback": {"assumed_return": 0.2}}
CUSTOMERS = {"categories": ["segment", "acquisition_channel"]}
DEFINITIONS = {
    "spell_end": {"churn": {"definition": "spell_end", "table": "subscriptions", "grace_days": 7}, "lists": ASSUMED},
    "contract_value": {
        "churn": {"definition": "spell_end", "table": "subscriptions"},
        "clv": {"table": "subscriptions", "horizon_days": 90},
        "lists": ASSUMED,
    },
    "event": {
        "churn": {"definition": "event", "table": "visits", "event": {"column": "device", "values": ["tablet"]}},
        "histories": {"tables": {"visits": VISITS}},
    },
    "everybody": {"churn": {"active_within_days": None}},
    "count": {"clv": {"measure": "count"}},
    "label": {
        "churn": {"definition": "label", "table": "customers", "label": "country", "label_values": ["DE", "CN"]},
        "histories": {"tables": {"customers": CUSTOMERS}},
        "lists": ASSUMED,
    },
    "no_contact": {
        "histories": {"tables": {"customers": {"contact": None, "consent": None}}},
        "campaign": {"teams": None},  # teams are made of owners, who are contact data
    },
    "no_consent": {"histories": {"tables": {"customers": {"consent": None}}}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_definition_and_every_set_of_tables_has_its_lists(prepared: Path, tmp_path: Path, name: str) -> None:
    write_params(tmp_path, DEFINITIONS[name])
    shutil.copytree(prepared / "data/simulated", tmp_path / "data/simulated")
    shutil.copytree(prepared / "data/scored", tmp_path / "data/scored")
    assert run(tmp_path, "configure", "prepare", "snapshots", "label", "campaign") == 0
    winback, alarm = (tmp_path / "data/lists" / kind for kind in ("winback", "loyal_alarm"))
    found = json.loads((winback / "manifest.json").read_text("utf-8"))
    dead = {row["customer_id"] for row in spells_of(tmp_path) if row["reason"] == "deceased"}
    assert sum(found["counts"].values()) > 0
    assert dead.isdisjoint(ids_of(winback, "contact", "holdout"))
    assert (found["counts"]["contact"] == 0) == (name == "no_consent")
    verdict = json.loads((alarm / "alarm.json").read_text("utf-8"))
    assert (verdict["alarm"] is None) == (name == "label")
    header = (winback / "contact.csv").read_text("utf-8-sig").splitlines()[0]
    assert ("Reach at" in header) == (name not in {"no_contact", "no_consent"})


def spells_of(folder: Path) -> list[dict]:
    return pq.read_table(folder / "data/simulated/subscriptions.parquet").to_pylist()
