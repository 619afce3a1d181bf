import lightgbm as lgb
import numpy as np
import pytest

from churnml.estimators.boosting import booster_text
from churnml.estimators.merged import merged

N_NUMBERS = 3


def _rows(*, n=500, seed=0):
    """Return numbers with missing values, then a category of 40 levels in the last column, and a 0/1 outcome."""
    draw = np.random.default_rng(seed)
    level = draw.integers(0, 40, n)
    X = np.column_stack([draw.normal(size=(n, N_NUMBERS)), level]).astype(np.float32)
    y = (draw.random(n) < 1 / (1 + np.exp(-X[:, 0] - (level % 3 - 1)))).astype(float)
    X[draw.random((n, 4)) < 0.15] = np.nan
    return X, y


def _booster(seed=1, *, n_rounds=12, **more):
    X, y = _rows()
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed, "num_leaves": 7, **more}
    data = lgb.Dataset(X, label=y, categorical_feature=[N_NUMBERS])
    return lgb.train(settings, data, num_boost_round=n_rounds)


PARTS = [(0.5, _booster(1)), (0.3, _booster(2, extra_trees=True, n_rounds=20)), (0.2, _booster(3, num_leaves=3))]
UNSEEN = np.vstack(
    [
        _rows(n=200, seed=9)[0],
        np.full((1, 4), np.nan, np.float32),
        np.array([[1e30, -1e30, 0.0, 39.0], [0.0, 0.0, 0.0, 400.0], [0.0, 0.0, 0.0, -1.0]], np.float32),
    ]
)
"""Also all missing, far outside, and level numbers nobody has learned."""


def test_raw_scores_are_the_weighted_sum():
    found = merged(PARTS).predict(UNSEEN, raw_score=True)
    wanted = sum(weight * booster.predict(UNSEEN, raw_score=True) for weight, booster in PARTS)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_contributions_are_the_weighted_sum_the_base_included():
    found = merged(PARTS).predict(UNSEEN, pred_contrib=True)
    wanted = sum(weight * booster.predict(UNSEEN, pred_contrib=True) for weight, booster in PARTS)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_trees_stand_behind_each_other_and_keep_their_splits():
    joined = merged(PARTS)
    assert joined.num_trees() == sum(booster.num_trees() for _, booster in PARTS)
    np.testing.assert_array_equal(
        joined.predict(UNSEEN, pred_leaf=True), np.hstack([b.predict(UNSEEN, pred_leaf=True) for _, b in PARTS])
    )


def test_a_text_comes_back_as_it_went():
    joined = merged(PARTS)
    again = lgb.Booster(model_str=booster_text(joined))
    assert booster_text(again) == booster_text(joined)
    np.testing.assert_array_equal(again.predict(UNSEEN, raw_score=True), joined.predict(UNSEEN, raw_score=True))


def test_a_merged_model_can_be_merged_again():
    twice = merged([(2.0, merged(PARTS[:2])), (1.0, PARTS[2][1])])
    wanted = 2 * merged(PARTS[:2]).predict(UNSEEN, raw_score=True) + PARTS[2][1].predict(UNSEEN, raw_score=True)
    np.testing.assert_allclose(twice.predict(UNSEEN, raw_score=True), wanted, rtol=0, atol=1e-12)


def test_one_part_of_weight_one_is_the_part_itself():
    assert merged([(1.0, PARTS[0][1])]) is PARTS[0][1]


def test_one_part_of_another_weight_is_scaled():
    found = merged([(0.25, PARTS[0][1])]).predict(UNSEEN, raw_score=True)
    np.testing.assert_allclose(found, 0.25 * PARTS[0][1].predict(UNSEEN, raw_score=True), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_trees_that_never_split_count_too():
    X, y = _rows()
    settings = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 400, "num_threads": 1}
    stump = lgb.train(settings, lgb.Dataset(X, label=y), num_boost_round=3)
    found = merged([(0.5, stump), (0.5, PARTS[0][1])]).predict(UNSEEN, raw_score=True)
    wanted = 0.5 * stump.predict(UNSEEN, raw_score=True) + 0.5 * PARTS[0][1].predict(UNSEEN, raw_score=True)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
