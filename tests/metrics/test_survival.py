"""Survival metrics against numbers of scikit-survival, obvious loops, and edges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from churnml.metrics import concordance_score, integrated_brier_loss, survival_brier_curve

DURATION = [30, 60, 60, 90, 45, 120, 75, 15, 105, 135]
CHURNED = [1, 1, 0, 0, 0, 1, 1, 1, 0, 0]
SCORE = np.array([0.9, 0.4, 0.4, 0.5, 0.3, 0.1, 0.6, 0.8, 0.8, 0.2])

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 1)), min_size=5, max_size=40)


def harrell(duration: np.ndarray, score: np.ndarray, churned: np.ndarray) -> tuple[float, int]:
    right, n_pairs = 0.0, 0
    for i, j in combinations(range(duration.size), 2):
        first, second = (i, j) if (duration[i], -churned[i]) < (duration[j], -churned[j]) else (j, i)
        tied_churn = duration[i] == duration[j] and churned[i] == churned[j]
        if churned[first] and not tied_churn:
            n_pairs += 1
            right += (score[first] > score[second]) + (score[first] == score[second]) / 2
    return right, n_pairs


def test_concordance_equals_scikit_survival() -> None:
    # scikit-survival 0.28.0: concordance_index_censored gives 0.75, with 20 pairs right, 6 wrong, 2 tied.
    assert concordance_score(DURATION, SCORE, CHURNED) == 0.75


@settings(max_examples=150, deadline=None)
@given(rows=rows)
def test_concordance_equals_a_loop_over_pairs(rows: list[tuple[int, int, int]]) -> None:
    duration, score, churned = np.array(rows).T
    right, n_pairs = harrell(duration, score, churned)
    if n_pairs == 0:
        with pytest.raises(ValueError, match="no two customers can be compared"):
            concordance_score(duration, score, churned)
    else:
        assert concordance_score(duration, score, churned) == pytest.approx(right / n_pairs)


def test_brier_equals_scikit_survival() -> None:
    # scikit-survival 0.28.0, brier_score and integrated_brier_score, with no two durations equal.
    duration, days = [30, 60, 65, 90, 45, 120, 75, 15, 105, 135], [20.0, 50.0, 80.0, 110.0]
    p_stay = np.exp(-np.outer(SCORE, days) / 100)
    expected = [0.0814132426657089, 0.12009783108821666, 0.2136291393889465, 0.1287238352684637]
    np.testing.assert_allclose(survival_brier_curve(duration, p_stay, CHURNED, days=days), expected, rtol=1e-12)
    assert integrated_brier_loss(duration, p_stay, CHURNED, days=days) == pytest.approx(0.14626516981474985, rel=1e-12)


def test_without_censoring_brier_is_the_ordinary_one() -> None:
    rng = np.random.default_rng(0)
    duration, p_stay = rng.integers(1, 30, 300), rng.random((300, 2))
    curve = survival_brier_curve(duration, p_stay, np.ones(300), days=[10, 20])
    expected = [brier_score_loss(duration > day, p_stay[:, i]) for i, day in enumerate((10, 20))]
    np.testing.assert_allclose(curve, expected)


def test_weights_undo_censoring_also_where_days_are_tied() -> None:
    rng = np.random.default_rng(0)
    n, days = 100_000, [4, 8, 12]
    true, censored = rng.geometric(0.08, n), rng.geometric(0.06, n)
    p_stay = rng.random((n, 3))
    known = survival_brier_curve(true, p_stay, np.ones(n), days=days)
    found = survival_brier_curve(np.minimum(true, censored), p_stay, true <= censored, days=days)
    np.testing.assert_allclose(found, known, atol=0.006)


def test_a_constant_half_loses_a_quarter() -> None:
    curve = survival_brier_curve(DURATION, np.full((10, 2), 0.5), CHURNED, days=[50, 110])
    np.testing.assert_allclose(curve, 0.25)


@pytest.mark.parametrize("days", [[20, 20], [40, 20], [-1, 20], [20, 135]])
def test_impossible_days_are_refused(days: list[float]) -> None:
    with pytest.raises(ValueError, match="days do not rise"):
        integrated_brier_loss(DURATION, np.full((10, 2), 0.5), CHURNED, days=days)


def test_one_day_is_no_integral() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        integrated_brier_loss(DURATION, np.full((10, 1), 0.5), CHURNED, days=[20])


def test_impossible_probabilities_and_durations_are_refused() -> None:
    with pytest.raises(ValueError, match="leaves"):
        survival_brier_curve(DURATION, np.full((10, 1), 1.5), CHURNED, days=[20])
    with pytest.raises(ValueError, match="one column per day"):
        survival_brier_curve(DURATION, np.full((10, 2), 0.5), CHURNED, days=[20])
    with pytest.raises(ValueError, match="duration_days is negative"):
        concordance_score([-1, 2, 3], [1, 2, 3], [1, 1, 0])


def test_nobody_churned_compares_nobody() -> None:
    with pytest.raises(ValueError, match="nobody churned"):
        concordance_score(DURATION, SCORE, np.zeros(10))
