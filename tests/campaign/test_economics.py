from __future__ import annotations

import numpy as np
import pytest

from churnml.campaign.economics import n_affordable, risk_bands


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


def test_a_probability_on_a_threshold_belongs_to_the_band_above() -> None:
    p = np.array([0.0, 0.2, np.nextafter(0.2, 0), 0.4, 0.7, 1.0, np.nan])
    bands = ["low", "medium", "low", "high", "very_high", "very_high", "not_at_risk"]
    assert risk_bands(p, thresholds=(0.2, 0.4, 0.7)).tolist() == bands
