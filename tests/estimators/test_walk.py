from __future__ import annotations

import re
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.errors import ModelError
from churnml.estimators.merged import merged
from churnml.estimators.tree_text import trees_of, trees_of_text
from churnml.estimators.walk import TreeWalk, raw_scores

QUIET = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 5, "cat_smooth": 1, "cat_l2": 1}
OBJECTIVES = ("binary", "regression", "tweedie", "gamma", "poisson")


def rows(seed: int, n_rows: int, n_features: int, *, n_levels: int = 40) -> np.ndarray:
    """Return numbers with gaps, zeros and what counts as zero; categories in every third column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    X[:, ::3] = rng.integers(0, n_levels, size=X[:, ::3].shape)
    X[rng.random(X.shape) < 0.15] = 0.0
    X[:, 1::2][rng.random(X[:, 1::2].shape) < 0.15] = np.nan
    tiny = rng.random(X.shape) < 0.05
    X[tiny] = rng.choice(np.array([1e-36, -1e-36, 1e-35, -1e-35, 1e-44, -0.0], np.float32), size=tiny.sum())
    return X


def booster(X: np.ndarray, *, objective: str = "binary", seed: int = 1, rounds: int = 5, **more: Any) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    score = np.nan_to_num(X) @ rng.normal(size=X.shape[1]) + (X[:, 0] % 3 == 1) * 2.0 + rng.normal(size=len(X))
    y = (score > np.median(score)).astype(float) if objective == "binary" else np.exp(np.clip(score / 5, -3, 3))
    data = lgb.Dataset(X, y, categorical_feature=list(range(0, X.shape[1], 3)))
    return lgb.train({**QUIET, "objective": objective, "seed": seed, **more}, data, num_boost_round=rounds)


def assert_same_bits(found: lgb.Booster, X: np.ndarray) -> None:
    walked, own = TreeWalk.of(trees_of(found))(X), found.predict(X, raw_score=True)
    assert np.array_equal(walked.view(np.int64), own.view(np.int64))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(30, 400),
    n_features=st.integers(1, 20),
    n_levels=st.sampled_from([2, 40, 300, 5_000]),
    objective=st.sampled_from(OBJECTIVES),
    settings=st.fixed_dictionaries(
        {
            "num_leaves": st.integers(2, 80),
            "zero_as_missing": st.booleans(),
            "use_missing": st.booleans(),
            "extra_trees": st.booleans(),
            "max_cat_threshold": st.sampled_from([2, 200]),
        }
    ),
)
def test_every_bit_is_lightgbms(
    seed: int, n_rows: int, n_features: int, n_levels: int, objective: str, settings: dict[str, Any]
) -> None:
    X = rows(seed, n_rows, n_features, n_levels=n_levels)
    found = booster(X, objective=objective, seed=seed, **settings)
    assert_same_bits(found, X)
    assert_same_bits(found, rows(seed + 1, 200, n_features, n_levels=2 * n_levels))


@pytest.mark.parametrize("zero_as_missing", [False, True])
def test_a_hair_beside_every_threshold(zero_as_missing: bool) -> None:
    found = booster(rows(3, 800, 7), num_leaves=31, zero_as_missing=zero_as_missing)
    near = np.unique(trees_of(found).threshold).astype(np.float32)
    values = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    X = np.repeat(values[:, None], 7, axis=1)
    X[:, ::3] = np.arange(len(X))[:, None] % 45
    assert_same_bits(found, X)


def test_levels_and_numbers_at_every_edge() -> None:
    found = booster(rows(4, 500, 7), num_leaves=31)
    odd = rows(5, 13, 7)
    odd[:, 0] = [-1, -0.5, 0, 0.5, 31, 31.9, 32, 39, 40, 2**31, 4e9, -1e9, np.nan]
    odd[:, 1] = [0, -0.0, 1e-36, 1e-35, 2e-35, -1e-36, -1e-35, np.nan, 3e38, -3e38, 1e-45, 1, -1]
    assert_same_bits(found, odd)


@pytest.mark.parametrize("limit", [0.0, -0.0, 5e-36, -5e-36, 1e-35, -1e-35, -1e-300, 1e-300, 1e39, -1e39])
def test_limits_next_to_zero_and_beyond_float32(limit: float) -> None:
    y, X = rows(6, 300, 2).T
    stump = lgb.train({**QUIET, "num_leaves": 2}, lgb.Dataset(X[:, None], np.nan_to_num(X) + y / 99), 1)
    head, _, rest = stump.model_to_string().partition("\nthreshold=")
    moved = lgb.Booster(model_str=f"{head}\nthreshold={limit!r}\n{rest.partition(chr(10))[2]}")
    for kind in (0, 2, 4, 6, 8, 10):
        text = re.sub("decision_type=.*", f"decision_type={kind}", moved.model_to_string())
        assert_same_bits(lgb.Booster(model_str=text), rows(7, 300, 2)[:, 1:])


def test_threads_and_layouts_change_no_bit() -> None:
    X = rows(8, 5_000, 9)
    found = booster(X, num_leaves=20)
    walk = TreeWalk.of(trees_of(found))
    assert np.array_equal(walk(X), walk(X, threads=3))
    assert np.array_equal(np.concatenate([walk(X[:7]), walk(X[7:900]), walk(X[900:])]), walk(X))
    assert walk(X[:0]).shape == (0,)


@pytest.mark.parametrize("rows_of", [np.asarray, np.asfortranarray, lambda X: X.astype(np.float64), lambda X: X[:20]])
def test_the_one_predictor_takes_what_lightgbm_takes(rows_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churnml.estimators.walk._WORTH_READING", 200)
    X = rows(9, 700, 8)
    found = merged([(0.7, booster(X)), (0.3, booster(X, min_data_in_leaf=200))])
    assert np.array_equal(raw_scores(found, rows_of(X)), found.predict(rows_of(X), raw_score=True))


def test_other_kinds_of_trees_are_left_to_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churnml.estimators.walk._WORTH_READING", 0)
    X = rows(10, 300, 4)
    forest = {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}
    for more in (forest, {"linear_tree": True, "objective": "regression"}):
        data = lgb.Dataset(X, X[:, 0].copy(), params=more)
        found = lgb.train({**QUIET, **more}, data, num_boost_round=3)
        assert np.array_equal(raw_scores(found, X), found.predict(X, raw_score=True))


@pytest.mark.parametrize(
    ("line", "other"), [("left_child", "0"), ("right_child", "-9"), ("split_feature", "7"), ("leaf_value", "1")]
)
def test_trees_that_a_walk_could_not_leave_are_refused(line: str, other: str) -> None:
    text = booster(rows(11, 300, 2), num_leaves=2, rounds=1).model_to_string()
    head, _, rest = text.partition(f"\n{line}=")
    with pytest.raises(ModelError, match="do not hang together"):
        trees_of_text(f"{head}\n{line}={other}\n{rest.partition(chr(10))[2]}")
