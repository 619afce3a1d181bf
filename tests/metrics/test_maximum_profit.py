"""EMPC and EMPB against empulse, an integral by quadrature over an obvious maximum, and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.stats import beta as beta_distribution

from churnml.metrics import empb_maximum, empb_score, empc_maximum, empc_score

Y = [1, 1, 0, 1, 0, 0, 1, 0, 0, 0]
SCORE = [9, 8, 8, 7, 6, 5, 5, 3, 2, 1]
VALUE = [500, 80, 300, 1200, 40, 60, 250, 900, 30, 100]


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 40, n) / 40
    return (rng.random(n) < 0.1 + score / 2).astype(int), score, rng.gamma(1.0, 300.0, n)


# Printed by empulse 0.13.1: empc_score(Y, SCORE, clv=...), empc_score.optimal_rate(...).
@pytest.mark.parametrize(
    ("value", "options", "profit", "fraction"),
    [
        (200, {}, 19.108393763073213, 0.6936790416980562),
        (200, {"alpha": 2, "beta": 3, "incentive_cost": 20, "contact_cost": 5}, 20.102634787505, 0.5772315480145461),
        (50, {"alpha": 1, "beta": 1}, 5.068125, 0.47625),
    ],
)
def test_empc_equals_the_numbers_of_empulse(
    value: float, options: dict[str, float], profit: float, fraction: float
) -> None:
    assert empc_maximum(Y, SCORE, value, **options) == pytest.approx((profit, fraction), rel=1e-12)
    assert empc_score(Y, SCORE, value, **options) == pytest.approx(profit, rel=1e-12)


# Printed by empulse 0.13.1: empb_score(Y, SCORE, clv=VALUE, ...), empb_score.optimal_rate(...).
@pytest.mark.parametrize(
    ("options", "profit", "fraction"),
    [
        ({}, 45.355000000000004, 0.7),
        ({"alpha": 2, "beta": 3, "incentive_fraction": 0.1, "contact_cost": 40}, 45.08, 0.4),
    ],
)
def test_empb_equals_the_numbers_of_empulse(options: dict[str, float], profit: float, fraction: float) -> None:
    assert empb_maximum(Y, SCORE, VALUE, **options) == pytest.approx((profit, fraction), rel=1e-12)
    assert empb_score(Y, SCORE, VALUE, **options) == pytest.approx(profit, rel=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_both_equal_empulse_where_it_is_installed(seed: int) -> None:
    empulse = pytest.importorskip("empulse.metrics")
    y, score, value = drawn(seed)
    rng = np.random.default_rng(100 + seed)
    beta = {"alpha": float(rng.uniform(1, 8)), "beta": float(rng.uniform(1, 15))}
    costs = {"incentive_cost": float(rng.uniform(1, 60)), "contact_cost": float(rng.uniform(0.1, 20))}
    expected = empulse.empc_score(y, score, clv=180, **beta, **costs)
    rate = empulse.empc_score.optimal_rate(y, score, clv=180, **beta, **costs)
    assert empc_maximum(y, score, 180, **beta, **costs) == pytest.approx((expected, rate), rel=1e-9)
    share = {"incentive_fraction": float(rng.uniform(0, 0.3)), "contact_cost": float(rng.uniform(0, 40))}
    expected = empulse.empb_score(y, score, clv=value, **beta, **share)
    rate = empulse.empb_score.optimal_rate(y, score, clv=value, **beta, **share)
    assert empb_maximum(y, score, value, **beta, **share) == pytest.approx((expected, rate), rel=1e-9)


@pytest.mark.parametrize("contact_cost", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_empc_with_values_of_their_own_equals_an_integral(seed: int, contact_cost: float) -> None:
    y, score, value = drawn(seed, n=60)
    ends = [score >= threshold for threshold in np.unique(score)] + [np.zeros(60, bool)]

    def best(gamma: float) -> float:
        gain = np.where(y == 1, gamma * (value - 25), -25.0) - contact_cost
        return max(gain[top].sum() for top in ends) / 60 * beta_distribution.pdf(gamma, 3, 5)

    expected = quad_vec(best, 0, 1, epsabs=1e-9, limit=5_000)[0]
    found = empc_score(y, score, value, alpha=3, beta=5, incentive_cost=25, contact_cost=contact_cost)
    assert found == pytest.approx(expected, rel=1e-6)


def test_one_size_beforehand_never_earns_more_than_one_for_every_acceptance() -> None:
    for seed in range(5):
        y, score, value = drawn(seed)
        one = empb_score(y, score, value, incentive_fraction=0.1)
        each = empc_score(y, score, value, incentive_cost=0.1 * value, contact_cost=15)
        assert one <= each * (1 + 1e-12)


def test_free_contacts_reach_every_churner() -> None:
    found = empc_maximum([1, 0, 0, 1], [4, 3, 2, 1], 100, incentive_cost=0, contact_cost=0)
    assert found == pytest.approx((0.3 * 100 * 2 / 4, 1.0))


def test_contacts_that_cannot_pay_are_not_made() -> None:
    assert empc_maximum(Y, SCORE, 5.0) == (0.0, 0.0)
    assert empb_maximum(Y, SCORE, VALUE, contact_cost=1e6) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"alpha": 0}, "alpha or beta"),
        ({"beta": np.nan}, "alpha or beta"),
        ({"contact_cost": -1}, "contact_cost is negative"),
        ({"contact_cost": [1, 2]}, "neither one number nor one per customer"),
        ({"value": -5}, "value is negative"),
    ],
)
def test_impossible_economics_are_refused(options: dict[str, Any], match: str) -> None:
    given = {"value": 200.0} | options
    for metric in (empc_score, empb_score):
        with pytest.raises(ValueError, match=match):
            metric(Y, SCORE, **given)


def test_impossible_incentives_are_refused() -> None:
    with pytest.raises(ValueError, match="incentive_cost is negative"):
        empc_score(Y, SCORE, incentive_cost=-1)
    with pytest.raises(ValueError, match="incentive_fraction"):
        empb_score(Y, SCORE, VALUE, incentive_fraction=1.5)
