from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from churnml.campaign.followed import ArmDifference, arm_differences, delay_quantiles, effect_on_contacted
from churnml.campaign.told import TOLD_SCHEMA
from churnml.campaign.told_made import first_told, made_until
from churnml.timeline import DAY_US


def one_list(seed: int, *, effect: float, n: int = 4000) -> dict[str, float]:
    """Return the interval of churn of one simulated list with a tenth held out."""
    rng = np.random.default_rng(seed)
    listed = rng.random(n) > 0.1
    left = rng.random(n) < 0.3 - effect * listed
    found = arm_differences({"churn": left.astype(float)}, listed, np.arange(n))["churn"]
    return {"low": found.low, "high": found.high, "difference": found.difference}


def test_by_hand() -> None:
    values = np.array([1.0] * 4 + [0.0] * 6 + [1.0] * 8 + [0.0] * 2)
    found = arm_differences({"churn": values}, np.arange(20) < 10, np.arange(20))["churn"]
    assert (found.listed, found.held_out, found.difference) == pytest.approx((0.4, 0.8, -0.4))
    # Variances of the means with n - 1: 0.24 / 9 and 0.16 / 9.
    assert found.high - found.difference == pytest.approx(1.959964 * np.sqrt(0.4 / 9))
    assert (found.n_listed, found.n_held_out) == (10, 10)


def test_the_interval_covers_a_planted_effect() -> None:
    covered = [found["low"] <= -0.06 <= found["high"] for found in (one_list(s, effect=0.06) for s in range(200))]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_without_an_effect_chance_is_seldom_called_one() -> None:
    called = [found["low"] > 0 or found["high"] < 0 for found in (one_list(s, effect=0.0) for s in range(200))]
    assert np.mean(called) <= 0.09


def test_a_customer_on_many_lists_counts_once_for_the_interval() -> None:
    rng = np.random.default_rng(1)
    values, listed = rng.random(200), np.arange(200) % 2 == 0
    once = arm_differences({"x": values}, listed, np.arange(200))["x"]
    often = arm_differences({"x": np.tile(values, 5)}, np.tile(listed, 5), np.tile(np.arange(200), 5))["x"]
    assert often.high - often.low == pytest.approx(once.high - once.low)


def test_arms_of_few_customers_are_not_shown() -> None:
    values = np.arange(40.0)
    assert arm_differences({"x": values}, np.arange(40) >= 9, np.arange(40)) == {}
    assert arm_differences({"x": values}, np.arange(40) >= 20, np.arange(40) // 3) == {}


def test_what_is_not_known_is_left_out() -> None:
    values = np.where(np.arange(60) < 30, 1.0, np.nan)
    values[40:] = 0.0
    found = arm_differences({"x": values}, np.arange(60) < 20, np.arange(60))["x"]
    assert (found.n_listed, found.n_held_out) == (20, 30)


def test_delays() -> None:
    assert delay_quantiles(np.arange(1.0, 11.0)) == (5.0, 9.0)
    assert delay_quantiles(np.arange(9.0)) is None


def test_an_effect_on_the_contacted_is_the_difference_by_the_more_that_were_contacted() -> None:
    churn = ArmDifference(0.10, 0.16, -0.06, -0.10, -0.02, 900, 300)
    assert effect_on_contacted(churn, 0.65, 0.05) == pytest.approx({"value": -0.1, "low": -1 / 6, "high": -1 / 30})
    assert effect_on_contacted(churn, 0.30, 0.28) is None


def test_the_first_told_contact_from_the_list_s_day_on_counts() -> None:
    told = (("a", "done", 1), ("a", "done", 3), ("a", "done", 5), ("b", "not_reached", 4), ("c", "refused", 9))
    rows = [
        {"list": "r", "customer_id": who, "outcome": what, "at": datetime(2024, 7, day, tzinfo=UTC)}
        for who, what, day in told
    ]
    date = int(datetime(2024, 7, 3, tzinfo=UTC).timestamp() * 1e6)
    made = made_until(pa.Table.from_pylist(rows, schema=TOLD_SCHEMA), until=date + 5 * DAY_US)
    found = first_told(["a", "a", "b", "c"], np.array([date, date + 1, date, date]), made)
    np.testing.assert_array_equal(found, [0.0, 2 * DAY_US - 1, np.nan, np.nan])
