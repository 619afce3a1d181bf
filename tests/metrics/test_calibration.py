"""Calibration metrics against scikit-learn, worked numbers and edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression

from churnml.metrics import brier_loss, calibration_line, ece_loss, log_loss, reliability_curve

pairs = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=5, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def drawn(n: int, *, slope: float = 1.0, intercept: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of known probability, and probabilities off by a known line."""
    rng = np.random.default_rng(0)
    z = rng.normal(-1, 1.5, n)
    return (rng.random(n) < expit(intercept + slope * z)).astype(float), expit(z)


@settings(max_examples=100, deadline=None)
@given(rows=pairs)
def test_losses_equal_scikit_learn(rows: list[tuple[int, float]]) -> None:
    y_true, p = np.array(rows).T
    assert log_loss(y_true, p) == pytest.approx(reference.log_loss(y_true, p), rel=1e-9)
    assert brier_loss(y_true, p) == pytest.approx(reference.brier_score_loss(y_true, p))


def test_reliability_bins_hold_equal_numbers() -> None:
    y_true, p = drawn(1_000)
    curve = reliability_curve(y_true, p)
    assert curve.n_customers.tolist() == [100] * 10
    order = np.argsort(p).reshape(10, 100)
    np.testing.assert_allclose(curve.p_mean, p[order].mean(axis=1))
    np.testing.assert_allclose(curve.churn_rate, y_true[order].mean(axis=1))


def test_equal_probabilities_stay_in_one_bin() -> None:
    y_true, p = drawn(1_000)
    coarse = np.where(p < np.quantile(p, 0.55), 0.1, p)
    curve = reliability_curve(y_true, coarse)
    assert curve.n_customers.max() >= 550
    assert curve.n_customers.sum() == 1_000


def test_ece_is_near_zero_for_true_probabilities_and_exact_for_a_shift() -> None:
    y_true, p = drawn(50_000)
    assert ece_loss(y_true, p) < 0.01
    assert ece_loss([1, 0, 0, 0], [0.5] * 4) == pytest.approx(0.25)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, -0.4), (1.5, 0.3)])
def test_calibration_line_recovers_a_known_line(slope: float, intercept: float) -> None:
    line = calibration_line(*drawn(50_000, slope=slope, intercept=intercept))
    assert line.slope == pytest.approx(slope, abs=0.04)
    assert line.intercept == pytest.approx(intercept, abs=0.05)


def test_calibration_line_equals_scikit_learn() -> None:
    y_true, p = drawn(500)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(p)[:, None], y_true)
    line = calibration_line(y_true, p)
    assert [line.slope, line.intercept] == pytest.approx([model.coef_[0, 0], model.intercept_[0]], rel=1e-5)


def test_calibration_line_copes_with_certain_and_wrong_probabilities() -> None:
    line = calibration_line([1, 0, 1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0, 0.5, 0.5])
    assert line.slope == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("y_true", "p", "match"),
    [
        ([1, 0, 1, 0, 1], [0.3] * 5, "all probabilities are equal"),
        ([1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1], "separate the classes"),
        ([0, 0, 1, 1, 1], [0.9, 0.8, 0.7, 0.2, 0.1], "separate the classes"),
        ([0, 0, 1, 1, 1], [0.9, 0.8, 1.7, 0.2, 0.1], "leaves"),
    ],
)
def test_calibration_line_refuses(y_true: list[int], p: list[float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        calibration_line(y_true, p)


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="n_bins"):
        ece_loss([1, 0], [0.5, 0.5], n_bins=0)
