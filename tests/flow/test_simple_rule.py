"""In a crisis the agreed simple rule scores in the model's place, where it is agreed on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_company import run, write_params
from test_cli import churnml

from churnml.config import load_params
from churnml.errors import ModelError
from churnml.estimators.artifact import load
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.simple_rule import rule_in_place
from churnml.histories.crises import Regime
from churnml.histories.store import open_history
from churnml.parquet import read_parquet

CRISIS = {"name": "fire", "type": "operations", "start": "2024-06-01"}


@pytest.fixture
def project(golden: Path, tmp_path: Path) -> Path:
    shutil.copytree(golden / "models", tmp_path / "models")
    for part in ("simulated", "prepared", "features", "backtest"):
        shutil.copytree(golden / "data" / part, tmp_path / "data" / part)
    return tmp_path


def scores(project: Path, **changes: object) -> dict[str, dict[str, object]]:
    write_params(project, changes)
    assert run(project, "configure", "score") == 0
    rows = read_parquet(project / "data/scored/scores.parquet").to_pylist()
    return {row["customer_id"]: row for row in rows if row["p_churn"] is not None}


def test_the_rule_scores_by_days_since_the_last_purchase_alone(project: Path) -> None:
    found = scores(project, crises=[CRISIS], guard={"fallback": "recency"})
    state = json.loads((project / "models/churn/model.json").read_text())
    rule = state.get("meta", state)["simple_rule"]
    history = open_history(project / "data/prepared")
    rows = read_buckets(project / "data/features", keep=lambda _, table: observed_at(table, history.as_of))
    days = dict(zip(rows["customer_id"].cast("string").to_pylist(), rows[rule["column"]].to_pylist(), strict=True))
    for customer, row in found.items():
        score = (np.log1p(days[customer]) - rule["centre"]) / rule["spread"]
        p = 1 / (1 + np.exp(-(rule["slope"] * score + rule["intercept"])))
        assert row["p_churn"] == pytest.approx(p, abs=1e-6)
        assert row["model_version"].endswith(", by recency alone")


def test_without_agreement_or_crisis_the_champion_scores(project: Path, golden: Path) -> None:
    usual = read_parquet(golden / "data/scored/scores.parquet")
    scores(project, crises=[CRISIS])
    assert read_parquet(project / "data/scored/scores.parquet").equals(usual)
    scores(project, guard={"fallback": "recency"})
    assert read_parquet(project / "data/scored/scores.parquet").equals(usual)


def test_scores_on_demand_name_the_rule_and_the_regime(project: Path) -> None:
    write_params(project, {"crises": [CRISIS], "guard": {"fallback": "recency"}})
    assert churnml("score", "--model", "models/churn", "--out", "fresh.parquet", folder=project) == 0
    said = json.loads((project / "fresh.parquet.manifest.json").read_text())
    assert (said["simple_rule"], said["regime"]["state"]) == ("recency", "crisis")


def test_a_model_without_a_rule_is_refused(project: Path) -> None:
    write_params(project, {"guard": {"fallback": "recency"}})
    model = load(project / "models/churn", trusted=True)
    model.meta.pop("simple_rule")
    with pytest.raises(ModelError, match="no simple rule"):
        rule_in_place(load_params(project / "params.yaml"), Regime("crisis"), model)
