from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from test_cli import churnml

from churnml.campaign.record import decisions_about
from churnml.config import load_params
from churnml.errors import DataError
from churnml.flow.explain import explain
from churnml.flow.list_files import keep_records

AS_OF = datetime(2024, 6, 30, tzinfo=UTC)


def profile(golden: Path, customer: str, out: Path, **options: Any) -> dict[str, Any]:
    explain(load_params(golden / "params.yaml"), customer, root=golden, out=out, **options)
    return json.loads((out / "profile.json").read_text(encoding="utf-8"))


def rows(golden: Path, table: str, customer: str) -> list[dict[str, Any]]:
    raw = pq.read_table(golden / f"data/simulated/{table}.parquet")
    return raw.filter(pc.equal(raw["customer_id"], customer)).to_pylist()


@pytest.fixture(scope="module")
def listed(golden: Path) -> dict[str, Any]:
    """Return the decision about the first customer to contact."""
    table = pq.read_table(golden / "data/lists/retention/decisions.parquet")
    return table.filter(pc.equal(table["rank"], 1)).to_pylist()[0]


@pytest.fixture(scope="module")
def found(golden: Path, listed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return profile(golden, listed["customer_id"], tmp_path_factory.mktemp("explain") / "file")


def test_rows_and_money_are_those_of_the_raw_orders(golden: Path, found: dict[str, Any]) -> None:
    orders = [r for r in rows(golden, "orders", found["customer_id"]) if r["loaded_at"] <= AS_OF]
    told = next(each for each in found["history"] if each["table"] == "orders")
    year = [r for r in orders if r["ordered_at"] > AS_OF - timedelta(days=365)]
    assert (told["rows"], told["rows_365d"]) == (len(orders), len(year))
    assert Decimal(told["amount"]) == sum(Decimal(str(round(r["net_amount"], 4))) for r in orders)
    refunds = sum((-Decimal(str(round(r["net_amount"], 4))) for r in orders if r["net_amount"] < 0), Decimal(0))
    assert Decimal(told["refunded"]) == refunds
    assert told["last"] == max(r["ordered_at"] for r in orders).date().isoformat()


def test_quarters_hold_every_row_since_they_begin(found: dict[str, Any]) -> None:
    told = next(each for each in found["history"] if each["table"] == "orders")
    assert sum(each["rows"] for each in found["quarters"]["orders"]) == told["rows"]


def test_risk_and_reasons_are_those_of_the_scores(golden: Path, found: dict[str, Any]) -> None:
    scores = pq.read_table(golden / "data/scored/scores.parquet")
    row = scores.filter(pc.equal(scores["customer_id"], found["customer_id"])).to_pylist()[0]
    assert found["risk"]["p_churn"] == row["p_churn"]
    assert found["risk"]["over_time"][-1] == {"date": "2024-06-30", "p_churn": row["p_churn"], "basis": "unseen"}
    assert [r["code"] for r in found["reasons"]] == [row[f"reason_{k}"] for k in (1, 2, 3) if row[f"reason_{k}"]]


def test_tested_dates_show_what_was_said_without_the_outcome(golden: Path, found: dict[str, Any]) -> None:
    tested = pq.read_table(golden / "data/backtest/churn/predictions.parquet")
    tested = tested.filter(pc.equal(tested["customer_id"].cast(pa.string()), found["customer_id"]))
    wanted = {
        f"{d:%Y-%m-%d}": p
        for d, p in zip(tested["observation_date"].to_pylist(), tested["p_churnml"].to_pylist(), strict=True)
    }
    told = {each["date"]: each["p_churn"] for each in found["risk"]["over_time"] if each["basis"] == "unseen"}
    assert wanted
    assert wanted.items() <= told.items()


def test_the_list_s_decision_is_told(golden: Path, listed: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "data/lists/retention"
    target.mkdir(parents=True)
    (target / "decisions.parquet").write_bytes((golden / "data/lists/retention/decisions.parquet").read_bytes())
    keep_records(tmp_path)
    told = decisions_about(tmp_path / ".churnml/lists", listed["customer_id"], until="2024-06-30")
    assert [(each["campaign"], each["decision"], each["action"]) for each in told] == [
        ("retention", "contact", listed["action"])
    ]
    assert decisions_about(tmp_path / ".churnml/lists", listed["customer_id"], until="2024-06-29") == []


def test_a_file_as_of_an_earlier_date_holds_nothing_later(golden: Path, found: dict[str, Any], tmp_path: Path) -> None:
    then = datetime(2024, 1, 15, tzinfo=UTC)
    old = profile(golden, found["customer_id"], tmp_path / "file", as_of="2024-01-15")
    known = [r for r in rows(golden, "orders", found["customer_id"]) if max(r["ordered_at"], r["loaded_at"]) <= then]
    told = next(each for each in old["history"] if each["table"] == "orders")
    assert told["rows"] == len(known)
    assert all(each["day"] <= "2024-01-15" for each in old["latest"])
    assert all(each["date"] <= "2024-01-15" for each in old["risk"]["over_time"])
    assert old["risk"]["p_churn"] is None
    assert "score" in old["missing"]


def test_the_same_input_gives_the_same_bytes(golden: Path, found: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        profile(golden, found["customer_id"], tmp_path / name)
    made = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert made == ["profile.en.md", "profile.html", "profile.json", "profile.zh.md"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in made)


def test_who_objected_is_not_scored_here_either(
    golden: Path, found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churnml.flow.explain.objector_ids", lambda _: pa.array([found["customer_id"]]))
    params = load_params(golden / "params.yaml")
    silent = params.model_copy(update={"campaign": params.campaign.model_copy(update={"score_objectors": False})})
    explain(silent, found["customer_id"], root=golden, out=tmp_path / "file")
    old = json.loads((tmp_path / "file/profile.json").read_text(encoding="utf-8"))
    assert old["risk"]["over_time"] == []
    assert old["risk"]["p_churn"] is None
    assert old["reasons"] == []


def test_an_unknown_customer_is_refused_without_the_id(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = churnml("explain", "CANARY-77", "--out", str(tmp_path / "file"), folder=golden)
    said = capsys.readouterr()
    assert code == 3
    assert "no table has a row of this customer" in said.err
    assert "CANARY" not in said.err + said.out
    assert not (tmp_path / "file").exists()


def test_before_the_first_row_there_is_no_history(golden: Path, found: dict[str, Any], tmp_path: Path) -> None:
    old = profile(golden, found["customer_id"], tmp_path / "file", as_of="2019-01-01")
    assert [each["rows"] for each in old["history"]] == [0] * len(old["history"])
    with pytest.raises(DataError, match="no table has a row"):
        profile(golden, f"{found['customer_id']}x", tmp_path / "other", as_of="2019-01-01")


def test_the_command_shows_the_file_on_request(
    golden: Path, found: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("explain", found["customer_id"], "--out", str(tmp_path / "file"))
    assert churnml(*words, folder=golden) == 0
    assert found["customer_id"] not in capsys.readouterr().out.replace(str(tmp_path), "")
    assert churnml(*words, "--show", folder=golden) == 0
    assert f"# Customer {found['customer_id']}" in capsys.readouterr().out
