"""Carrying of value beyond its labels is checked on shorter horizons, and told beside the agreement with churn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import TO_LISTS, another, run, small_params

import churnml.flow.learn as learning
from churnml.config import Params
from churnml.errors import DataError
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import FeatureSpec
from churnml.evaluation.folds import Fold
from churnml.flow.learning import LearnableRows, LearningTask
from churnml.flow.predictions import read_predictions
from churnml.flow.score import load_models
from churnml.flow.value_carry import _extension
from churnml.snapshots.spine import SnapshotPlan
from churnml.timeline import DAY_US

SPELL_END = {"definition": "spell_end", "table": "subscriptions", "horizon_days": 120, "grace_days": 7}


def meta_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "models" / "clv" / "model.json").read_text())["meta"]


def test_the_record_says_how_carried_values_came_out_on_shorter_horizons(golden: Path) -> None:
    meta = meta_of(golden)
    extension = meta["extension"]
    assert extension["to_days"] == meta["horizon_days"] < 365
    assert extension["from_days"] == meta["horizon_days"] // 2
    assert 0.5 < extension["ratio"] < 2
    assert min(1, extension["ratio"]) <= extension["correction"] <= max(1, extension["ratio"])
    assert "Carried beyond its labels" in (golden / "models" / "clv" / "card.md").read_text()


def test_the_record_says_whether_churn_and_value_agree(golden: Path) -> None:
    agreement = meta_of(golden)["agreement"]
    assert agreement["spearman"] > 0.2
    assert agreement["contradictions"] < 0.5


@pytest.mark.slow
def test_contracts_too_long_to_learn_are_worth_what_they_pay(golden: Path, tmp_path: Path) -> None:
    changes = {"churn": SPELL_END, "snapshots": {"count": 8}, "clv": {"table": "subscriptions", "horizon_days": 1095}}
    folder = another(tmp_path / "spells", golden, changes)
    assert run(folder, *TO_LISTS) == 0
    assert (folder / "models" / "clv" / "absent.json").exists()
    scores = pq.read_table(folder / "data" / "scored" / "scores.parquet")
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))
    assert at_risk["clv"].null_count == 0
    assert min(at_risk["clv"].to_pylist()) >= 0 < max(at_risk["clv"].to_pylist())
    assert scores["clv_low"].null_count == scores.num_rows


def test_what_contracts_brought_is_carried_by_the_probability_of_staying() -> None:
    params = Params.model_validate(
        small_params({"churn": SPELL_END, "clv": {"table": "subscriptions", "discount_rate_yearly": 0.0}})
    )
    classifier = ChurnClassifier()
    classifier.hazard_ = None
    # Half of them leave within 120 days: within 60 and 120 days they stay for 50.7 and 86.6 days on average.
    classifier.churn_probability = lambda X: np.full(len(X), 0.5)
    table = pa.table({"a": pa.array([1.0, 2.0] * 20, pa.float32())})
    rows = LearnableRows(table, np.full(40, 8.66), np.zeros(40, np.int64), np.arange(40) // 2, np.full(40, 10.14))
    plan = SnapshotPlan(0, np.array([0]), np.array([0]), 120 * DAY_US)
    task = LearningTask(rows, plan, [], Fold("final", np.arange(40)), True, {}, 120.0)
    found = _extension(params, task, rows.half, classifier, FeatureSpec(("a",), {}))
    assert found["from_days"] == 60.0
    assert found["ratio"] == pytest.approx(0.5, abs=1e-3)
    assert found["n"] == 20


@pytest.mark.parametrize(("table", "noted"), [("subscriptions", True), ("orders", False)])
def test_only_contracts_are_valued_where_no_value_can_be_learned(
    table: str, noted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise DataError("every value is the same", rule="data.constant_target", column="value", count=9)

    monkeypatch.setattr(learning, "value_task", nothing)
    params = Params.model_validate(small_params({"churn": SPELL_END, "clv": {"table": table}}))
    inputs = {name: tmp_path / name for name in ("features", "labels", "spine", "churn_model")}
    outputs = {"model": tmp_path / "clv", "backtest": tmp_path / "backtest", "root": tmp_path}
    if not noted:
        with pytest.raises(DataError, match="every value is the same"):
            learning.train_value(params, **inputs, **outputs)
        return
    learning.train_value(params, **inputs, **outputs)
    assert "what contracts pay" in (outputs["model"] / "absent.json").read_text()
    assert read_predictions(outputs["backtest"]) is None
    monkeypatch.setattr("churnml.flow.score.load", lambda *_, **__: None)
    assert load_models(tmp_path, outputs["model"]).value is None
