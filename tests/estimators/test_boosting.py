import numpy as np
import pytest

from churnml.errors import DataError
from churnml.estimators.boosting import check_matrix, grouped_folds, settings_for, splits_by_customer, splits_by_time


def test_customers_are_never_split_over_folds():
    groups = np.arange(600) % 97
    fold = grouped_folds(np.arange(600) % 2, groups, n_folds=5, seed=1)
    assert all(np.unique(fold[groups == g]).size == 1 for g in range(97))


def test_every_fold_has_its_share_of_churners():
    y = (np.arange(500) < 50).astype(int)
    fold = grouped_folds(y, np.arange(500), n_folds=5, seed=1)
    assert np.bincount(fold, weights=y).tolist() == [10.0] * 5


def test_folds_do_not_depend_on_row_order():
    draw = np.random.default_rng(0)
    y, groups, order = draw.integers(0, 2, 300), draw.integers(0, 80, 300), draw.permutation(300)
    fold = grouped_folds(y, groups, n_folds=4, seed=3)
    np.testing.assert_array_equal(grouped_folds(y[order], groups[order], n_folds=4, seed=3), fold[order])


def test_small_tables_get_smaller_and_stronger_regularised_trees():
    small, large = (settings_for(n, n, 50, seed=1, threads=1) for n in (300, 1_000_000))
    assert small["num_leaves"] < large["num_leaves"]
    assert small["lambda_l2"] > large["lambda_l2"]
    assert small["min_data_in_leaf"] >= 10


def test_repeated_snapshots_do_not_make_a_table_large():
    repeated, distinct = (settings_for(72_000, n, 50, seed=1, threads=1) for n in (6_000, 72_000))
    assert repeated["num_leaves"] < distinct["num_leaves"]
    assert repeated["min_data_in_leaf"] > distinct["min_data_in_leaf"]


def test_rows_between_are_in_no_split():
    valid, between = np.array([0, 0, 1, 0], dtype=bool), np.array([0, 1, 0, 0], dtype=bool)
    ((learn, check),) = splits_by_time(valid, between)
    assert (learn.tolist(), check.tolist()) == ([0, 3], [2])


def test_each_row_is_checked_once():
    splits = splits_by_customer(np.arange(100) % 2, np.arange(100), seed=1)
    assert sorted(np.concatenate([check for _, check in splits]).tolist()) == list(range(100))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.empty((0, 2), np.float32), np.empty(0), "no rows"),
        (np.ones((2, 1), np.float32), np.ones(3), "differ in length"),
        (np.ones((2, 1), np.float32), np.array([1.0, np.nan]), "not finite"),
    ],
)
def test_unusable_input_is_refused(X, y, message):
    with pytest.raises(DataError, match=message):
        check_matrix(X, y)
