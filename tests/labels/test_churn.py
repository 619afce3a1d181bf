from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY, Company, random_company
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import labels as oracle

from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels, static_labels
from churnml.labels.value import ValueDefinition, value_labels
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import OutcomeWindow, days_to_us

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY)
INACTIVITY = ChurnDefinition("inactivity", "orders", active_within_us=days_to_us(90))
EVENT = ChurnDefinition("event", "orders", event_column="channel", event_values=("web",))


def pairs(history: History) -> list[tuple[Bucket, np.ndarray, np.ndarray, list[str]]]:
    """Return per bucket every customer at every date."""
    found = []
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        n = len(bucket.customers)
        who, when = np.repeat(np.arange(n), len(DATES)), np.tile(np.array(DATES, dtype=np.int64), n)
        found.append((bucket, who, when, [bucket.customers[i].as_py() for i in who]))
    return found


def label_all(company: Company, folder: Path, definition: ChurnDefinition, window: OutcomeWindow) -> dict:
    history = company.prepare(folder)
    found = {}
    for bucket, who, when, names in pairs(history):
        risk = at_risk(bucket, history, definition, who, when)
        label = churn_labels(bucket, definition, window, who, when, as_of=AS_OF)
        for name, t, at, y in zip(names, when.tolist(), risk.tolist(), label.tolist(), strict=True):
            found[name, t] = (at, y)
    return found


def settled(company: Company) -> Company:
    """Leave out what the prepared store leaves out: rows after as_of by either clock, refused order of ends."""
    orders = {
        n: [r for r in rows if max(r["occurred_at"], r["known_at"] or 0) <= AS_OF] for n, rows in company.orders.items()
    }
    plans = {
        n: [
            r | {"ended_at": r["ended_at"] if r["ended_at"] is not None and r["ended_at"] <= AS_OF else None}
            for r in rows
            if max(r["started_at"], r["known_at"] or 0) <= AS_OF
        ]
        for n, rows in company.plans.items()
    }
    return Company(company.customers, orders, plans, company.changes)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), lead=st.sampled_from([0, 3]))
def test_inactivity_equals_the_oracle(seed: int, lead: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    company = settled(random_company(seed, boundaries=DATES))
    window = OutcomeWindow.of_days(horizon_days=30, lead_days=lead)
    found = label_all(company, tmp_path_factory.mktemp("c"), INACTIVITY, window)
    for (name, t), (risk, label) in found.items():
        rows = company.orders.get(name, [])
        assert risk == oracle.active_within(rows, t, 90)
        assert label == oracle.silent(rows, t, lead=lead, horizon=30)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), grace=st.sampled_from([0, 3]), reasons=st.sampled_from([(), ("price",)]))
