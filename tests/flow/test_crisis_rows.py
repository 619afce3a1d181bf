"""Snapshots whose outcome lies in a crisis: kept, down-weighted or left out, as known at each date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from crisis_params import BASE, day
from memory_history import memory_history
from small_company import few_trees, run, write_params

from churnml.config import Params, load_params
from churnml.evaluation.folds import Fold, OrderedRows
from churnml.flow.crisis_rows import with_crises
from churnml.flow.learning import LearnableRows, LearningTask
from churnml.snapshots.spine import SnapshotPlan
from churnml.timeline import DAY_US, OutcomeWindow

DATES = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]
WHO = ["a", "b"]
WINDOW = OutcomeWindow.of_days(horizon_days=30)
MARCH = {"name": "fire", "type": "operations", "start": "2024-03-05", "end": "2024-03-20"}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Params]:
    def of(crisis: dict[str, Any], **guard: Any) -> Params:
        path = tmp_path / "params.yaml"
        path.write_text(BASE + yaml.safe_dump({"crises": [crisis], "guard": guard}), encoding="utf-8")
        return load_params(path)

    return of


def task() -> LearningTask:
    """Two customers on five dates; two folds are tested on the last dates, the final one learns from all."""
    dates = np.repeat([day(each) for each in DATES], len(WHO))
    table = pa.table({"customer_id": WHO * len(DATES), "observation_date": pa.array(dates, pa.timestamp("us", "UTC"))})
    rows = LearnableRows(table, np.zeros(10), dates, np.tile([0, 1], 5))
    numbers = np.arange(10)
    folds = [Fold("april", numbers[:4], test=numbers[6:8]), Fold("may", numbers[:6], test=numbers[8:])]
    plan = SnapshotPlan.__new__(SnapshotPlan)
    object.__setattr__(plan, "as_of", day("2024-06-30"))
    return LearningTask(rows, plan, folds, Fold("final", numbers[:6], numbers[6:]), True, {}, 30.0)


def lying_in(crisis: dict[str, Any], who: str = "ab") -> list[int]:
    """Return the rows by a plain loop: the outcome is (t, t + 30 days]."""
    start, end = day(crisis["start"]), day(crisis["end"])
    found = []
    for number in range(10):
        at = day(DATES[number // 2])
        shares = any(start <= at + k * DAY_US < end for k in range(1, 31))
        if shares and WHO[number % 2] in who:
            found.append(number)
    return found


def test_kept_rows_teach_as_before_and_are_counted(load: Callable[..., Params]) -> None:
    before = task()
    found, facts = with_crises(load(MARCH), before, None, WINDOW)
    assert found.folds == before.folds
    assert facts["training"] == "keep"
    assert (facts["n_rows"], facts["n_snapshots"]) == (10, len(lying_in(MARCH)))
    assert facts["crises"][0]["name"] == "fire"


def test_rows_left_out_are_those_whose_outcome_shares_a_day(load: Callable[..., Params]) -> None:
    found, _ = with_crises(load(MARCH, training="leave_out"), task(), None, WINDOW)
    final = set(found.final.train) | set(found.final.valid)
    assert final == set(range(10)) - set(lying_in(MARCH))
    assert set(found.folds[1].train) == set(range(6)) - set(lying_in(MARCH))
    assert list(found.folds[1].test) == [8, 9]


def test_a_fold_does_not_know_a_crisis_that_became_known_later(load: Callable[..., Params]) -> None:
    late = {**MARCH, "known_at": "2024-04-15"}
    found, _ = with_crises(load(late, training="leave_out"), task(), None, WINDOW)
    assert list(found.folds[0].train) == [0, 1, 2, 3]
    assert set(found.folds[1].train) == set(range(6)) - set(lying_in(MARCH))


def test_lighter_rows_count_the_weight(load: Callable[..., Params]) -> None:
    found, facts = with_crises(load(MARCH, training="down_weight", weight=0.2), task(), None, WINDOW)
    learning = OrderedRows.of(found.rows.table, found.rows.y).learning(found.final, half_life_days=None)
    assert facts["weight"] == 0.2
    assert learning.weight is not None
    assert np.flatnonzero(learning.weight == 0.2).tolist() == lying_in(MARCH)


def test_a_scope_concerns_its_own_customers_alone(load: Callable[..., Params]) -> None:
    people = [{"id": "a", "c:segment": "x"}, {"id": "b", "c:segment": "y"}]
    history = memory_history(day("2024-06-30"), {"customers": ("customers", people)})
    crisis = {**MARCH, "scope": "segment=y"}
    found, _ = with_crises(load(crisis, training="leave_out"), task(), history, WINDOW)
    assert set(found.final.train) == set(range(6)) - set(lying_in(crisis, who="b"))


@pytest.mark.parametrize("more", [{"severity": "minor"}, {"start": "2025-01-01", "end": "2025-02-01"}])
def test_minor_or_later_crises_change_nothing(load: Callable[..., Params], more: dict[str, str]) -> None:
    before = task()
    found, facts = with_crises(load({**MARCH, **more}, training="leave_out"), before, None, WINDOW)
    assert facts == {}
    assert list(found.final.train) == list(before.final.train)


def test_the_model_says_what_was_done(golden: Path, tmp_path: Path) -> None:
    for part in ("prepared", "features", "labels", "snapshots"):
        shutil.copytree(golden / "data" / part, tmp_path / "data" / part)
    crisis = {**MARCH, "scope": "segment=premium"}
    write_params(tmp_path, {"crises": [crisis], "guard": {"training": "down_weight", "weight": 0.1}})
    with few_trees(20):
        assert run(tmp_path, "configure", "train_churn") == 0
    model = json.loads((tmp_path / "models/churn/model.json").read_text())
    said = model["meta"]["crises"] if "meta" in model else model["crises"]
    assert (said["training"], said["weight"], said["crises"][0]["name"]) == ("down_weight", 0.1, "fire")
    assert 0 < said["n_snapshots"] < said["n_rows"]
    assert "each counted 0.1" in (tmp_path / "models/churn/card.md").read_text()
    before = json.loads((golden / "models/churn/model.json").read_text())
    assert "crises" not in before.get("meta", before)
