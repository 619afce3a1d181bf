import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.errors import DataError
from churnml.estimators.calibrator import PlattCalibrator, fit_platt, logit, sigmoid


def _sample(*, n, slope, intercept, seed=0):
    draw = np.random.default_rng(seed)
    score = draw.normal(size=n)
    return score, (draw.random(n) < sigmoid(slope * score + intercept)).astype(np.int8)


def test_recovers_the_line_it_was_drawn_from():
    found = fit_platt(*_sample(n=50_000, slope=0.6, intercept=-1.2))
    assert (found.slope, found.intercept) == pytest.approx((0.6, -1.2), abs=0.05)


def test_mean_probability_equals_the_rate():
    score, y = _sample(n=2_000, slope=2.0, intercept=-3.0)
    assert fit_platt(score, y).predict(score).mean() == pytest.approx(y.mean(), abs=1e-3)


def test_a_reversed_score_keeps_its_order_and_gets_the_level():
    score, y = _sample(n=2_000, slope=-1.0, intercept=0.5)
    found = fit_platt(score, y)
    assert found.slope == pytest.approx(1.0)
    assert found.predict(score).mean() == pytest.approx(y.mean(), abs=1e-3)


def test_few_of_the_rarer_class_move_the_level_only():
    score, y = _sample(n=100, slope=0.3, intercept=-2.5)
    assert 0 < y.sum() < 30
    assert fit_platt(score, y).slope == pytest.approx(1.0)


def test_complete_separation_stays_finite():
    score = np.linspace(-3.0, 3.0, 200)
    found = fit_platt(score, (score > 0).astype(np.int8))
    assert 1.0 < found.slope < 50.0


def test_one_class_is_refused():
    with pytest.raises(DataError, match="only one class"):
        fit_platt(np.zeros(5), np.ones(5, dtype=np.int8))


@given(st.floats(-800, 800), st.floats(0.06, 30), st.floats(-30, 30))
def test_probabilities_stay_inside_the_open_interval(score, slope, intercept):
    p = PlattCalibrator(slope, intercept).predict(np.array([score]))[0]
    assert 0.0 < p < 1.0


@given(st.floats(1e-6, 1 - 1e-6))
def test_logit_and_sigmoid_are_inverse(p):
    assert sigmoid(logit(np.array([p])))[0] == pytest.approx(p, rel=1e-6)
