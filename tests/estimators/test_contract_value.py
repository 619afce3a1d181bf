import numpy as np
import pytest

from churnml.estimators.contract_value import contract_value


def test_a_sure_contract_brings_the_margin_of_every_period():
    value = contract_value(np.ones((1, 12)), np.array([10.0]), period_days=365 / 12, margin=0.5)
    assert value[0] == pytest.approx(60.0)


def test_discounting_counts_at_the_middle_of_a_period():
    value = contract_value(np.ones((1, 2)), np.array([100.0]), period_days=365, discount_rate_yearly=0.1)
    assert value[0] == pytest.approx(100 / 1.1**0.5 + 100 / 1.1**1.5)


def test_agrees_with_drawn_contracts():
    draw = np.random.default_rng(0)
    life = draw.exponential(2.0, 200_000)
    truth = np.minimum(life, 3.0).mean() * 100.0
    survival = np.exp(-np.arange(1, 37) / 12 / 2.0)[None, :]
    assert contract_value(survival, np.array([100 / 12]), period_days=365 / 12)[0] == pytest.approx(truth, rel=0.01)


def test_cost_to_serve_is_paid_while_in_force():
    served = {"period_days": 365.0, "cost_to_serve_yearly": 30.0}
    value = contract_value(np.array([[1.0], [0.0]]), np.array([100.0, 20.0]), **served)
    np.testing.assert_allclose(value, [70.0, -5.0])


def test_amounts_may_change_by_period():
    value = contract_value(np.ones((1, 2)), np.array([[10.0, 20.0]]), period_days=30)
    assert value[0] == pytest.approx(30.0)


@pytest.mark.parametrize("survival", [[[0.5, 0.6]], [[1.1, 0.5]], [[0.5, -0.1]]])
def test_survival_that_rises_or_is_no_probability_is_refused(survival):
    with pytest.raises(ValueError, match="rising"):
        contract_value(np.array(survival), np.array([1.0]), period_days=30)
