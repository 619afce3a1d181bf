import numpy as np
import pytest
from scipy import stats

from churnml.evaluation.measures import TRIALS, money
from churnml.evaluation.terms import Terms
from churnml.metrics import expected_gain, profit_curve


def test_share_to_contact_equals_a_hand_computed_example():
    # With g ~ Beta(1, 19) accepting, P(g > t) = (1 - t)^19. The first list worth making is the first customer
    # (100 g - 10), from g > 1/10; the next the first three (200 g - 30), from g > 2/10; never all four.
    y, p, value = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1]), np.full(4, 100.0)
    found = money(y, p, value, terms=Terms(effect=0.05, cost=10.0), fraction=0.5)
    assert found["empc_share"] == pytest.approx((1 * 0.9**19 + 2 * 0.8**19) / 4)
    assert found["empc"] == pytest.approx((5 * 0.9**20 + 5 * 0.8**20) / 4)


def test_share_to_contact_is_where_the_profit_curve_is_highest_on_average():
    rng = np.random.default_rng(3)
    p, value = rng.beta(1, 3, 60), rng.gamma(2, 100, 60)
    y = (rng.random(60) < p).astype(float)
    terms = Terms(effect=0.3, cost=12.0)
    gain = expected_gain(p, value, effect=terms.effect, cost=terms.cost)
    accepted = stats.beta.ppf((np.arange(4_000) + 0.5) / 4_000, TRIALS * 0.3, TRIALS * 0.7)
    curves = [profit_curve(y, gain, value, effect=share, cost=terms.cost) for share in accepted]
    found = money(y, p, value, terms=terms, fraction=0.2)
    assert found["empc_share"] == pytest.approx(np.mean([n[profit.argmax()] for n, profit in curves]) / 60, abs=1e-3)
    assert found["empc"] == pytest.approx(np.mean([profit.max() for _, profit in curves]) / 60, rel=1e-3)


def test_nobody_is_to_be_contacted_where_a_contact_costs_more_than_it_can_save():
    y, p = np.array([1.0, 0]), np.array([0.9, 0.1])
    found = money(y, p, np.array([5.0, 5.0]), terms=Terms(effect=0.3, cost=10.0), fraction=0.5)
    assert (found["empc"], found["empc_share"]) == (0.0, 0.0)
