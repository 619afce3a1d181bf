import numpy as np
import pytest

from churnml.estimators.interval import ValueInterval, fit_interval


def test_ratios_are_the_quantiles_of_a_bin():
    found = fit_interval(np.full(79, 10.0), np.arange(1.0, 80.0))
    low, high = found.predict(np.array([50.0]))
    # The 8th and the 72nd of 79: a further value lies between them in 64 of 80 cases.
    assert (low[0], high[0]) == pytest.approx((40.0, 360.0))


def test_all_zero_outcomes_keep_the_prediction_inside():
    found = fit_interval(np.full(100, 2.0), np.zeros(100))
    low, high = found.predict(np.array([2.0]))
    assert (low[0], high[0]) == (0.0, 2.0)


def test_does_not_depend_on_row_order():
    draw = np.random.default_rng(0)
    predicted, actual, order = draw.gamma(2.0, 5.0, 500), draw.gamma(2.0, 5.0, 500), draw.permutation(500)
    assert fit_interval(predicted, actual).state() == fit_interval(predicted[order], actual[order]).state()


def test_plain_values_and_back():
    found = fit_interval(np.linspace(1.0, 9.0, 200), np.linspace(0.0, 20.0, 200))
    again = ValueInterval.from_state(found.state())
    np.testing.assert_array_equal(again.predict(np.arange(5.0)), found.predict(np.arange(5.0)))


def test_four_of_five_customers_lie_inside_though_half_buy_nothing():
    draw = np.random.default_rng(0)
    mean = draw.gamma(2.0, 10.0, 20_000)
    actual = np.where(draw.random(mean.size) < 0.5, 0.0, mean * draw.gamma(2.0, 1.0, mean.size))
    low, high = fit_interval(mean[:10_000], actual[:10_000]).predict(mean[10_000:])
    covered = (low <= actual[10_000:]) & (actual[10_000:] <= high)
    assert covered.mean() == pytest.approx(0.8, abs=0.02)
    assert (low == 0).all()
