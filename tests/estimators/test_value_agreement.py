import numpy as np
import pytest

from churnml.estimators.value_agreement import cap_value, value_agreement


def _customers(n=2_000, seed=0):
    draw = np.random.default_rng(seed)
    return draw.random(n), draw.gamma(2.0, 50.0, n), draw


def test_value_that_follows_from_churn_agrees():
    p_churn, spend, _ = _customers()
    found = value_agreement(np.ones(p_churn.size) * (1 - p_churn), p_churn, spend)
    assert found.spearman == pytest.approx(1.0)
    assert found.contradictions == 0.0


def test_value_unrelated_to_churn_contradicts_in_half_of_the_pairs():
    p_churn, spend, draw = _customers()
    found = value_agreement(draw.gamma(2.0, 50.0, p_churn.size), p_churn, spend)
    assert abs(found.spearman) < 0.1
    assert found.contradictions == pytest.approx(0.5, abs=0.05)


def test_past_spend_alone_is_no_contradiction():
    _, spend, _ = _customers()
    p_churn = np.exp(-spend / 100.0)
    # The bigger the spend the less churn: within a tenth the two still agree.
    assert value_agreement(spend * (1 - p_churn), p_churn, spend).contradictions == 0.0


def test_the_surely_gone_are_counted_with_their_share_of_value():
    p_churn, value = np.full(100, 0.5), np.ones(100)
    p_churn[:10] = 0.99
    found = value_agreement(value, p_churn, np.zeros(100))
    assert (found.surely_gone, found.value_of_surely_gone) == (10, pytest.approx(0.1))


def test_the_order_of_rows_does_not_matter():
    p_churn, spend, draw = _customers()
    value, order = draw.gamma(2.0, 50.0, p_churn.size), draw.permutation(p_churn.size)
    assert value_agreement(value, p_churn, spend) == value_agreement(value[order], p_churn[order], spend[order])


def test_the_cap_falls_to_nothing_and_never_raises():
    p_churn = np.linspace(0.0, 1.0, 1_001)
    capped = cap_value(np.full(p_churn.size, 7.0), p_churn)
    assert (np.diff(capped) <= 0).all()
    assert (capped[p_churn <= 0.98] == 7.0).all()
    assert capped[-1] == 0.0
    np.testing.assert_array_equal(cap_value(np.array([-3.0, 5.0]), np.array([1.0, np.nan])), [-3.0, 5.0])


def test_too_few_customers_are_refused():
    with pytest.raises(ValueError, match="fewer than 20"):
        value_agreement(np.ones(10), np.ones(10), np.ones(10))
