import numpy as np
import pytest

from churnml.evaluation.noise import jackknife


def test_agrees_with_the_standard_error_of_a_mean():
    values = np.random.default_rng(0).normal(size=4_000)
    found = jackknife(lambda kept: float(values[kept].mean()), np.arange(4_000)).estimate()
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(2.093 / np.sqrt(4_000), rel=0.5)


def test_repeated_rows_of_a_customer_do_not_narrow_it():
    values = np.random.default_rng(0).normal(size=500)
    once = jackknife(lambda kept: float(values[kept].mean()), np.arange(500)).estimate()
    often = jackknife(lambda kept: float(np.tile(values, 10)[kept].mean()), np.tile(np.arange(500), 10)).estimate()
    assert often.high - often.low == pytest.approx(once.high - once.low)


def test_a_difference_of_like_numbers_has_little_noise():
    values = np.random.default_rng(0).normal(size=500)
    one, two = (jackknife(lambda kept, k=k: float(values[kept].mean() + k), np.arange(500)) for k in (0.0, 1.0))
    gap = (two - one).estimate()
    assert (gap.low, gap.value, gap.high) == pytest.approx((1.0, 1.0, 1.0))
