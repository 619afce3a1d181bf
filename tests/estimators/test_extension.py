import numpy as np
import pytest

from churnml.estimators.extension import carried_factor, check_extension


def test_each_customer_has_the_ratio_of_its_expectations():
    factor = carried_factor(np.array([1.0, 2.0, np.nan, 0.0]), np.array([3.0, 2.0, 5.0, 1.0]))
    # Without an expectation of its own a customer gets the ratio of the totals, 5 / 3.
    np.testing.assert_allclose(factor, [3.0, 1.0, 5 / 3, 5 / 3])


def test_without_any_expectation_nothing_is_carried():
    np.testing.assert_array_equal(carried_factor(np.full(3, np.nan), np.ones(3)), np.ones(3))


def test_a_step_that_promises_too_much_is_told_and_taken_back():
    draw = np.random.default_rng(0)
    near = draw.gamma(1.0, 10.0, 5_000)
    found = check_extension(near, near * draw.gamma(8.0, 0.2, 5_000), np.full(5_000, 2.0))
    assert found.ratio == pytest.approx(0.8, abs=0.02)
    assert found.correction == pytest.approx(found.ratio, abs=0.02)


def test_few_rows_hardly_move_the_correction():
    near, far = np.array([1.0, 0.0, 2.0, 0.0]), np.array([0.0, 9.0, 2.0, 0.0])
    assert check_extension(near, far, np.full(4, 2.0)).correction == 1.0
