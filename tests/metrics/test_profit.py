"""Money metrics: worked numbers, bounds, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churnml.metrics import expected_gain, profit_at_capacity_score, profit_curve, savings_score

Y, SCORE, VALUE = [1, 0, 1, 0, 1], [5, 4, 3, 2, 1], [200, 100, 50, 80, 10]


def test_expected_gain_per_customer_economics() -> None:
    gain = expected_gain([0.5, 0.1], [200, 200], effect=[0.2, 0.5], cost=[5, 20])
    assert gain.tolist() == pytest.approx([15.0, -10.0])


def test_profit_curve_by_hand() -> None:
    n_contacted, profit = profit_curve(Y, SCORE, VALUE, effect=0.4, cost=10)
    assert n_contacted.tolist() == [0, 1, 2, 3, 4, 5]
    assert profit.tolist() == pytest.approx([0, 70, 60, 70, 60, 54])


def test_profit_at_capacity_is_a_point_of_the_curve() -> None:
    assert profit_at_capacity_score(Y, SCORE, VALUE, effect=0.4, cost=10, capacity=3) == pytest.approx(70)
    assert profit_at_capacity_score(Y, SCORE, VALUE, effect=0.4, cost=10, capacity=99) == pytest.approx(54)


def test_ties_at_capacity_share_the_places() -> None:
    shared = profit_at_capacity_score(Y, [1, 1, 1, 0, 0], VALUE, effect=0.4, cost=10, capacity=1)
    assert shared == pytest.approx(70 / 3)


def test_savings_relate_profit_to_what_was_lost() -> None:
    assert savings_score(Y, SCORE, VALUE, effect=0.4, cost=10, capacity=3) == pytest.approx(70 / 260)
    assert savings_score(Y, SCORE, VALUE, effect=1, cost=0, capacity=5) == pytest.approx(1.0)


def test_ranking_by_true_gain_is_the_best_list_of_any_size() -> None:
    rng = np.random.default_rng(0)
    y, value, cost = rng.integers(0, 2, 100), rng.gamma(1, 50, 100), rng.uniform(0, 10, 100)
    best = profit_curve(y, expected_gain(y, value, effect=0.3, cost=cost), value, effect=0.3, cost=cost)[1]
    other = profit_curve(y, rng.random(100), value, effect=0.3, cost=cost)[1]
    assert best.max() >= other.max()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"effect": 1.2, "cost": 1}, "effect leaves"),
        ({"effect": 0.2, "cost": -1}, "cost is negative"),
        ({"effect": [0.2, 0.3], "cost": 1}, "neither one number"),
        ({"effect": np.nan, "cost": 1}, "missing"),
    ],
)
def test_impossible_economics_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        profit_curve(Y, SCORE, VALUE, **options)


def test_capacity_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        profit_at_capacity_score(Y, SCORE, VALUE, effect=0.4, cost=10, capacity=0)


def test_nothing_lost_is_nothing_to_save() -> None:
    with pytest.raises(ValueError, match="worth nothing"):
        savings_score(Y, SCORE, [0, 5, 0, 5, 0], effect=0.4, cost=10, capacity=2)
