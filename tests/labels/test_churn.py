from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import labels as oracle
from random_histories import named, random_events, random_spells

from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels, static_labels
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import OutcomeWindow, days_to_us

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY)
INACTIVITY = ChurnDefinition("inactivity", "orders", active_within_us=days_to_us(90))
EVENT = ChurnDefinition("event", "orders", event_column="channel", event_values=("web",))


Found = dict[tuple[str, int], tuple[bool, int]]


def label_all(history: History, definition: ChurnDefinition, window: OutcomeWindow) -> Found:
    """Return whether each customer of one bucket is at risk at each date, and the label."""
    bucket = Bucket(history, 0)
    n = len(bucket.customers)
    who, when = np.repeat(np.arange(n), len(DATES)), np.tile(np.array(DATES, dtype=np.int64), n)
    risk = at_risk(bucket, history, definition, who, when)
    label = churn_labels(bucket, definition, window, who, when, settled_until=AS_OF)
    names = [bucket.customers[int(i)].as_py() for i in who]
    rows = zip(names, when.tolist(), risk.tolist(), label.tolist(), strict=True)
    return {(name, t): (at, y) for name, t, at, y in rows}


def random_company(seed: int) -> tuple[dict[str, list], dict[str, list], History]:
    rng = np.random.default_rng(seed)
    orders = {f"c{i}": random_events(rng, DATES) for i in range(8)}
    plans = {f"c{i}": random_spells(rng, DATES) for i in range(8)}
    history = memory_history(AS_OF, {"orders": ("events", named(orders)), "plans": ("spells", named(plans))})
    return orders, plans, history


def _or_censored(label: int | None) -> int:
    return CENSORED if label is None else label


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9), lead=st.sampled_from([0, 3]))
def test_inactivity_equals_the_oracle(seed: int, lead: int) -> None:
    orders, _, history = random_company(seed)
    found = label_all(history, INACTIVITY, OutcomeWindow.of_days(horizon_days=30, lead_days=lead))
    for (name, t), (risk, label) in found.items():
        assert risk == oracle.active_within(orders[name], t, 90)
        assert label == oracle.silent(orders[name], t, lead=lead, horizon=30)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9), lead=st.sampled_from([0, 3]))
def test_events_equal_the_oracle(seed: int, lead: int) -> None:
    orders, plans, history = random_company(seed)
    found = label_all(history, EVENT, OutcomeWindow.of_days(horizon_days=30, lead_days=lead))
    for (name, t), (risk, label) in found.items():
        assert risk == oracle.not_left(orders[name], plans[name], t, "web")
        assert label == _or_censored(oracle.event_outcome(orders[name], t, "web", lead=lead, horizon=30))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    lead=st.sampled_from([0, 3]),
    grace=st.sampled_from([0, 3]),
    reasons=st.sampled_from([(), ("price",)]),
)
def test_spell_end_equals_the_oracle(seed: int, lead: int, grace: int, reasons: tuple[str, ...]) -> None:
    _, plans, history = random_company(seed)
    window = OutcomeWindow.of_days(horizon_days=30 - grace, lead_days=lead, grace_days=grace)
    found = label_all(history, ChurnDefinition("spell_end", "plans", end_reasons=reasons), window)
    for (name, t), (risk, label) in found.items():
        rules = {"lead": lead, "horizon": 30 - grace, "grace": grace, "reasons": reasons}
        assert risk == oracle.in_force(plans[name], t)
        assert label == _or_censored(oracle.spell_outcome(plans[name], t, **rules))


T = AS_OF - 60 * DAY
SHOP = {"amount": None, "channel": "shop"}
WEB = {"amount": None, "channel": "web"}


def of_orders(rows: list[dict]) -> History:
    return memory_history(AS_OF, {"orders": ("events", [{"id": "c0", **row} for row in rows])})


def of_spells(*rows: dict) -> History:
    plain = {"amount": 10, "tier": "basic", "end_reason": "price"}
    return memory_history(AS_OF, {"plans": ("spells", [{"id": "c0", **plain, **row} for row in rows])})


def _one(occurred: int, definition: ChurnDefinition, *, lead: int = 0, horizon: int = 30) -> int:
    """Label one customer with an order before t and one more row at ``occurred``."""
    history = of_orders([SHOP | {"occurred_at": T - DAY}, WEB | {"occurred_at": occurred}])
    window = OutcomeWindow.of_days(horizon_days=horizon, lead_days=lead)
    return label_all(history, definition, window)["c0", T][1]


@pytest.mark.parametrize(
    ("occurred", "is_silent"),
    [(T, 1), (T + 1, 0), (T + 30 * DAY - 1, 0), (T + 30 * DAY, 0), (T + 30 * DAY + 1, 1)],
)
def test_outcome_window_is_open_at_t_and_closed_at_its_end(occurred: int, is_silent: int) -> None:
    assert _one(occurred, INACTIVITY) == is_silent
    assert _one(occurred, EVENT) == 1 - is_silent


@pytest.mark.parametrize(("occurred", "label"), [(T + 1, -1), (T + 5 * DAY, -1), (T + 5 * DAY + 1, 1)])
def test_event_in_the_lead_time_is_censored(occurred: int, label: int) -> None:
    assert _one(occurred, EVENT, lead=5) == label


@pytest.mark.parametrize(("horizon", "label"), [(60, 0), (61, CENSORED)])
def test_tl_21_window_that_is_not_fully_observed_is_censored(horizon: int, label: int) -> None:
    assert _one(T + DAY, INACTIVITY, horizon=horizon) == label


