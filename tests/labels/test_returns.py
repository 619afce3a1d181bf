from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import lost as oracle
from random_histories import named, random_events, random_spells

from churnml.histories.bucket import Bucket
from churnml.labels.churn import CENSORED
from churnml.labels.returns import return_labels
from churnml.snapshots.churned import losses
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import OutcomeWindow

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY)
WINDOW = OutcomeWindow.of_days(horizon_days=30, grace_days=3)
SILENCE = ChurnDefinition("inactivity", "orders", active_within_us=90 * DAY)
SPELL = ChurnDefinition("spell_end", "plans")
EVENT = ChurnDefinition("event", "orders", event_column="channel", event_values=("web",))


def labelled(definition: ChurnDefinition, orders: dict, plans: dict, *, reach: int = 30) -> dict:
    """Return (customer, date) -> (label, when last there) of who was lost."""
    tables = {"orders": ("events", named(orders)), "plans": ("spells", named(plans))}
    history = memory_history(AS_OF, tables)
    bucket = Bucket(history, 0)
    names = bucket.customers.to_pylist()
    who, when = np.repeat(np.arange(len(names)), len(DATES)), np.tile(np.array(DATES, np.int64), len(names))
    found = losses(bucket, history, definition, WINDOW, who, when)
    who, when, last = who[found.is_lost], when[found.is_lost], found.last[found.is_lost]
    labels = return_labels(bucket, history, definition, who, when, last, reach_us=reach * DAY, settled_until=AS_OF)
    keys = [(names[i], t) for i, t in zip(who, when.tolist(), strict=True)]
    return dict(zip(keys, zip(labels.tolist(), last.tolist(), strict=True), strict=True))


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_returns_equal_the_slow_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders, plans = ({f"c{i}": make(rng, DATES) for i in range(8)} for make in (random_events, random_spells))
    for definition, rows, loop in ((SILENCE, orders, oracle.came_back), (SPELL, plans, oracle.renewed)):
        for (name, t), (label, last) in labelled(definition, orders, plans).items():
            truth = loop(rows[name], t, last, reach=30)
            assert label == (CENSORED if truth is None else truth), (definition.kind, name)


T = DATES[1]


@pytest.mark.parametrize(("offset", "label"), [(1, 1), (30 * DAY, 1), (30 * DAY + 1, 0)])
def test_a_return_counts_to_the_microsecond(offset: int, label: int) -> None:
    orders = {"c0": [{"occurred_at": T - 40 * DAY, "amount": 5}, {"occurred_at": T + offset, "amount": 5}]}
    assert labelled(SILENCE, orders, {})["c0", T][0] == label


def test_a_refund_is_no_return() -> None:
    orders = {"c0": [{"occurred_at": T - 40 * DAY, "amount": 5}, {"occurred_at": T + DAY, "amount": -5}]}
    assert labelled(SILENCE, orders, {})["c0", T][0] == 0


def test_a_return_before_the_date_that_was_known_later_is_not_learned_from() -> None:
    late = {"occurred_at": T - DAY, "known_at": T + DAY, "amount": 5}
    orders = {"c0": [{"occurred_at": T - 40 * DAY, "amount": 5}, late]}
    assert labelled(SILENCE, orders, {})["c0", T][0] == CENSORED


def test_what_is_not_settled_is_not_learned_from() -> None:
    orders = {"c0": [{"occurred_at": T - 40 * DAY, "amount": 5}]}
    assert labelled(SILENCE, orders, {}, reach=60)["c0", T][0] == 0
    assert labelled(SILENCE, orders, {}, reach=61)["c0", T][0] == CENSORED


def test_a_purchase_or_a_contract_takes_back_a_churn_event() -> None:
    left = {"occurred_at": T - DAY, "channel": "web", "amount": None}
    plans = {"c1": [{"started_at": T + DAY, "ended_at": None}]}
    orders = {name: [left] for name in ("c0", "c1", "c2")}
    orders["c0"] = [left, {"occurred_at": T + DAY, "channel": "shop", "amount": 5}]
    found = labelled(EVENT, orders, plans)
    assert {name: found[name, T][0] for name in orders} == {"c0": 1, "c1": 1, "c2": 0}
