import numpy as np
import pytest

from churnml.estimators.boosting import booster_text
from churnml.estimators.trees import churn_settings, fit_trees, tree_parts


@pytest.mark.parametrize(
    ("n_rows", "n_customers", "names", "seeds"),
    [
        (1_000, 1_000, ["trees", "small_trees", "random_trees"], [3, 3, 3]),
        (11_999, 11_999, ["trees", "small_trees", "random_trees"], [3, 3, 3]),
        (12_000, 12_000, ["trees", "small_trees", "random_trees"], [2, 1, 1]),
        (29_999, 29_999, ["trees", "small_trees", "random_trees"], [2, 1, 1]),
        (30_000, 30_000, ["trees", "small_trees"], [2, 1]),
        (199_999, 199_999, ["trees", "small_trees"], [2, 1]),
        (200_000, 200_000, ["trees"], [1]),
        # Many snapshots of few customers are a small table.
        (500_000, 3_000, ["trees", "small_trees", "random_trees"], [3, 3, 3]),
    ],
)
def test_parts_by_size(n_rows, n_customers, names, seeds):
    parts = tree_parts(n_rows, n_customers, 30)
    assert [part.name for part in parts] == names
    assert [part.n_seeds for part in parts] == seeds


def test_the_first_part_is_as_chosen_by_size_and_the_others_differ():
    first, small, drawn = tree_parts(5_000, 5_000, 30)
    assert not first.changes
    base = churn_settings(5_000, 5_000, 30, seed=1, threads=1)
    assert (base["objective"], base["metric"]) == ("binary", "binary_logloss")
    assert small.changes["lambda_l2"] > base["lambda_l2"]
    assert small.changes["num_leaves"] < base["num_leaves"]
    assert drawn.changes["extra_trees"] is True


@pytest.mark.parametrize("repeated", [1, 20])
def test_repeated_snapshots_ask_for_more_rows_in_a_leaf(repeated):
    small = tree_parts(3_000 * repeated, 3_000, 30)[1]
    assert 15 <= small.changes["min_data_in_leaf"] <= 500
    assert (small.changes["min_data_in_leaf"] > 100) == (repeated == 20)


def test_seeds_share_the_rounds_and_differ_in_their_trees():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(300, 4)).astype(np.float32)
    y = (X[:, 0] + draw.normal(size=300) > 0).astype(float)
    splits = [(np.arange(200), np.arange(200, 300))]
    settings = churn_settings(300, 300, 4, seed=1, threads=1)
    boosters, unseen = fit_trees(X, y, splits, settings, n_seeds=3, categorical=[], weight=None, max_rounds=20)
    assert {booster.num_trees() for booster in boosters} == {unseen.n_rounds}
    assert len({booster_text(booster) for booster in boosters}) == 3
    np.testing.assert_array_equal(unseen.rows, splits[0][1])
