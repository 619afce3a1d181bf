"""Value metrics against SciPy and scikit-learn, an obvious loop, and edges."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from churnml.metrics import (
    mean_absolute_loss,
    normalised_gini_score,
    root_mean_squared_loss,
    spearman_score,
    top_share_score,
    total_ratio,
)


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(500) < 0.6, 0.0, rng.gamma(0.8, 60, 500))
    return truth, np.round(truth * rng.uniform(0, 1, 500) + rng.exponential(10, 500))


def test_loss_and_correlation_equal_the_reference(values: tuple[np.ndarray, np.ndarray]) -> None:
    assert mean_absolute_loss(*values) == pytest.approx(mean_absolute_error(*values))
    assert root_mean_squared_loss(*values) == pytest.approx(root_mean_squared_error(*values))
    assert spearman_score(*values) == pytest.approx(spearmanr(*values).statistic)


def lorenz_gini(truth: np.ndarray) -> float:
    """Twice the area between the diagonal and the running share of value, in the order given."""
    shares = np.cumsum(truth) / truth.sum()
    return float(np.mean(np.arange(1, truth.size + 1) / truth.size - shares))


def test_gini_is_the_mean_over_all_orders_of_ties() -> None:
    truth, predicted = np.array([0.0, 5.0, 1.0, 30.0, 0.0]), np.array([1, 2, 2, 2, 1])
    ginis = [
        lorenz_gini(truth[list(order)])
        for order in permutations(range(5))
        if np.all(np.diff(predicted[list(order)]) >= 0)
    ]
    expected = np.mean(ginis) / lorenz_gini(np.sort(truth))
    assert normalised_gini_score(truth, predicted) == pytest.approx(expected)


def test_gini_of_right_wrong_and_no_order() -> None:
    truth = np.array([0.0, 0.0, 5.0, 20.0, -3.0])
    assert normalised_gini_score(truth, truth) == pytest.approx(1.0)
    assert normalised_gini_score(truth, -truth) == pytest.approx(-1.0)
    assert normalised_gini_score(truth, np.ones(5)) == pytest.approx(0.0)
    assert spearman_score(truth, np.ones(5)) == 0.0


def test_top_share_with_ties_at_the_edge() -> None:
    # The two places go to the best and to one of two tied customers, who bring 10 and 30.
    assert top_share_score([60, 10, 30, 0, 0], [3, 2, 2, 1, 1], fraction=0.4) == pytest.approx(0.8)


@pytest.mark.parametrize("metric", [total_ratio, top_share_score])
def test_a_total_that_is_not_positive_is_refused(metric: object) -> None:
    with pytest.raises(ValueError, match="total is not positive"):
        metric([-5.0] * 10, [1.0] * 10)  # type: ignore[operator]


@pytest.mark.parametrize("metric", [spearman_score, normalised_gini_score])
def test_equal_values_have_no_order(metric: object) -> None:
    with pytest.raises(ValueError, match="all actual values are equal"):
        metric([5.0] * 10, np.arange(10))  # type: ignore[operator]


def test_total_ratio() -> None:
    assert total_ratio([100, 0, -20], [48, 48, 0]) == pytest.approx(1.2)
