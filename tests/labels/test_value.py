from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import labels as oracle
from random_histories import named, random_events, random_spells

from churnml.errors import DataError
from churnml.estimators.clv import check_values
from churnml.features.events import EventSource, event_features
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.labels.value import ValueDefinition, value_labels

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY)
T = AS_OF - 100 * DAY
ORDERS = ValueDefinition("orders", "amount", margin=0.4, discount_rate_yearly=0.1)
PLANS = ValueDefinition("plans", "amount", margin=0.4, discount_rate_yearly=0.1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_value_equals_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders = {f"c{i}": random_events(rng, DATES) for i in range(6)} | {"z": []}
    plans = {f"c{i}": random_spells(rng, DATES) for i in range(6)}
    history = memory_history(AS_OF, {"orders": ("events", named(orders)), "plans": ("spells", named(plans))})
    bucket = Bucket(history, 0)
    names = bucket.customers.to_pylist()
    who, when = np.repeat(np.arange(len(names)), 3), np.tile(np.array(DATES, np.int64), len(names))
    bought = value_labels(bucket, ORDERS, who, when, horizon_us=33 * DAY, is_spells=False)
    paid = value_labels(bucket, PLANS, who, when, horizon_us=33 * DAY, is_spells=True)
    rule = {"horizon": 33, "margin": 0.4, "rate": 0.1}
    for place, (i, t) in enumerate(zip(who, when.tolist(), strict=True)):
        assert bought[place] == pytest.approx(oracle.value(orders.get(names[i], []), t, **rule))
        assert paid[place] == pytest.approx(oracle.accrued(plans.get(names[i], []), t, **rule))


AMOUNTS = {
    "partly": [(-50, 100), (-20, -30), (10, 40)],
    "wholly": [(-5, 80), (5, -80)],
    "before": [(-9, -25), (-8, 25)],  # given back before it was bought
    "window": [(1, 60), (2, -60), (3, 10)],
    "late": [(-200, 90), (20, -90), (89, 5)],
}
"""Orders by customer: (days after t, amount); worked out by hand below."""


def history_of_refunds():
    rows = [
        {"id": name, "occurred_at": T + days * DAY, "amount": amount, "channel": "web", "items": 1.0}
        for name, orders in AMOUNTS.items()
        for days, amount in orders
    ]
    return memory_history(AS_OF, {"orders": ("events", rows)})


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ("subtract", {"before": 0, "late": -85, "partly": 40, "wholly": -80, "window": 10}),
        ("ignore", {"before": 0, "late": 5, "partly": 40, "wholly": 0, "window": 70}),
    ],
)
def test_in_26_value_after_refunds_is_that_of_a_hand_worked_fixture(refunds: str, expected: dict[str, float]) -> None:
    bucket = Bucket(history_of_refunds(), 0)
    definition = ValueDefinition("orders", "amount", refunds=refunds)
    who, when = np.arange(5), np.full(5, T, np.int64)
    found = value_labels(bucket, definition, who, when, horizon_us=90 * DAY, is_spells=False)
    assert dict(zip(bucket.customers.to_pylist(), found.tolist(), strict=True)) == expected


def test_in_26_features_after_refunds_are_those_of_a_hand_worked_fixture() -> None:
    history = history_of_refunds()
    bucket = Bucket(history, 0)
    info, plan = history.tables["orders"], FeaturePlan((30, 90))
    columns = event_features(EventSource(bucket, info, plan), np.arange(5), np.full(5, T, np.int64)).values
    names = bucket.customers.to_pylist()
    found = {
        measure: dict(zip(names, columns[f"orders_{measure}_90d"].tolist(), strict=True))
        for measure in ("count", "amount_sum", "refunded_sum", "net_sum")
    }
    assert found == {
        "count": {"before": 1, "late": 0, "partly": 1, "wholly": 1, "window": 0},
        "amount_sum": {"before": 25, "late": 0, "partly": 100, "wholly": 80, "window": 0},
        "refunded_sum": {"before": 25, "late": 0, "partly": 30, "wholly": 0, "window": 0},
        "net_sum": {"before": 0, "late": 0, "partly": 70, "wholly": 80, "window": 0},
    }


def test_in_26_negative_totals_that_the_loss_cannot_take_are_refused_with_the_setting_to_change() -> None:
    values = np.concatenate([np.full(30, 10.0), np.zeros(50), np.full(10, -20.0)])
    with pytest.raises(DataError, match=r"clv.refunds: negative totals weigh 67%.*Set clv.refunds to ignore"):
        check_values(values)
    check_values(np.concatenate([values[:80], np.full(10, -2.0)]))


def test_a_corrected_amount_counts_once_as_it_is_known_today() -> None:
    order = {"id": "c", "occurred_at": T + DAY, "channel": "web", "items": 1.0}
    wrong = order | {"amount": 900, "superseded_at": T + 9 * DAY}
    history = memory_history(AS_OF, {"orders": ("events", [wrong, order | {"amount": 90, "known_at": T + 9 * DAY}])})
    rows = np.array([0]), np.array([T], np.int64)
    definition = ValueDefinition("orders", "amount")
    assert value_labels(Bucket(history, 0), definition, *rows, horizon_us=30 * DAY, is_spells=False).tolist() == [90]
