"""The stage campaign on the small company: what is kept from list to list, and what is asked when a list is made."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from page_reader import PageReader
from small_company import results, run, write_params

from churnml.campaign.holdout import LEDGER
from churnml.config import Params, load_params
from churnml.flow import score as scoring
from churnml.flow.known import customer_attributes, past_contact_rows
from churnml.histories.store import open_history
from churnml.parquet import read_parquet

KEPT = "data/holdouts/retention.parquet"


@pytest.fixture
def copied(golden: Path, tmp_path: Path) -> Path:
    for part in ("prepared", "labels", "scored", "resolved", "holdouts", "lists"):
        shutil.copytree(golden / "data" / part, tmp_path / "data" / part)
    return tmp_path


def arms(folder: Path) -> dict[str, str]:
    rows = read_parquet(folder / KEPT).to_pylist()
    return {row["customer_id"]: row["arm"] for row in rows}


def test_a_second_run_gives_the_same_bytes_and_keeps_every_arm(golden: Path, copied: Path) -> None:
    assert run(copied, "campaign") == 0
    lists = {name: digest for name, digest in results(golden).items() if name.startswith("data/lists/")}
    assert {name: digest for name, digest in results(copied).items() if name in lists} == lists
    assert (copied / KEPT).read_bytes() == (golden / KEPT).read_bytes()
    assert read_parquet(copied / KEPT).schema.names == LEDGER.names


def test_other_rules_change_nobodys_arm(copied: Path) -> None:
    before = arms(copied)
    write_params(
        copied, {"campaign": {"holdout_share": 0.4, "eligibility": [{"column": "p_churn", "max": 0.4, "why": "x"}]}}
    )
    assert run(copied, "configure", "campaign") == 0
    after = arms(copied)
    assert {customer: after[customer] for customer in before} == before
    held = {customer for customer, arm in after.items() if arm == "holdout"}
    contacts = read_parquet(copied / "data" / "lists" / "retention" / "contact.parquet")
    assert held.isdisjoint(contacts["customer_id"].to_pylist())


def test_a_damaged_ledger_is_no_reason_to_draw_again(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / KEPT).write_bytes((copied / KEPT).read_bytes()[:-20])
    assert run(copied, "campaign") == 3
    assert "retention.parquet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("campaign", "said"),
    [
        ({"effective_from": "2024-07-01"}, "campaign.effective_from: no rules are in effect"),
        ({"stop_on": "2024-06-30"}, "campaign.stop_on: the campaign makes no contact after"),
        ({"playbook": "none.csv"}, "none.csv"),
    ],
)
def test_what_forbids_a_list_is_configuration(
    copied: Path, capsys: pytest.CaptureFixture[str], campaign: dict[str, str], said: str
) -> None:
    write_params(copied, {"campaign": campaign})
    assert run(copied, "configure", "campaign") == 2
    assert said in capsys.readouterr().err


def test_objectors_are_left_without_any_figure_where_so_configured(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data" / "prepared")
    scores = read_parquet(golden / "data" / "scored" / "scores.parquet")
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))["customer_id"].to_pylist()[:3]
    monkeypatch.setattr(scoring, "objector_ids", lambda *_, **__: pa.array(at_risk))
    quiet = params.model_copy(update={"campaign": params.campaign.model_copy(update={"score_objectors": False})})
    again, all_scored = (_scored(golden, each, history, tmp_path) for each in (quiet, params))
    rows = [row for row in again.to_pylist() if row["customer_id"] in at_risk]
    blank = {name for name in again.column_names if name not in {"customer_id", "as_of", "model_version"}}
    assert [{name: row[name] for name in blank} for row in rows] == [dict.fromkeys(blank)] * 3
    assert again["customer_id"].equals(all_scored["customer_id"])
    assert all_scored["p_churn"].equals(scores["p_churn"])


def _scored(golden: Path, params: Params, history, folder: Path) -> pa.Table:
    models = scoring.load_models(golden / "models" / "churn", golden / "models" / "clv")
    scoring.score(params, history, models, folder / "s.parquet", features=golden / "data" / "features", backtest=None)
    return read_parquet(folder / "s.parquet")


def test_rules_get_the_columns_they_ask_for_and_no_other(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data" / "prepared")
    found = customer_attributes(params, params.campaign, history)
    assert found is not None
    assert (found.column_names, found.num_rows) == (["customer_id", "segment"], 320)
    assert past_contact_rows(params, history) is None


def test_in_a_crisis_every_list_says_so_where_it_is_read(copied: Path) -> None:
    crisis = {"name": "fire", "type": "operations", "start": "2024-06-01", "end": "2024-09-01"}
    rule = {"name": "rise", "table": "changes", "type": "price_change", "first_day": None, "on": "2023-12-08"}
    del rule["first_day"]
    write_params(copied, {"crises": [crisis], "lists": {"affected": [rule]}})
    assert run(copied, "configure", "campaign") == 0
    for name in ("retention", "rise"):
        folder = copied / "data" / "lists" / name
        flag = json.loads((folder / "manifest.json").read_text())["regime"]
        assert (flag["state"], flag["until"], flag["crises"][0]["name"]) == ("crisis", "2024-09-01", "fire")
        files = sorted(folder.glob("*.csv"))
        assert files
        for path in (each for each in files if each.name != "delta.csv"):
            rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
            assert {row["Regime"] for row in rows} <= {"Crisis"}, path.name
        page = PageReader((folder / "index.html").read_bytes()).text
        assert "not in its normal regime: Operational crisis “fire” (serious; all customers)" in page


def test_in_the_normal_regime_no_list_has_the_column(golden: Path) -> None:
    folder = golden / "data" / "lists" / "retention"
    assert json.loads((folder / "manifest.json").read_text())["regime"]["state"] == "normal"
    assert "Regime" not in (folder / "contact.csv").read_text(encoding="utf-8-sig").splitlines()[0]
