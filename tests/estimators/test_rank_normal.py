import json

import numpy as np
import pytest

from churnml.estimators.rank_normal import MAX_ONE_HOT_LEVELS, RankNormal

N_NUMBERS = 12
"""More than ten columns: as text, 10 would come before 2."""


def _matrix(n=400, seed=0):
    """Return numbers of all scales, with ties and missing values, and a category in column 3."""
    draw = np.random.default_rng(seed)
    X = np.exp(draw.normal(size=(n, N_NUMBERS)) * np.arange(1, N_NUMBERS + 1)).astype(np.float32)
    X[:, 1] = draw.poisson(0.3, n)
    X[:, 2][draw.random(n) < 0.3] = np.nan
    X[:, 11][draw.random(n) < 0.1] = np.nan
    X[:, 3] = draw.choice([0.0, 1.0, 2.0, np.nan], n, p=[0.5, 0.3, 0.1, 0.1])
    return X


X = _matrix()
FITTED = RankNormal([3]).fit(X)


def test_scale_and_tail_are_gone_and_nothing_is_missing():
    design = FITTED.transform(X)
    numbers = [place for place, j in enumerate(FITTED.source[: N_NUMBERS - 1]) if j not in {1, 2, 11}]
    assert np.abs(design[:, numbers].mean(axis=0)).max() < 0.05
    assert design[:, numbers].std(axis=0) == pytest.approx(1.0, abs=0.1)
    assert np.isfinite(design).all()


def test_each_design_column_knows_its_source():
    numbers = [j for j in range(N_NUMBERS) if j != 3]
    assert FITTED.source == [*numbers, 2, 11, 3, 3, 3]
    assert FITTED.is_flag == [False] * 11 + [True, True] + [False] * 3
    design = FITTED.transform(X)
    np.testing.assert_array_equal(design[:, 11], np.isnan(X[:, 2]))
    np.testing.assert_array_equal(design[:, 13], X[:, 3] == 0)


def test_larger_values_never_score_less_and_ties_score_the_same():
    for place, j in enumerate(FITTED.source[:11]):
        known = np.flatnonzero(~np.isnan(X[:, j]))
        order = known[np.argsort(X[known, j])]
        score = FITTED.transform(X)[order, place]
        assert np.all(np.diff(score) >= 0)
        assert np.all(np.diff(score)[np.diff(X[order, j]) == 0] == 0)


def test_monotone_transforms_of_what_was_learned_change_nothing():
    other = X.copy()
    other[:, 0] = np.log(X[:, 0]) * 5 + 7
    again = RankNormal([3]).fit(other).transform(other)
    # Between knots the way is straight on each scale, so only near to equal.
    np.testing.assert_allclose(again[:, 0], FITTED.transform(X)[:, 0], atol=0.1)


def test_values_beyond_those_seen_get_the_outermost_score_and_missing_the_middle():
    far = np.repeat(X[:1], 4, axis=0)
    far[0], far[1], far[2] = 3e38, -3e38, np.nan
    low, high = X[:, 0].min(), X[:, 0].max()
    far[3, 0] = high
    design = FITTED.transform(far)
    assert design[0, 0] == design[3, 0] == pytest.approx(-design[1, 0])
    assert np.isfinite(design).all()
    np.testing.assert_array_equal(design[2], [0.0] * 11 + [1.0, 1.0] + [0.0] * 3)
    assert low > 0


def test_a_level_nobody_learned_is_none_of_them():
    new = X[:2].copy()
    new[:, 3] = [7.0, np.nan]
    np.testing.assert_array_equal(FITTED.transform(new)[:, -3:], 0.0)


def test_only_the_most_frequent_levels_get_a_column():
    many = np.arange(500, dtype=np.float32).reshape(-1, 1) % 45
    assert len(RankNormal([0]).fit(many).source) == MAX_ONE_HOT_LEVELS


@pytest.mark.parametrize("values", [np.full(30, np.nan), np.full(30, 4.0)], ids=["missing", "constant"])
def test_columns_that_say_nothing_are_borne(values):
    both = np.column_stack([values, np.arange(30)]).astype(np.float32)
    assert np.unique(RankNormal([]).fit(both).transform(both)[:, 0]).size == 1
    category = RankNormal([0]).fit(both[:, :1] * np.nan)
    assert category.transform(both[:, :1]).shape == (30, 0)


def test_the_state_comes_back_bit_for_bit_though_json_sorts_its_keys():
    again = RankNormal.from_state(json.loads(json.dumps(FITTED.state(), sort_keys=True)))
    assert (again.source, again.is_flag) == (FITTED.source, FITTED.is_flag)
    np.testing.assert_array_equal(again.transform(X), FITTED.transform(X))
    assert json.dumps(again.state()) == json.dumps(FITTED.state())


def test_the_order_of_rows_changes_nothing():
    order = np.random.default_rng(1).permutation(len(X))
    assert RankNormal([3]).fit(X[order]).state() == FITTED.state()
