from __future__ import annotations

import math

import numpy as np
import pytest
from factories import AS_OF, DAY, WINDOWS
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import spells as oracle
from random_histories import named, random_spells

from churnml.features.plan import FeaturePlan
from churnml.features.spells import spell_features
from churnml.histories.bucket import Bucket

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
START = AS_OF - 300 * DAY


def features_of(rows: list[dict], dates: tuple[int, ...] = (AS_OF,)) -> list[dict[str, float]]:
    """Return the numeric features of one customer at each date."""
    history = memory_history(AS_OF, {"plans": ("spells", [{"id": "c", **row} for row in rows])})
    customer, when = np.zeros(len(dates), np.int64), np.array(dates, np.int64)
    columns = spell_features(Bucket(history, 0), history.tables["plans"], FeaturePlan(WINDOWS), customer, when)
    numbers = {name.removeprefix("plans_"): v for name, v in columns.values.items() if isinstance(v, np.ndarray)}
    return [{name: float(values[r]) for name, values in numbers.items()} for r in range(len(dates))]


def spell(start_day: float, days: float | None, *, fee: int = 10, tier: str = "basic", **more: object) -> dict:
    start = START + round(start_day * DAY)
    end = None if days is None else start + round(days * DAY)
    return {"started_at": start, "ended_at": end, "amount": fee, "tier": tier, **more}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_measure_equals_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    companies = {f"c{i}": random_spells(rng, DATES) for i in range(8)} | {"z": [spell(0, None, known_at=None)]}
    companies["z"][0]["superseded_at"] = companies["z"][0]["planned_end"] = None
    history = memory_history(AS_OF, {"plans": ("spells", named(companies))})
    bucket = Bucket(history, 0)
    customer = np.repeat(np.arange(len(bucket.customers)), len(DATES))
    dates = np.tile(np.array(DATES, np.int64), len(bucket.customers))
    columns = spell_features(bucket, history.tables["plans"], FeaturePlan(WINDOWS), customer, dates)
    for r, (who, t) in enumerate(zip(customer, dates.tolist(), strict=True)):
        expected = oracle.spell_features(companies[bucket.customers[int(who)].as_py()], t, WINDOWS)
        for name, value in expected.items():
            got = float(columns.values[f"plans_{name}"][r])
            assert got == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), name


def test_a_change_of_plan_on_the_next_day_is_a_change_and_no_gap() -> None:
    (found,) = features_of([spell(0, 100, fee=10), spell(100.5, None, fee=15, tier="plus")])
    assert (found["changes_count_all"], found["renewals_count_all"], found["returns_count"]) == (1, 0, 0)
    assert (found["change_amount"], found["upgrades_count"], found["downgrades_count"]) == (5, 1, 0)
    assert found["since_change_days"] == pytest.approx(199.5)
    assert found["gap_days"] == pytest.approx(0.5)


def test_the_same_plan_again_is_a_renewal() -> None:
    (found,) = features_of([spell(0, 100), spell(100, 100), spell(200, None)])
    assert (found["changes_count_all"], found["renewals_count_all"]) == (0, 2)
    assert found["renewals_count_90d"] == 0
    assert math.isnan(found["since_change_days"])
    assert found["longest_days"] == 100


def test_time_counts_once_however_many_are_in_force() -> None:
    (found,) = features_of([spell(0, 200), spell(50, 100, tier="plus"), spell(250, None)])
    assert (found["subscribed_days"], found["gap_days"]) == (250, 50)
    assert found["in_force_share_90d"] == pytest.approx(50 / 90)
    assert found["in_force_share_all"] == pytest.approx(250 / 300)
    assert found["returns_count"] == 1


def test_an_end_that_came_in_late_is_open_until_then() -> None:
    end, late = START + 100 * DAY, START + 130 * DAY
    rows = [spell(0, None, superseded_at=late), spell(0, 100, known_at=late)]
    before, after = features_of(rows, (late - 1, late))
    assert (before["active_count"], before["ended_count_all"]) == (1, 0)
    assert (after["active_count"], after["since_end_days"]) == (0, (late - end) / DAY)
    assert after["started_count_all"] == 1


def test_reversed_spells_never_were() -> None:
    (found,) = features_of([spell(10, -5)])
    assert found["started_count_all"] == found["ended_count_all"] == found["active_count"] == 0
    assert math.isnan(found["tenure_days"])
