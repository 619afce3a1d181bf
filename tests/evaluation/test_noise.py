import numpy as np
import pytest

from churnml.evaluation.noise import Replicates, customer_weights, replicate
from churnml.evaluation.weighted import mean


def _mean_of(values, customers):
    return Replicates(float(values.mean()), replicate({"mean": mean(values)}, customers)["mean"])


def test_agrees_with_the_standard_error_of_a_mean():
    values = np.random.default_rng(0).normal(size=4_000)
    found = _mean_of(values, np.arange(4_000)).estimate()
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 / np.sqrt(4_000), rel=0.15)


def test_repeated_rows_of_a_customer_do_not_narrow_it():
    values = np.random.default_rng(0).normal(size=500)
    once = _mean_of(values, np.arange(500)).estimate()
    often = _mean_of(np.tile(values, 10), np.tile(np.arange(500), 10)).estimate()
    assert often.high - often.low == pytest.approx(once.high - once.low)


def test_a_difference_of_like_numbers_has_little_noise():
    values = np.random.default_rng(0).normal(size=500)
    one, two = (_mean_of(values + k, np.arange(500)) for k in (0.0, 1.0))
    gap = (two - one).estimate()
    assert (gap.low, gap.value, gap.high) == pytest.approx((1.0, 1.0, 1.0))


def test_every_resample_draws_as_many_customers_as_there_are():
    customers = np.array([0, 0, 1, 2, 2, 2])
    weights = np.concatenate(list(customer_weights(customers, n_repetitions=7)))
    assert weights.shape == (7, 6)
    first = np.array([0, 2, 3])
    assert weights[:, first].sum(axis=1).tolist() == [3.0] * 7
    np.testing.assert_array_equal(weights, weights[:, first][:, customers])


def test_chunks_change_nothing(monkeypatch):
    customers = np.arange(50)
    whole = np.concatenate(list(customer_weights(customers)))
    monkeypatch.setattr("churnml.evaluation.noise._CHUNK", 200)
    np.testing.assert_array_equal(np.concatenate(list(customer_weights(customers))), whole)


def test_many_rows_are_resampled_less_often():
    assert sum(w.shape[0] for w in customer_weights(np.zeros(1_000_000, dtype=np.int64))) == 100


def test_a_number_that_most_resamples_lack_has_no_interval():
    parts = np.array([np.nan, np.nan, np.nan, 1.0])
    assert Replicates(1.0, parts).estimate() is None
    assert Replicates(np.nan, np.ones(4)).estimate() is None
