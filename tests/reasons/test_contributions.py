from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from churnml.errors import ModelError
from churnml.reasons.contributions import contributions, spread_rows

NAMES = ["orders_recency_days", "orders_count_90d", "customers_age"]


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    X = np.random.default_rng(1).normal(size=(400, 3)).astype(np.float32)
    X[::7, 1] = np.nan
    return X


@pytest.fixture(scope="module")
def booster(matrix: np.ndarray) -> lgb.Booster:
    y = (matrix[:, 0] + np.nan_to_num(matrix[:, 1]) > 0).astype(float)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 7, "seed": 1}
    return lgb.train(settings, lgb.Dataset(matrix, y, feature_name=NAMES), num_boost_round=10)


def test_contributions_and_the_constant_sum_to_the_raw_score(booster: lgb.Booster, matrix: np.ndarray) -> None:
    found = contributions(booster, matrix, names=NAMES)
    constant = booster.predict(matrix, pred_contrib=True)[:, -1]
    np.testing.assert_allclose(found.sum(axis=1) + constant, booster.predict(matrix, raw_score=True), atol=1e-9)


def test_batches_change_nothing(booster: lgb.Booster, matrix: np.ndarray) -> None:
    whole = contributions(booster, matrix, names=NAMES)
    assert np.array_equal(contributions(booster, matrix, names=NAMES, batch_rows=33), whole)
    assert contributions(booster, matrix[:0], names=NAMES).shape == (0, 3)


@pytest.mark.parametrize("names", [NAMES[:2], NAMES[::-1], [*NAMES, "more"], ["a", "b", "c"]])
def test_other_columns_are_refused(booster: lgb.Booster, matrix: np.ndarray, names: list[str]) -> None:
    with pytest.raises(ModelError, match="does not have the model's features"):
        contributions(booster, matrix, names=names)


def test_rows_are_spread_evenly() -> None:
    assert spread_rows(5, n_wanted=9).tolist() == [0, 1, 2, 3, 4]
    assert spread_rows(9, n_wanted=3).tolist() == [0, 4, 8]
