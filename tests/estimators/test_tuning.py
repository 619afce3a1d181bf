import subprocess
import sys

import numpy as np
import pytest

from churnml.estimators import trial_runner
from churnml.estimators.boosting import splits_by_customer
from churnml.estimators.trees import churn_settings
from churnml.estimators.trial_runner import SearchRows
from churnml.estimators.trials import Trial, TrialLedger
from churnml.estimators.tuning import best_of, search
from churnml.estimators.value_parts import part_settings, tree_parts, value_settings

QUICK = {"n_trials": 12, "seed": 1, "max_rounds": 60}
N = 600


def _rows(seed=0, *, is_value=False):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(N, 6)).astype(np.float32)
    risk = X[:, 0] + X[:, 1] * X[:, 2]
    y = (risk + draw.logistic(size=N) > 0).astype(np.float64)
    target = y * draw.gamma(2.0, 0.5, N) if is_value else y
    customers = np.arange(N) // 2
    return SearchRows(X, target, None, customers, (), splits_by_customer(y, customers, seed=1))


SETTINGS = churn_settings(N, N // 2, 6, seed=1, threads=1)


@pytest.fixture(scope="module")
def found():
    return search(_rows(), SETTINGS, threads=1, **QUICK)


def test_the_first_trial_is_the_default(found):
    assert {name: SETTINGS[name] for name in found.trials[0].parameters} == found.trials[0].parameters
    assert (found.trials[0].gain, found.trials[0].error) == (0.0, 0.0)
    assert [trial.number for trial in found.trials] == list(range(12))


def test_a_tuned_model_is_never_worse_on_the_rows_held_out(found):
    assert found.best.loss <= found.trials[0].loss
    assert found.best.gain == pytest.approx(found.trials[0].loss - found.best.loss)


def test_threads_change_nothing(found):
    assert search(_rows(), SETTINGS, threads=3, **QUICK) == found


def test_another_seed_tries_others(found):
    other = search(_rows(), SETTINGS, threads=2, **{**QUICK, "seed": 2})
    assert other.trials[0].loss == found.trials[0].loss
    assert other.trials[1].parameters != found.trials[1].parameters


def test_fewer_trials_are_the_first_of_more(found):
    assert search(_rows(), SETTINGS, threads=2, **{**QUICK, "n_trials": 7}).trials == found.trials[:7]


@pytest.mark.parametrize("n_before", [0, 1, 3, 9])
def test_an_interrupted_search_goes_on_and_ends_the_same(found, tmp_path, monkeypatch, n_before):
    fit, n_fits = trial_runner.boosting.searched, 0

    def interrupted(*args, **more):
        nonlocal n_fits
        n_fits += 1
        if n_fits > n_before:
            raise KeyboardInterrupt("between trials")
        return fit(*args, **more)

    monkeypatch.setattr(trial_runner.boosting, "searched", interrupted)
    with pytest.raises(KeyboardInterrupt, match="between trials"):
        search(_rows(), SETTINGS, threads=2, folder=tmp_path, **QUICK)
    n_fits = -1_000
    assert search(_rows(), SETTINGS, threads=2, folder=tmp_path, **QUICK) == found
    # At most the default again, which the others are compared with, and trials that ran when the search ended.
    assert n_fits + 1_000 <= 12 - n_before + 3


def test_a_finished_search_is_not_run_again(found, tmp_path, monkeypatch):
    assert search(_rows(), SETTINGS, threads=2, folder=tmp_path, **QUICK) == found
    monkeypatch.setattr(trial_runner.boosting, "searched", None)
    assert search(_rows(), SETTINGS, threads=1, folder=tmp_path, **QUICK) == found


def test_other_rows_are_another_search(tmp_path):
    for seed in (0, 1):
        search(_rows(seed), SETTINGS, threads=1, folder=tmp_path, n_trials=1, seed=1, max_rounds=20)
    assert len(list(tmp_path.glob("*.json"))) == 2


@pytest.mark.parametrize("damage", [b"", b"{", b'{"trials": [{"number": 0}]}', b"[]", b"\xff\xfe"])
def test_a_damaged_file_of_trials_is_a_search_from_the_beginning(found, tmp_path, damage):
    search(_rows(), SETTINGS, threads=2, folder=tmp_path, **QUICK)
    (kept,) = tmp_path.glob("*.json")
    kept.write_bytes(damage)
    assert search(_rows(), SETTINGS, threads=2, folder=tmp_path, **QUICK) == found


def test_a_trial_of_other_parameters_is_not_taken_for_the_one_asked_for(tmp_path):
    ledger = TrialLedger(tmp_path / "kept.json")
    ledger.keep(Trial(3, {"num_leaves": 7}, 0.5))
    assert TrialLedger(ledger.path).find(3, {"num_leaves": 8}) is None
    assert TrialLedger(ledger.path).find(3, {"num_leaves": 7}) == Trial(3, {"num_leaves": 7}, 0.5)


def test_hopeless_trials_are_given_up_early():
    found = search(_rows(), SETTINGS, threads=2, n_trials=24, seed=1, max_rounds=200)
    given_up = [trial for trial in found.trials if trial.loss is None]
    assert given_up
    assert found.trials[0].loss is not None
    assert found.facts()["n_pruned"] == len(given_up)


@pytest.mark.parametrize(("gain", "chosen"), [(0.02, {"num_leaves": 9}), (0.009, {})])
def test_a_gain_within_the_noise_keeps_the_default(gain, chosen):
    trials = [Trial(0, {"num_leaves": 4}, 0.5), Trial(1, {"num_leaves": 9}, 0.5 - gain, gain=gain, error=0.01)]
    assert best_of(trials) == (chosen, trials[1])


def test_among_trials_only_worse_than_the_default_the_default_is_the_best():
    trials = [Trial(0, {"num_leaves": 4}, 0.5), Trial(1, {}, 0.6, gain=-0.1, error=0.01), Trial(2, {}, None)]
    assert best_of(trials) == ({}, trials[0])


def test_where_the_default_is_far_off_the_search_finds_better():
    poor = {**SETTINGS, "learning_rate": 0.01, "min_data_in_leaf": 60}
    found = search(_rows(), poor, threads=2, **QUICK)
    assert found.parameters
    assert found.best.gain > 0.01


def test_the_error_counts_customers_not_rows():
    rows = _rows()
    twice = [np.concatenate([part, part + N]) for pair in rows.splits for part in pair]
    doubled = SearchRows(
        np.vstack([rows.X, rows.X]),
        np.tile(rows.target, 2),
        None,
        np.tile(rows.customers, 2),
        (),
        list(zip(twice[::2], twice[1::2], strict=True)),
    )
    one, two = (
        trial_runner.TrialRunner(each, {}, 1, TrialLedger(None), default=np.ones(each.checked().size))
        for each in (rows, doubled)
    )
    losses = np.random.default_rng(0).random(N)
    alike = np.concatenate([np.tile(part, 2) for part in np.split(losses, 5)])
    np.testing.assert_allclose(one._against_default(losses), two._against_default(alike))


def test_a_value_model_is_searched_by_tweedie_deviance():
    rows = _rows(is_value=True)
    main = tree_parts("amount", n_rows=N, has_expected=False)[0]
    settings = {**value_settings(N, N // 2, 6, seed=1, threads=1), **part_settings(main)}
    found = search(rows, settings, n_trials=2, seed=1, threads=1, max_rounds=40)
    mu = np.full(N, rows.target.mean())
    null = float(np.mean(4.0 * (rows.target / np.sqrt(mu) + np.sqrt(mu))))
    assert 0.5 * null < found.trials[0].loss < null


def test_optuna_is_imported_by_a_search_only():
    code = "import sys, churnml.flow.learn; print('optuna' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
