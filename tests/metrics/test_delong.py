"""DeLong's interval and paired test: by hand, an obvious double loop, simulation, edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from churnml.metrics import delong_interval, delong_test, roc_auc_score


def by_double_loop(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Difference and p-value from the covariance matrices of the 1988 paper."""
    v10, v01 = [], []
    for score in (a, b):
        beats = [[float(x > z) + (x == z) / 2 for z in score[y == 0]] for x in score[y == 1]]
        v10.append(np.mean(beats, axis=1))
        v01.append(np.mean(beats, axis=0))
    s = np.cov(v10) / (y == 1).sum() + np.cov(v01) / (y == 0).sum()
    difference = np.mean(v10[0]) - np.mean(v10[1])
    z = difference / np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    return float(difference), float(2 * norm.sf(abs(z)))


def test_delong_interval_by_hand() -> None:
    # Churners beat 1, 3/4 and 1/2 of the stayers, who are beaten by 1/2 and all of them: variances 1/16 and 1/8.
    low, high = delong_interval([1, 1, 1, 0, 0], [9, 4, 3, 4, 1])
    assert low == pytest.approx(0.75 - 1.959964 * np.sqrt(1 / 16 / 3 + 1 / 8 / 2), abs=1e-6)
    assert high == 1.0


def test_delong_interval_covers_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        scores = np.r_[rng.normal(1, 1, 60), rng.normal(0, 1, 120)]
        low, high = delong_interval(np.r_[np.ones(60), np.zeros(120)], scores, confidence=0.9)
        hits += low <= 0.76025 <= high  # the normal distribution function at 1 / sqrt(2)
    assert hits / 400 == pytest.approx(0.9, abs=0.04)


def test_delong_needs_two_of_each_class() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        delong_interval([1, 0, 0, 0, 0], [5, 4, 3, 2, 1])
    with pytest.raises(ValueError, match="fewer than two"):
        delong_test([1, 1, 1, 1, 0], [5, 4, 3, 2, 1], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("seed", range(5))
def test_delong_test_equals_a_double_loop_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, a = rng.integers(0, 2, 80), rng.integers(0, 15, 80)
    b = a + rng.integers(0, 8, 80) + y
    found = delong_test(y, a, b)
    assert (found.difference, found.p_value) == pytest.approx(by_double_loop(y, a, b))
    assert found.difference == pytest.approx(roc_auc_score(y, a) - roc_auc_score(y, b))


def test_delong_test_rejects_true_equality_as_often_as_it_says() -> None:
    rng, rejected = np.random.default_rng(0), 0
    y = np.r_[np.ones(60), np.zeros(120)]
    for _ in range(400):
        common = y + rng.normal(0, 1, 180)
        found = delong_test(y, common + rng.normal(0, 1, 180), common + rng.normal(0, 1, 180))
        rejected += found.p_value < 0.1
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert rejected / 400 == pytest.approx(0.1, abs=0.04)


def test_delong_test_where_nothing_varies() -> None:
    y, right = [1, 1, 1, 0, 0], [5, 4, 3, 2, 1]
    assert delong_test(y, right, np.exp(right)) == (0.0, 0.0, 0.0, 1.0)
    assert delong_test(y, right, [1, 1, 1, 1, 1]) == (0.5, 0.5, 0.5, 0.0)


def test_the_confidence_is_a_share() -> None:
    with pytest.raises(ValueError, match="confidence"):
        delong_test([1, 1, 0, 0], [4, 3, 2, 1], [4, 3, 2, 1], confidence=95)
