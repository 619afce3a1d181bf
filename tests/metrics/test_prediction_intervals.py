"""Intervals of value: scikit-learn, published numbers, what is least for the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from churnml.metrics import interval_coverage_score, interval_width_loss, pinball_loss, winkler_loss


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_pinball_equals_scikit_learn(quantile: float) -> None:
    rng = np.random.default_rng(0)
    y, p = rng.gamma(1, 50, 300), rng.gamma(1, 50, 300)
    assert pinball_loss(y, p, quantile=quantile) == pytest.approx(mean_pinball_loss(y, p, alpha=quantile))


def test_winkler_equals_the_example_of_scoringrules() -> None:
    # The documentation of scoringrules.interval_score: 0.4 and 0.2 at alpha 0.5, both values inside.
    assert winkler_loss([0.1], [0.0], [0.4], confidence=0.5) == pytest.approx(0.4)
    assert winkler_loss([0.2], [0.1], [0.3], confidence=0.5) == pytest.approx(0.2)


def test_winkler_by_hand_and_as_the_sum_of_two_pinballs() -> None:
    # Below by 3 and above by 5, at 2 / 0.1 = 20 a unit.
    y, low, high = np.array([2.0, 20.0, 9.0]), np.array([5.0, 5.0, 5.0]), np.array([15.0, 15.0, 10.0])
    assert winkler_loss(y, low, high, confidence=0.9) == pytest.approx((10 + 60 + 10 + 100 + 5) / 3)
    both = pinball_loss(y, low, quantile=0.05) + pinball_loss(y, high, quantile=0.95)
    assert winkler_loss(y, low, high, confidence=0.9) == pytest.approx(20 * both)


def test_winkler_is_least_for_the_true_quantiles() -> None:
    y, reach = np.random.default_rng(0).normal(0, 10, 20_000), 10 * norm.ppf(0.9)
    losses = [
        winkler_loss(y, np.full(y.size, -k * reach), np.full(y.size, k * reach), confidence=0.8) for k in (0.7, 1, 1.3)
    ]
    assert min(losses) == losses[1]


def test_coverage_counts_the_ends_and_width_is_a_mean() -> None:
    assert interval_coverage_score([0, 10, 20, 30], [0, 0, 0, 0], [10, 10, 10, 10]) == 0.5
    assert interval_width_loss([0, 1], [0, 4]) == 1.5


def test_ends_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="low lies above high"):
        interval_coverage_score([1, 2], [0, 3], [1, 2])


@pytest.mark.parametrize("share", [0.0, 1.0, 95.0])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        pinball_loss([1.0], [1.0], quantile=share)
    with pytest.raises(ValueError, match="confidence"):
        winkler_loss([1.0], [1.0], [1.0], confidence=share)
