from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.errors import ModelError
from churnml.estimators.merged import merged
from churnml.estimators.shapley import TreeExplainer

QUIET = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 5, "cat_smooth": 1, "cat_l2": 1}


def rows(seed: int, n_rows: int, n_features: int) -> np.ndarray:
    """Return numbers with gaps and zeros, and categories in every third column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    X[:, ::3] = rng.integers(0, 40, size=X[:, ::3].shape)
    X[rng.random(X.shape) < 0.15] = 0.0
    X[:, 1::2][rng.random(X[:, 1::2].shape) < 0.15] = np.nan
    return X


def booster(X: np.ndarray, *, seed: int = 1, weight: np.ndarray | None = None, rounds: int = 4, **more: Any) -> Any:
    rng = np.random.default_rng(seed)
    score = np.nan_to_num(X) @ rng.normal(size=X.shape[1]) + (X[:, 0] % 3 == 1) * 2.0
    y = (score + rng.normal(size=len(X)) > np.median(score)).astype(float)
    categories = list(range(0, X.shape[1], 3))
    data = lgb.Dataset(X, y, weight=weight, categorical_feature=categories)
    return lgb.train({**QUIET, "objective": "binary", "seed": seed, **more}, data, num_boost_round=rounds)


def differs(found: Any, X: np.ndarray) -> float:
    return float(np.abs(TreeExplainer.of(found)(X) - found.predict(X, pred_contrib=True)[:, :-1]).max(initial=0.0))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(30, 400),
    n_features=st.integers(1, 30),
    n_leaves=st.integers(2, 80),
    zero_as_missing=st.booleans(),
    is_weighted=st.booleans(),
)
def test_contributions_are_lightgbms_own(
    seed: int, n_rows: int, n_features: int, n_leaves: int, zero_as_missing: bool, is_weighted: bool
) -> None:
    X = rows(seed, n_rows, n_features)
    weight = np.random.default_rng(seed).random(n_rows) if is_weighted else None
    found = booster(X, seed=seed, weight=weight, num_leaves=n_leaves, zero_as_missing=zero_as_missing)
    assert differs(found, rows(seed + 1, 60, n_features)) < 1e-9


def test_paths_of_many_features_are_exact() -> None:
    X = np.random.default_rng(1).random((4_000, 30)).astype(np.float32)
    # Each further feature matters only where all before it are above a tenth.
    y = 1.3 ** np.cumprod(X > 0.1, axis=1).sum(axis=1)
    found = lgb.train({**QUIET, "num_leaves": 60}, lgb.Dataset(X, y), 3)
    assert TreeExplainer.of(found).plan.n_nodes.max() >= 11
    assert differs(found, X[:50]) < 1e-9 * y.max()


def test_levels_and_numbers_at_every_edge() -> None:
    X = rows(3, 500, 7)
    found = booster(X, num_leaves=31)
    odd = rows(4, 12, 7)
    odd[:, 0] = [-1, -0.5, 0, 0.5, 31, 31.9, 32, 39, 40, 1e9, -1e9, np.nan]
    odd[:, 1] = [0, -0.0, 1e-36, 1e-35, 2e-35, -1e-36, np.nan, 3e38, -3e38, 1e-45, 1, -1]
    assert differs(found, odd) < 1e-12
    thresholds = np.unique(TreeExplainer.of(found).trees.threshold)
    wide = np.repeat(odd[:1].astype(np.float64), 3 * thresholds.size, axis=0)
    near = [thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)]
    wide[:, 1] = wide[:, 2] = wide[:, 4] = np.concatenate(near)
    assert differs(found, wide) < 1e-12
    assert differs(found, wide.astype(np.float32)) < 1e-12


def test_boosters_joined_and_trees_of_one_leaf() -> None:
    X = rows(5, 300, 8)
    parts = [(0.7, booster(X, num_leaves=15)), (0.3, booster(X, num_leaves=4, extra_trees=True))]
    stumps = booster(X, min_data_in_leaf=200)
    assert differs(merged(parts), X) < 1e-12
    assert differs(merged([*parts, (0.2, stumps)]), X) < 1e-12
    assert not TreeExplainer.of(stumps)(X).any()


def test_batches_and_threads_change_no_bit() -> None:
    X = rows(6, 1_500, 9)
    explained = TreeExplainer.of(booster(X, num_leaves=20))
    whole = explained(X)
    assert np.array_equal(explained(X, threads=2), whole)
    assert np.array_equal(np.vstack([explained(X[:7]), explained(X[7:300]), explained(X[300:])]), whole)
    assert np.array_equal(explained(X.astype(np.float64)), whole)
    assert np.array_equal(explained(np.asfortranarray(X)), whole)
    assert explained(X[:0]).shape == (0, 9)


def test_models_of_another_kind_are_refused() -> None:
    X = np.random.default_rng(7).normal(size=(200, 3))
    several = lgb.train({**QUIET, "objective": "multiclass", "num_class": 3}, lgb.Dataset(X, np.arange(200) % 3), 2)
    linear = lgb.train({**QUIET, "linear_tree": True}, lgb.Dataset(X, X[:, 0], params={"linear_tree": True}), 2)
    for found in (several, linear):
        with pytest.raises(ModelError, match="one number in each leaf only"):
            TreeExplainer.of(found)