def test_in_26_refund_is_no_activity() -> None:
    history = of_orders([SHOP | {"occurred_at": T - DAY}, SHOP | {"occurred_at": T + DAY, "amount": -10}])
    assert label_all(history, INACTIVITY, OutcomeWindow.of_days(horizon_days=30))["c0", T] == (True, 1)


def test_who_left_is_at_risk_again_after_coming_back() -> None:
    days = [SHOP | {"occurred_at": DATES[0] - 2 * DAY}, WEB | {"occurred_at": DATES[0] - DAY}]
    history = of_orders([*days, SHOP | {"occurred_at": DATES[0] + DAY}])
    found = label_all(history, EVENT, OutcomeWindow.of_days(horizon_days=30))
    assert [found["c0", t][0] for t in DATES] == [False, True, True]


MONTH = OutcomeWindow.of_days(horizon_days=30)
SPELL_END = ChurnDefinition("spell_end", "plans")
END = T + 10 * DAY


@pytest.mark.parametrize(
    ("begins", "grace", "label"),
    [
        (END + 18 * DAY // 24, 0, 0),  # the day of the end
        (END + DAY, 0, 1),
        (END + 3 * DAY, 3, 0),
        (END + 3 * DAY + 1, 3, 1),
    ],
)
def test_a_new_plan_on_the_day_of_an_end_or_within_grace_is_no_churn(begins: int, grace: int, label: int) -> None:
    history = of_spells({"started_at": T - DAY, "ended_at": END}, {"started_at": begins, "ended_at": None})
    window = OutcomeWindow.of_days(horizon_days=30, grace_days=grace)
    assert label_all(history, SPELL_END, window)["c0", T] == (True, label)


def test_churned_only_when_none_of_several_is_left() -> None:
    one, other = {"started_at": T - DAY, "ended_at": END}, {"started_at": T - 2 * DAY, "ended_at": None}
    assert label_all(of_spells(one, other), SPELL_END, MONTH)["c0", T] == (True, 0)
    assert label_all(of_spells(one), SPELL_END, MONTH)["c0", T] == (True, 1)


@pytest.mark.parametrize("order", [("price", "moved"), ("moved", "price")])
def test_of_ends_at_the_same_time_one_that_counts_is_enough(order: tuple[str, str]) -> None:
    rows = [{"started_at": T - DAY, "ended_at": END, "end_reason": reason} for reason in order]
    definition = ChurnDefinition("spell_end", "plans", end_reasons=("price",))
    assert label_all(of_spells(*rows), definition, MONTH)["c0", T] == (True, 1)


def test_an_end_known_only_later_to_have_been_before_t_is_censored() -> None:
    late = {"started_at": T - 90 * DAY, "ended_at": T - DAY, "known_at": T + DAY}
    history = of_spells({"started_at": T - 90 * DAY, "ended_at": None, "superseded_at": T + DAY}, late)
    assert label_all(history, SPELL_END, MONTH)["c0", T] == (True, CENSORED)


def test_a_spell_of_no_length_renews_nothing() -> None:
    void = {"started_at": END + DAY, "ended_at": END + DAY}
    window = OutcomeWindow.of_days(horizon_days=10, grace_days=2)
    assert label_all(of_spells({"started_at": T - DAY, "ended_at": END}, void), SPELL_END, window)["c0", T][1] == 1


def test_an_order_corrected_away_is_no_activity_after_t_but_was_one_before() -> None:
    gone = SHOP | {"occurred_at": T - DAY, "superseded_at": T + DAY}
    refund = gone | {"amount": -1, "known_at": T + DAY, "superseded_at": None}
    found = label_all(of_orders([gone, refund]), INACTIVITY, MONTH)
    assert [found["c0", t][0] for t in DATES] == [False, True, False]
    assert found["c0", T][1] == 1


def test_tl_12_customers_that_the_customers_table_lacks_are_observed() -> None:
    orders = [{"id": name, "occurred_at": T - DAY, **SHOP} for name in ("stayed", "gone")]
    people = [{"id": "stayed", "joined": T - 90 * DAY, "segment": "a"}]
    history = memory_history(AS_OF, {"customers": ("customers", people), "orders": ("events", orders)})
    found = label_all(history, INACTIVITY, MONTH)
    assert found["gone", T] == found["stayed", T] == (True, 1)


def test_ready_labels_are_read_and_missing_ones_stay_missing() -> None:
    column = pa.chunked_array([["Yes", " no ", None, "TRUE", "0"]])
    labels = static_labels(column, churned_values=(), file="customers.csv", name="left")
    assert labels.tolist() == [1, 0, CENSORED, 1, 0]


def test_declared_values_decide_what_churned_means() -> None:
    column = pa.chunked_array([["Attrited Customer", "Existing Customer", None]])
    labels = static_labels(column, churned_values=("attrited customer",), file="customers.csv", name="left")
    assert labels.tolist() == [1, 0, CENSORED]


def test_unclear_labels_are_refused_without_naming_them() -> None:
    column = pa.chunked_array([["maybe", "yes"]])
    with pytest.raises(DataError, match=r"customers.csv: left: values of the label column are neither yes nor no\."):
        static_labels(column, churned_values=(), file="customers.csv", name="left")


@pytest.mark.parametrize(("known_after", "label"), [(None, 0), (5, CENSORED)])
def test_a_churn_event_not_yet_known_is_not_taken_for_staying(known_after: int | None, label: int) -> None:
    known = None if known_after is None else T + known_after * DAY
    rows = [SHOP | {"occurred_at": T - 9 * DAY}, WEB | {"occurred_at": T - DAY, "known_at": known}]
    history = of_orders([*rows, SHOP | {"occurred_at": T - DAY // 2}])
    assert label_all(history, EVENT, MONTH)["c0", T] == (True, label)
