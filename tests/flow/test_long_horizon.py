"""A horizon longer than any label: a shorter one is learned and carried, and everything that is written says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import TO_LISTS, another, few_trees, run

from churnml.config import load_params
from churnml.estimators.artifact import load
from churnml.estimators.carry import Carry
from churnml.estimators.churn import ChurnClassifier
from churnml.flow.learn import churn_carry
from churnml.flow.spine import read_plan
from churnml.timeline import DAY_US

ASKED = 900
"""The simulated company is 20 months old."""


@pytest.fixture(scope="module")
def long(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project folder in which silence over a horizon longer than the history has been learned and scored."""
    changes = {"churn": {"horizon_days": ASKED, "active_within_days": 365}, "clv": None}
    folder = another(tmp_path_factory.mktemp("long") / "project", golden, changes)
    with few_trees():
        assert run(folder, *TO_LISTS) == 0
    return folder


def learned_days(folder: Path) -> float:
    return read_plan(folder / "data" / "snapshots").churn_horizon_us / DAY_US


def test_the_model_says_what_was_learned_and_what_was_asked_for(long: Path) -> None:
    meta = load(long / "models" / "churn", trusted=True).meta
    assert meta["horizon_days"] == ASKED
    assert meta["learned_horizon_days"] == learned_days(long)
    assert 14 <= meta["learned_horizon_days"] < 365


def test_silence_over_the_longer_horizon_is_less_likely_in_the_same_order(long: Path) -> None:
    model = load(long / "models" / "churn", trusted=True).model
    assert isinstance(model, ChurnClassifier)
    assert model.carry_.of_silence
    assert model.carry_.shift < 0
    p = np.linspace(0.01, 0.99, 99)
    assert np.all(model.carry_(p) < p)
    assert model.carry_(p)[80] > 0.1


def test_scores_are_of_the_horizon_asked_for_and_agree_with_each_other(long: Path) -> None:
    scores = pq.read_table(long / "data" / "scored" / "scores.parquet")
    scores = scores.filter(pc.is_valid(scores["p_churn"]))
    names = ["p_churn_30d", "p_churn_90d", "p_churn_180d", "p_churn_365d", "p_churn"]
    assert scores.num_rows > 50
    steps = np.diff(np.column_stack([scores[name].to_numpy() for name in names]), axis=1)
    assert np.all(steps < 0)
    due = pc.subtract(scores["contact_by"].cast("int64"), scores["as_of"].cast("int64")).to_numpy() / DAY_US
    assert np.all((due >= 0) & (due <= ASKED))
    assert scores["reason_1"].null_count < scores.num_rows / 5


def test_labels_are_of_the_shorter_horizon(long: Path) -> None:
    by_date = json.loads((long / "reports" / "labels.json").read_text())["by_date"]
    learned = {date: counts for date, counts in by_date.items() if counts["churned"]}
    assert len(learned) >= 2
    assert all(counts["stayed"] for counts in learned.values())


def test_without_a_hazard_a_model_of_purchases_carries_and_without_one_a_constant_rate(long: Path) -> None:
    params, plan = load_params(long / "params.yaml"), read_plan(long / "data" / "snapshots")
    loaded, features = load(long / "models" / "churn", trusted=True), long / "data" / "features"
    bare = ChurnClassifier()
    bare.hazard_ = None
    how = {"fitted": bare, "spec": loaded.spec}
    by_purchases = churn_carry(params, plan, features, **how, learned_days=learned_days(long))
    assert by_purchases.shift < 0
    assert by_purchases.power == 1.0
    # Of 33 days no feature tells.
    by_rate = churn_carry(params, plan, features, **how, learned_days=33.0)
    assert by_rate == Carry(power=ASKED / 33, of_silence=True)
    assert churn_carry(params, plan, features, **how, learned_days=float(ASKED)) == Carry()
