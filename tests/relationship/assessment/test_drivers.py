from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.assessment.drivers import Outcome, before_and_after, drivers


def outcome(seed: int, *, effect: float, n: int = 4000) -> Outcome:
    """Return dissatisfaction that slow answers cause, and activity that goes with both."""
    rng = np.random.default_rng(seed)
    activity = rng.random(n)
    slow = (rng.random(n) < 0.1 + 0.4 * activity).astype(float)
    idle = (rng.random(n) < 0.1 + 0.4 * activity).astype(float)
    happened = (rng.random(n) < 0.1 + effect * slow + 0.3 * activity).astype(float)
    return Outcome("csat", happened, {"slow": slow, "idle": idle}, activity[:, None])


def test_a_planted_driver_is_found_and_one_that_only_goes_along_is_not() -> None:
    rows = drivers([outcome(1, effect=0.15)], minimum=10, fdr=0.05)
    assert [row["measure"] for row in rows if row["is_found"]] == ["slow"]
    assert rows[0]["low"] < 0.15 < rows[0]["high"]
    assert rows[0]["with"] - rows[0]["without"] > rows[0]["effect"]


def test_the_interval_covers_the_planted_effect_about_as_often_as_it_says() -> None:
    rows = [drivers([outcome(seed, effect=0.1, n=800)], minimum=10, fdr=0.05) for seed in range(60)]
    slow = [row for found in rows for row in found if row["measure"] == "slow"]
    assert 52 <= sum(row["low"] <= 0.1 <= row["high"] for row in slow) <= 60


def test_too_few_customers_say_nothing() -> None:
    few = outcome(2, effect=0.1, n=40)
    assert drivers([few._replace(measures={"slow": np.zeros(40)})], minimum=10, fdr=0.05) == []


def test_before_and_after_tell_how_common_it_was_and_what_went_with_it() -> None:
    now, before = outcome(3, effect=0.2), outcome(4, effect=0.0)
    (found,) = before_and_after("slow", [now], [before], minimum=10)
    assert found["now"]["mean"] == pytest.approx(now.measures["slow"].mean())
    assert found["before"]["n"] == 4000
    assert found["now"]["with"] > found["before"]["with"]
