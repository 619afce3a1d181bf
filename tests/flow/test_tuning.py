"""Which rows a search may look at, and that what it finds reaches the models and their record."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from feature_tables import feature_table

from churnml.estimators.artifact import load, save
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.trials import Trial
from churnml.estimators.tuning import Found
from churnml.evaluation.backtest import backtest_churn, fit_final_churn
from churnml.evaluation.folds import Fold
from churnml.evaluation.tuned import search_churn, search_value
from churnml.exports.model_card import card_files
from churnml.flow import tuning as flow_tuning
from churnml.flow.learning import LearnableRows, LearningTask
from churnml.flow.tuning import tune

TABLE, _, CHURNED, VALUE = feature_table(n_customers=400, n_dates=5, seed=0)
DATES = TABLE["observation_date"].cast(pa.int64()).to_numpy()
ROWS = [np.flatnonzero(np.unique(DATES, return_inverse=True)[1] == n) for n in range(5)]
EARLY = Fold("early", np.concatenate(ROWS[:1]), ROWS[1], ROWS[3], ROWS[2])
LATE = Fold("late", np.concatenate(ROWS[:2]), ROWS[2], ROWS[4], ROWS[3])
FINAL = Fold("final", np.concatenate(ROWS[:3]), ROWS[3], between=ROWS[4])
QUICK = {"n_trials": 2, "seed": 1, "threads": 1}


class _Train:
    tune_trials, threads, seed = 2, 1, 1


class _Params:
    train, clv = _Train(), None


def _task(*, is_out_of_time):
    rows = LearnableRows(TABLE, CHURNED, DATES, np.zeros(len(DATES), np.int64))
    return LearningTask(rows, None, [EARLY, LATE], FINAL, is_out_of_time, {}, 90.0)


@pytest.mark.parametrize("outcome", ["churn", "clv"])
def test_outcomes_of_tested_rows_change_no_trial(outcome):
    search, y = (search_churn, CHURNED) if outcome == "churn" else (search_value, VALUE)
    other = np.asarray(y, dtype=np.float64).copy()
    other[EARLY.test] = np.nan
    other[LATE.test] = 1.0 - other[LATE.test].clip(0, 1)
    assert search(TABLE, y, EARLY, **QUICK) == search(TABLE, other, EARLY, **QUICK)


def test_row_order_changes_no_trial():
    order = np.random.default_rng(3).permutation(len(DATES))
    place = np.argsort(order)
    moved = Fold("early", place[EARLY.train], place[EARLY.valid], place[EARLY.test], place[EARLY.between])
    found = search_churn(TABLE, CHURNED, EARLY, **QUICK)
    assert search_churn(TABLE.take(order), np.asarray(CHURNED)[order], moved, **QUICK) == found


def test_forbidden_and_monotone_features_change_the_search():
    name = max(n for n in TABLE.column_names if pa.types.is_floating(TABLE[n].type))
    plain = search_churn(TABLE, CHURNED, EARLY, **QUICK)
    assert search_churn(TABLE, CHURNED, EARLY, forbidden=[name], **QUICK) != plain
    both = [search_churn(TABLE, CHURNED, EARLY, monotone={name: sign}, **QUICK) for sign in (1, -1)]
    assert both[0] != both[1]


def _spied(monkeypatch, parameters):
    searched = []

    def found(table, y, fold, **_):
        searched.append(fold.name)
        trials = [Trial(0, {"num_leaves": 4}, 0.5), Trial(1, {"num_leaves": parameters + len(searched)}, 0.4, 0.1)]
        return Found(trials[1].parameters, trials[1], trials)

    monkeypatch.setattr(flow_tuning, "search_churn", found)
    return searched


def test_out_of_time_the_earliest_tested_date_is_searched_once_for_all(monkeypatch, tmp_path):
    searched = _spied(monkeypatch, 10)
    tuned = tune(_Params, _task(is_out_of_time=True), "churn", root=tmp_path)
    assert searched == ["early"]
    assert tuned.by_fold == {"early": {"num_leaves": 11}, "late": {"num_leaves": 11}}
    assert tuned.final == {"num_leaves": 11}


def test_folds_that_share_dates_search_each_in_its_own_rows(monkeypatch, tmp_path):
    searched = _spied(monkeypatch, 10)
    tuned = tune(_Params, _task(is_out_of_time=False), "churn", root=tmp_path)
    assert searched == ["early", "late", "final"]
    assert tuned.by_fold == {"early": {"num_leaves": 11}, "late": {"num_leaves": 12}}
    assert tuned.final == {"num_leaves": 13}


def test_without_trials_nothing_is_searched_or_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_Train, "tune_trials", 0)
    tuned = tune(_Params, _task(is_out_of_time=True), "churn", root=tmp_path)
    assert (tuned.by_fold, tuned.final, tuned.facts) == ({}, {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_fold_with_too_little_is_passed_over(tmp_path):
    task = _task(is_out_of_time=True)
    task.folds.insert(0, Fold("too early", ROWS[0][:5], test=ROWS[1]))
    tuned = tune(_Params, task, "churn", root=tmp_path)
    assert tuned.facts["tuning"]["n_trials"] == 2
    assert set(tuned.by_fold) == {"too early", "early", "late"}
    assert len(list((tmp_path / ".churnml" / "tuning").glob("*.json"))) == 1


def test_found_parameters_go_to_the_main_trees_only():
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.float64)
    churn = ChurnClassifier(max_rounds=5, tuned={"num_leaves": 3}).fit(X, y)
    value = ValueRegressor(max_rounds=5, tuned={"num_leaves": 3}).fit(X, y * (1 + X[:, 1] ** 2))
    assert (churn.settings_["num_leaves"], value.settings_["num_leaves"]) == (3, 3)
    leaves = {tree["num_leaves"] for tree in churn.booster_.dump_model()["tree_info"]}
    assert max(leaves) > 3


def test_the_card_and_the_record_tell_what_the_search_brought(tmp_path: Path):
    found = search_churn(TABLE, CHURNED, EARLY, **QUICK)
    model, spec = fit_final_churn(TABLE, CHURNED, FINAL, seed=1, threads=1, tuned=found.parameters)
    save(model, spec, tmp_path / "churn", meta={"tuning": found.facts()}, cards=card_files)
    assert load(tmp_path / "churn", trusted=True).meta["tuning"]["n_trials"] == 2
    card = (tmp_path / "churn" / "card.md").read_text()
    told = f"Searched for parameters with 2 trials: log loss of held-out rows {found.trials[0].loss:.3f} by default"
    assert told in card


def test_each_fold_is_tested_with_its_own_parameters():
    tuned = {"early": {"num_leaves": 2, "max_depth": 1}, "late": {}}
    settings = {"roles": {}, "horizon_days": 90.0, "seed": 1, "threads": 1}
    plain, changed = (backtest_churn(TABLE, CHURNED, [EARLY, LATE], tuned=t, **settings) for t in (None, tuned))
    is_early = np.asarray(plain.table["fold"].to_pylist()) == "early"
    differs = plain.values("p_churnml") != changed.values("p_churnml")
    assert differs[is_early].any()
    assert not differs[~is_early].any()
