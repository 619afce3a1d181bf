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
from churnml.histories.store import History
from churnml.snapshots.churned import Losses, losses
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import NEVER, OutcomeWindow

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
NAMES = [f"c{i}" for i in range(8)]
WINDOW = OutcomeWindow.of_days(horizon_days=30, grace_days=3)
SILENCE = ChurnDefinition("inactivity", "orders", active_within_us=90 * DAY)
EVENT = ChurnDefinition("event", "orders", event_column="channel", event_values=("web",))
SPELL = ChurnDefinition("spell_end", "plans", end_reasons=("price",))


def company(orders: dict, plans: dict) -> History:
    return memory_history(AS_OF, {"orders": ("events", named(orders)), "plans": ("spells", named(plans))})


def found_at(history: History, definition: ChurnDefinition) -> tuple[list[tuple[str, int]], Losses]:
    bucket = Bucket(history, 0)
    names = bucket.customers.to_pylist()
    who, when = np.repeat(np.arange(len(names)), 3), np.tile(np.array(DATES, np.int64), len(names))
    rows = [(names[i], t) for i, t in zip(who, when.tolist(), strict=True)]
    return rows, losses(bucket, history, definition, WINDOW, who, when)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_who_is_lost_equals_the_slow_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders, plans = ({name: make(rng, DATES) for name in NAMES} for make in (random_events, random_spells))
    history = company(orders, plans)
    expected = {
        "inactivity": lambda name, t: oracle.silent_since(orders[name], t, 30),
        "event": lambda name, t: oracle.left_since(orders[name], plans[name], t, "web"),
        "spell_end": lambda name, t: oracle.ended_since(plans[name], t, grace=3, reasons=("price",)),
    }
    for definition in (SILENCE, EVENT, SPELL):
        rows, found = found_at(history, definition)
        for (name, t), since in zip(rows, found.since.tolist(), strict=True):
            assert (None if since == NEVER else since) == expected[definition.kind](name, t), (definition.kind, name)


@pytest.mark.parametrize(("offset", "is_lost"), [(-1, True), (0, True), (1, False)])
def test_silence_of_exactly_the_horizon_is_a_loss(offset: int, is_lost: bool) -> None:
    orders = {"c0": [{"occurred_at": AS_OF - 30 * DAY + offset, "amount": 5}]}
    _, found = found_at(company(orders, {}), SILENCE)
    assert found.is_lost.tolist() == [False, False, is_lost]


def plan(started: int, ended: int, reason: str = "price") -> dict:
    return {"started_at": started, "ended_at": ended, "end_reason": reason}


@pytest.mark.parametrize(("days", "is_lost"), [(2, False), (3, True)])
def test_a_contract_is_lost_after_its_grace(days: int, is_lost: bool) -> None:
    plans = {"c0": [plan(AS_OF - 100 * DAY, AS_OF - days * DAY)]}
    assert found_at(company({}, plans), SPELL)[1].is_lost.tolist()[-1] is is_lost


@pytest.mark.parametrize(("reason", "is_lost"), [("price", True), ("moved", False), (None, False)])
def test_only_an_end_for_a_reason_that_counts_is_a_loss(reason: str, is_lost: bool) -> None:
    plans = {"c0": [plan(AS_OF - 300 * DAY, AS_OF - 200 * DAY), plan(AS_OF - 100 * DAY, AS_OF - 30 * DAY, reason)]}
    assert found_at(company({}, plans), SPELL)[1].is_lost.tolist()[-1] is is_lost


def test_a_return_that_is_known_later_leaves_the_customer_lost() -> None:
    late = {"occurred_at": AS_OF - 80 * DAY, "known_at": AS_OF - 50 * DAY, "amount": 5}
    orders = {"c0": [{"occurred_at": AS_OF - 300 * DAY, "amount": 5}, late]}
    rows, found = found_at(company(orders, {}), SILENCE)
    assert [t for (_, t), lost in zip(rows, found.is_lost, strict=True) if lost] == [DATES[0], DATES[1], DATES[2]]
    assert found.last.tolist() == [AS_OF - 300 * DAY, AS_OF - 300 * DAY, AS_OF - 80 * DAY]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_nobody_is_lost_and_at_risk_where_contracts_or_events_say_so(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders, plans = ({name: make(rng, DATES) for name in NAMES} for make in (random_events, random_spells))
    history = company(orders, plans)
    bucket = Bucket(history, 0)
    who, when = np.repeat(np.arange(len(bucket.customers)), 3), np.tile(np.array(DATES), len(bucket.customers))
    for definition in (EVENT, SPELL):
        found = losses(bucket, history, definition, WINDOW, who, when)
        assert not (found.is_lost & at_risk(bucket, history, definition, who, when)).any()
