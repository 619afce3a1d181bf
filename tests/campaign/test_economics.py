from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.economics import n_affordable, risk_bands, value_tiers


@pytest.mark.parametrize(
    ("budget", "cost", "capacity", "expected"),
    [
        (0.3, 0.1, None, (3, "over_budget")),
        (0.0, 4.0, 500, (0, "over_budget")),
        (100.0, 4.0, 25, (25, "over_budget")),
        (100.0, 4.0, 24, (24, "over_capacity")),
        (None, 4.0, 0, (0, "over_capacity")),
        (0.0, 0.0, 7, (7, "over_capacity")),
        (None, 4.0, None, (None, "over_capacity")),
    ],
)
def test_number_of_contacts(
    budget: float | None, cost: float, capacity: int | None, expected: tuple[int | None, str]
) -> None:
    assert n_affordable(budget=budget, cost=cost, capacity=capacity) == expected


@given(st.lists(st.floats(-100, 1e6), min_size=1, max_size=60), st.randoms())
def test_tiers_do_not_depend_on_order_and_never_split_equal_values(values: list[float], random: object) -> None:
    values = [round(v) for v in values]
    tier = dict(zip(values, value_tiers(np.array(values, float)).tolist(), strict=True))
    random.shuffle(values)  # type: ignore[attr-defined]
    assert value_tiers(np.array(values, float)).tolist() == [tier[v] for v in values]
    ranked = [tier[v] for v in sorted(set(values), reverse=True)]
    assert ranked == sorted(ranked)


def test_tiers_by_hand() -> None:
    # 500 of 1,000 in all: the first reaches half alone, the next two stand before 80 %, the last two behind it.
    assert value_tiers(np.array([500.0, 200, 150, 100, 50, 0, -9, np.nan])).tolist() == list("ABBCCCCC")
    assert value_tiers(np.array([])).tolist() == []
    assert value_tiers(np.zeros(2)).tolist() == ["C", "C"]


def test_a_probability_on_a_threshold_belongs_to_the_band_above() -> None:
    p = np.array([0.0, 0.2, np.nextafter(0.2, 0), 0.4, 0.7, 1.0, np.nan])
    bands = ["low", "medium", "low", "high", "very_high", "very_high", "not_at_risk"]
    assert risk_bands(p, thresholds=(0.2, 0.4, 0.7)).tolist() == bands