def test_spell_end_equals_the_oracle(
    seed: int, grace: int, reasons: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    company = settled(random_company(seed, boundaries=DATES))
    window = OutcomeWindow.of_days(horizon_days=30, lead_days=3 - grace, grace_days=grace)
    definition = ChurnDefinition("spell_end", "plans", end_reasons=reasons)
    found = label_all(company, tmp_path_factory.mktemp("c"), definition, window)
    for (name, t), (risk, label) in found.items():
        rows = sorted(company.plans.get(name, []), key=lambda r: r["started_at"])
        assert risk == oracle.in_force(rows, t)
        if risk and not _ties(rows):
            expected = oracle.spell_outcome(rows, t, lead=3 - grace, horizon=30, grace=grace, reasons=reasons)
            assert label == (CENSORED if expected is None else expected)


def _ties(rows: list) -> bool:
    ends = [r["ended_at"] for r in rows if r["ended_at"] is not None]
    return len(set(ends)) < len(ends)


def _one(occurred: int, t: int, definition: ChurnDefinition, folder: Path, *, lead: int = 0, horizon: int = 30) -> int:
    """Label one customer with an order long before t and one more row at ``occurred``."""
    base = {"known_at": None, "amount": None, "items": None}
    company = Company(
        customers={"c0": {"joined": AS_OF - 900 * DAY, "segment": "a", "age": None}},
        orders={
            "c0": [
                base | {"occurred_at": t - DAY, "channel": "shop"},
                base | {"occurred_at": occurred, "channel": "web"},
            ]
        },
    )
    history = company.prepare(folder)
    for bucket, *_ in pairs(history):
        if len(bucket.customers):
            window = OutcomeWindow.of_days(horizon_days=horizon, lead_days=lead)
            who, when = np.array([0]), np.array([t], dtype=np.int64)
            return int(churn_labels(bucket, definition, window, who, when, as_of=AS_OF)[0])
    raise AssertionError


T = AS_OF - 60 * DAY


@pytest.mark.parametrize(
    ("occurred", "is_silent"),
    [(T, 1), (T + 1, 0), (T + 30 * DAY - 1, 0), (T + 30 * DAY, 0), (T + 30 * DAY + 1, 1)],
)
def test_outcome_window_is_open_at_t_and_closed_at_its_end(occurred: int, is_silent: int, tmp_path: Path) -> None:
    assert _one(occurred, T, INACTIVITY, tmp_path) == is_silent
    assert _one(occurred, T, EVENT, tmp_path / "event") == 1 - is_silent


@pytest.mark.parametrize(("occurred", "label"), [(T + 1, -1), (T + 5 * DAY, -1), (T + 5 * DAY + 1, 1)])
def test_event_in_the_lead_time_is_censored(occurred: int, label: int, tmp_path: Path) -> None:
    assert _one(occurred, T, EVENT, tmp_path, lead=5) == label


@pytest.mark.parametrize(("horizon", "label"), [(60, 0), (61, CENSORED)])
def test_window_that_is_not_fully_observed_is_censored(horizon: int, label: int, tmp_path: Path) -> None:
    assert _one(T + DAY, T, INACTIVITY, tmp_path, horizon=horizon) == label


def test_refund_is_no_activity(tmp_path: Path) -> None:
    company = random_company(1, n_customers=1)
    order = {"known_at": None, "items": None, "channel": "web"}
    company.orders["c0"] = [
        order | {"occurred_at": T - DAY, "amount": 10},
        order | {"occurred_at": T + DAY, "amount": -10},
    ]
    found = label_all(company, tmp_path, INACTIVITY, OutcomeWindow.of_days(horizon_days=30))
    assert found["c0", T] == (True, 1)


def test_who_left_is_at_risk_again_after_coming_back(tmp_path: Path) -> None:
    order = {"known_at": None, "items": None, "amount": None}
    company = random_company(1, n_customers=1)
    company.plans["c0"] = []
    company.orders["c0"] = [
        order | {"occurred_at": DATES[0] - 2 * DAY, "channel": "shop"},
        order | {"occurred_at": DATES[0] - DAY, "channel": "web"},
        order | {"occurred_at": DATES[0] + DAY, "channel": "shop"},
    ]
    found = label_all(company, tmp_path, EVENT, OutcomeWindow.of_days(horizon_days=30))
    assert [found["c0", t][0] for t in DATES] == [False, True, True]


@pytest.mark.parametrize("seed", range(8))
def test_value_equals_the_oracle(seed: int, tmp_path: Path) -> None:
    company = settled(random_company(seed, boundaries=DATES))
    history = company.prepare(tmp_path)
    orders = ValueDefinition("orders", "amount", margin=0.4, discount_rate_yearly=0.1)
    plans = ValueDefinition("plans", "amount", margin=0.4, discount_rate_yearly=0.1)
    for bucket, who, when, names in pairs(history):
        horizon = 33 * DAY
        bought = value_labels(bucket, orders, who, when, horizon_us=horizon, is_spells=False)
        paid = value_labels(bucket, plans, who, when, horizon_us=horizon, is_spells=True)
        for name, t, got, fee in zip(names, when.tolist(), bought, paid, strict=True):
            rule = {"horizon": 33, "margin": 0.4, "rate": 0.1}
            assert got == pytest.approx(oracle.value(company.orders.get(name, []), t, **rule))
            assert fee == pytest.approx(oracle.accrued(company.plans.get(name, []), t, **rule))


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
def test_a_churn_event_not_yet_known_is_not_taken_for_staying(
    known_after: int | None, label: int, tmp_path: Path
) -> None:
    order = {"items": None, "amount": None}
    company = random_company(1, n_customers=1)
    company.plans["c0"] = []
    known = None if known_after is None else T + known_after * DAY
    company.orders["c0"] = [
        order | {"occurred_at": T - 9 * DAY, "known_at": None, "channel": "shop"},
        order | {"occurred_at": T - DAY, "known_at": known, "channel": "web"},
        order | {"occurred_at": T - DAY // 2, "known_at": None, "channel": "shop"},
    ]
    found = label_all(company, tmp_path, EVENT, OutcomeWindow.of_days(horizon_days=30))
    assert found["c0", DATES[1]] == (True, label)
