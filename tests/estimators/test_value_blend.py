import numpy as np
import pytest

from churnml.estimators.value_blend import blend_weights, fit_line, shrunk_ratio, tweedie_deviance


def _truth(n, seed=0):
    draw = np.random.default_rng(seed)
    log_mean = draw.normal(0.0, 1.0, n)
    actual = np.where(draw.random(n) < 0.5, 0.0, np.exp(log_mean) * draw.gamma(2.0, 1.0, n))
    return log_mean, actual, draw


def test_a_part_that_knows_nothing_gets_no_weight():
    log_mean, actual, draw = _truth(5_000)
    weights = blend_weights(np.column_stack([log_mean, draw.normal(size=5_000)]), actual)
    np.testing.assert_array_equal(weights, [1.0, 0.0])


def test_few_rows_keep_like_parts_near_equal():
    log_mean, actual, draw = _truth(150)
    parts = log_mean[:, None] + 0.5 * draw.normal(size=(150, 3))
    weights = blend_weights(parts, actual)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() > 0.1


def test_the_joined_prediction_beats_noisy_parts():
    log_mean, actual, draw = _truth(20_000)
    parts = log_mean[:, None] + 0.7 * draw.normal(size=(20_000, 3))
    joined = parts @ blend_weights(parts, actual)
    loss = [_loss(actual, logarithm) for logarithm in (joined, *parts.T)]
    assert loss[0] < min(loss[1:])


def _loss(actual, logarithm):
    intercept, slope = fit_line(logarithm, actual, None)
    return tweedie_deviance(actual, intercept + slope * logarithm).mean()


def test_level_and_spread_of_a_part_do_not_count():
    log_mean, actual, draw = _truth(3_000)
    other = log_mean + 0.3 * draw.normal(size=3_000)
    plain = blend_weights(np.column_stack([log_mean, other]), actual)
    moved = blend_weights(np.column_stack([log_mean, 3.0 + 0.8 * other]), actual)
    np.testing.assert_allclose(moved, plain, atol=0.02)


def test_the_line_is_found_again():
    draw = np.random.default_rng(0)
    logarithm = draw.normal(size=50_000)
    actual = np.exp(0.5 + 0.7 * logarithm) * draw.gamma(2.0, 0.5, 50_000)
    assert fit_line(logarithm, actual, None) == pytest.approx((0.5, 0.7), abs=0.02)


def test_the_line_never_turns_the_order_round():
    logarithm = np.random.default_rng(0).normal(size=500)
    intercept, slope = fit_line(logarithm, np.exp(-logarithm), None)
    assert slope == 0.0
    assert np.exp(intercept) == pytest.approx(np.exp(-logarithm).mean())


def test_a_giant_moves_the_level_little():
    predicted = np.ones(1_000)
    with_giant = np.append(np.ones(999), 500.0)
    # The plain ratio is 1.5.
    assert shrunk_ratio(with_giant, predicted, most=10.0) < 1.2
    assert shrunk_ratio(1.5 * predicted, predicted, most=10.0) == pytest.approx(1.5)


def test_the_level_is_bounded_and_stays_where_nothing_came():
    assert shrunk_ratio(np.full(100, 99.0), np.ones(100), most=10.0) == 10.0
    assert shrunk_ratio(np.full(100, -1.0), np.ones(100), most=10.0) == 1.0
