from __future__ import annotations

import math

import numpy as np
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles.labels import end_of, is_activity, usable
from random_histories import named, random_events, random_spells

from churnml.features.lapsed import RECENT_DAYS, lapsed_figures, mean_amount
from churnml.features.standing import tenure_days, year_value
from churnml.histories.bucket import Bucket
from churnml.histories.store import History

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
NAMES = [f"c{i}" for i in range(6)]


def company(orders: dict, plans: dict, people: list[dict] = ()) -> History:
    tables = {"orders": ("events", named(orders)), "plans": ("spells", named(plans))}
    return memory_history(AS_OF, {"customers": ("customers", list(people)), **tables})


def asked(history: History) -> tuple[Bucket, list[str], np.ndarray, np.ndarray]:
    bucket = Bucket(history, 0)
    names = bucket.customers.to_pylist()
    return bucket, names, np.repeat(np.arange(len(names)), 3), np.tile(np.array(DATES, np.int64), len(names))


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_figures_of_the_lost_equal_a_slow_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders, plans = ({name: make(rng, DATES) for name in NAMES} for make in (random_events, random_spells))
    history = company(orders, plans)
    bucket, names, who, when = asked(history)
    found = lapsed_figures(bucket, history, who, when, since=when - 5 * DAY, last=when - 9 * DAY).to_pylist()
    amounts = mean_amount(bucket, history.tables["orders"], who, when)
    for place, (i, t) in enumerate(zip(who, when.tolist(), strict=True)):
        rows = [r for r in orders[names[i]] if usable(r, t) and is_activity(r)]
        times = [r["occurred_at"] for r in rows]
        row = {name: math.nan if value is None else value for name, value in found[place].items()}
        paid = [float(r["amount"]) for r in rows if r["amount"] is not None]
        pause = (max(times) - min(times)) / DAY / (len(times) - 1) if len(times) > 1 else math.nan
        assert row["orders_pause_days"] == pytest.approx(pause, nan_ok=True)
        assert row["orders_since_days"] == pytest.approx((t - max(times)) / DAY if times else math.nan, nan_ok=True)
        assert row["orders_recent"] == sum(at > t - RECENT_DAYS * DAY for at in times)
        assert row["orders_mean_amount"] == pytest.approx(mean(paid), nan_ok=True)
        assert amounts[place] == pytest.approx(mean(paid), nan_ok=True)
        begun = [r["started_at"] for r in plans[names[i]] if usable(r, t, "started_at")]
        assert row["plans_since_days"] == pytest.approx((t - max(begun)) / DAY if begun else math.nan, nan_ok=True)
        assert (row["gone_days"], row["silent_days"]) == (5, 9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_standing_equals_a_slow_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders, plans = ({name: make(rng, DATES) for name in NAMES} for make in (random_events, random_spells))
    people = [{"id": "c0", "joined": DATES[1], "segment": "a"}]
    history = company(orders, plans, people)
    bucket, names, who, when = asked(history)
    tenure = tenure_days(bucket, history, who, when)
    worth = {name: year_value(bucket, history.tables[name], who, when, is_count=False) for name in ("orders", "plans")}
    for place, (i, t) in enumerate(zip(who, when.tolist(), strict=True)):
        name = names[i]
        rows, spells = [r for r in orders[name] if usable(r, t)], [r for r in plans[name] if usable(r, t, "started_at")]
        first = [r["occurred_at"] for r in rows] + [r["started_at"] for r in spells]
        first = [DATES[1]] if name == "c0" and t >= DATES[1] else first
        assert tenure[place] == pytest.approx((t - min(first)) / DAY if first else math.nan, nan_ok=True)
        year = sum(float(r["amount"] or 0) for r in rows if r["occurred_at"] > t - 365 * DAY)
        fees = sum(float(r["amount"] or 0) for r in spells if end_of(r) > t)
        assert worth["orders"][place] == pytest.approx(year)
        assert worth["plans"][place] == pytest.approx(fees)
