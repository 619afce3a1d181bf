"""Ranking metrics against scikit-learn, worked numbers and edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from churnml.metrics import (
    average_precision_score,
    capture_score,
    gains_curve,
    lift_score,
    roc_auc_score,
    roc_curve,
)

pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=5, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@settings(max_examples=100, deadline=None)
@given(rows=pairs)
def test_areas_equal_scikit_learn_with_any_ties(rows: list[tuple[int, int]]) -> None:
    y_true, y_score = np.array(rows).T
    assert roc_auc_score(y_true, y_score) == pytest.approx(reference.roc_auc_score(y_true, y_score))
    expected = reference.average_precision_score(y_true, y_score)
    assert average_precision_score(y_true, y_score) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(rows=pairs)
def test_roc_curve_equals_scikit_learn(rows: list[tuple[int, int]]) -> None:
    y_true, y_score = np.array(rows).T
    for ours, theirs in zip(
        roc_curve(y_true, y_score), reference.roc_curve(y_true, y_score, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)


@settings(max_examples=50, deadline=None)
@given(rows=pairs, fraction=st.floats(0.2, 1.0))
def test_lift_is_the_mean_over_all_orders_of_ties(rows: list[tuple[int, int]], fraction: float) -> None:
    y_true, y_score = np.array(rows).T
    n_top = int(fraction * y_true.size + 1e-9)
    edge = np.sort(y_score)[::-1][n_top - 1]
    sure, tied = y_true[y_score > edge], y_true[y_score == edge]
    found = sure.sum() + tied.mean() * (n_top - sure.size)
    assert lift_score(y_true, y_score, fraction=fraction) == pytest.approx(found / n_top / y_true.mean())
    assert capture_score(y_true, y_score, fraction=fraction) == pytest.approx(found / y_true.sum())


def test_gains_curve_runs_from_nothing_to_all() -> None:
    contacted, captured = gains_curve([1, 0, 0, 1, 0], [0.9, 0.7, 0.7, 0.2, 0.1])
    np.testing.assert_allclose(contacted, [0, 0.2, 0.6, 0.8, 1])
    np.testing.assert_allclose(captured, [0, 0.5, 0.5, 1, 1])


def test_a_fraction_that_is_whole_but_for_rounding_counts_whole() -> None:
    y_true = np.r_[np.ones(29), np.zeros(71)]
    assert capture_score(y_true, -np.arange(100), fraction=0.29) == 1.0


@pytest.mark.parametrize(
    ("fraction", "match"), [(0.0, "not in"), (1.1, "not in"), (0.1, "no customer"), (np.nan, "not in")]
)
def test_impossible_fractions_are_refused(fraction: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        lift_score([1, 0, 1, 0, 1], [5, 4, 3, 2, 1], fraction=fraction)


def test_labels_other_than_0_and_1_are_refused() -> None:
    with pytest.raises(ValueError, match="else than 0 and 1"):
        roc_auc_score([1, 2, 0], [1, 2, 3])
