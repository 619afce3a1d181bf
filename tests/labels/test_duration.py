from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import labels as oracle
from random_histories import named, random_events, random_spells

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels
from churnml.labels.duration import DurationLabels, duration_labels
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import OutcomeWindow

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY, AS_OF - 2 * DAY, AS_OF)
T = AS_OF - 60 * DAY
HORIZONS = (1, 10, 29, 30, 31, 60, 90, 115)
KINDS = {
    "inactivity": ChurnDefinition("inactivity", "orders"),
    "event": ChurnDefinition("event", "orders", event_column="channel", event_values=("web",)),
    "spell_end": ChurnDefinition("spell_end", "plans"),
    "reasons": ChurnDefinition("spell_end", "plans", end_reasons=("price",)),
}


def random_company(seed: int) -> tuple[dict[str, list], dict[str, list], History]:
    rng = np.random.default_rng(seed)
    orders = {f"c{i}": random_events(rng, DATES) for i in range(8)}
    plans = {f"c{i}": random_spells(rng, DATES) for i in range(8)}
    history = memory_history(AS_OF, {"orders": ("events", named(orders)), "plans": ("spells", named(plans))})
    return orders, plans, history


def snapshots(bucket: Bucket) -> tuple[list[str], np.ndarray, np.ndarray]:
    n = len(bucket.customers)
    who, when = np.repeat(np.arange(n), len(DATES)), np.tile(np.array(DATES, dtype=np.int64), n)
    return [bucket.customers[int(i)].as_py() for i in who], who, when


def measured(history: History, kind: str, window: OutcomeWindow, *, until: int = AS_OF) -> dict:
    bucket = Bucket(history, 0)
    names, who, when = snapshots(bucket)
    found = duration_labels(bucket, KINDS[kind], window, who, when, observed_until=until)
    rows = zip(found.event_days, found.observed_days, found.is_competing, strict=True)
    return dict(zip(zip(names, when.tolist(), strict=True), rows, strict=True))


def slow(kind: str, orders: list, plans: list, t: int, *, lead: int, grace: int, until: int) -> tuple:
    """Return event, observed and competing as plain loops see them, None where there is nothing."""
    opens, known = t + lead * DAY, until - grace * DAY
    if kind in ("spell_end", "reasons"):
        # The longest horizon there is: the label is then known wherever the cover ends at all.
        reasons = KINDS[kind].end_reasons
        spells = [r for r in oracle.valid(plans) if oracle.end_of(r) > r["started_at"]]
        here, end = [r for r in spells if r["started_at"] <= t < oracle.end_of(r)], None
        while here:
            end = max(oracle.end_of(r) for r in here)
            last_chance = max(end + grace * DAY, (end // DAY + 1) * DAY - 1)
            here = [r for r in spells if r["started_at"] <= last_chance and oracle.end_of(r) > end]
        if end is None or end <= opens:
            return None, None, False
        counts = not reasons or any(r["end_reason"] in reasons for r in spells if oracle.end_of(r) == end)
        times = [end]
    else:
        rows = oracle.valid(orders)
        counts = True
        if kind == "event":
            rows = [r for r in rows if r["channel"] == "web"]
            if any(r["occurred_at"] <= opens and max(r["occurred_at"], r["known_at"] or 0) > t for r in rows):
                return None, None, False
        else:
            rows = [r for r in rows if oracle.is_activity(r)]
        times = [r["occurred_at"] for r in rows if r["occurred_at"] > opens]
    seen = [time for time in times if time <= known]
    if known <= opens:
        return None, None, False
    if seen and not counts:
        return None, min(seen) - opens, True
    return (min(seen) - opens if seen else None), known - opens, False


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    kind=st.sampled_from(sorted(KINDS)),
    lead=st.sampled_from([0, 3]),
    grace=st.sampled_from([0, 3]),
    unsettled=st.sampled_from([0, 5]),
)
def test_durations_equal_the_oracle(seed: int, kind: str, lead: int, grace: int, unsettled: int) -> None:
    orders, plans, history = random_company(seed)
    grace = grace if KINDS[kind].kind == "spell_end" else 0
    window = OutcomeWindow.of_days(horizon_days=30, lead_days=lead, grace_days=grace)
    until = AS_OF - unsettled * DAY
    for (name, t), (event, observed, competing) in measured(history, kind, window, until=until).items():
        expected = slow(kind, orders[name], plans[name], t, lead=lead, grace=grace, until=until)
        assert (None if np.isnan(event) else round(event * DAY)) == expected[0]
        assert (None if np.isnan(observed) else round(observed * DAY)) == expected[1]
        assert competing == expected[2]


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    kind=st.sampled_from(sorted(KINDS)),
    lead=st.sampled_from([0, 3]),
    grace=st.sampled_from([0, 3]),
    horizon=st.sampled_from(HORIZONS),
)
def test_the_churn_label_follows_from_the_duration(seed: int, kind: str, lead: int, grace: int, horizon: int) -> None:
    _, _, history = random_company(seed)
    grace = grace if KINDS[kind].kind == "spell_end" else 0
    window = OutcomeWindow.of_days(horizon_days=horizon, lead_days=lead, grace_days=grace)
    bucket = Bucket(history, 0)
    _, who, when = snapshots(bucket)
    labels = churn_labels(bucket, KINDS[kind], window, who, when, settled_until=AS_OF)
    found = duration_labels(bucket, KINDS[kind], window, who, when, observed_until=AS_OF)
    happened = found.event_days <= horizon
    known = labels != CENSORED
    assert np.array_equal(labels[known] == 1, ~happened[known] if kind == "inactivity" else happened[known])
    # And a duration that was observed so far is a label.
    is_whole = found.observed_days >= horizon
    is_whole[found.is_competing] = found.observed_days[found.is_competing] > horizon
    assert np.array_equal(known, is_whole)


def of_spells(*rows: dict) -> History:
    plain = {"amount": 10, "tier": "basic", "end_reason": "price"}
    return memory_history(AS_OF, {"plans": ("spells", [{"id": "c0", **plain, **row} for row in rows])})


def of_orders(*times: int) -> History:
    return memory_history(
        AS_OF, {"orders": ("events", [{"id": "c0", "occurred_at": t, "channel": "web"} for t in times])}
    )


def one(history: History, kind: str, *, until: int = AS_OF, **window: float) -> tuple[float, float, bool]:
    found: DurationLabels = duration_labels(
        Bucket(history, 0),
        KINDS[kind],
        OutcomeWindow.of_days(horizon_days=30, **window),
        np.zeros(1, dtype=np.int64),
        np.array([T]),
        observed_until=until,
    )
    return float(found.event_days[0]), float(found.observed_days[0]), bool(found.is_competing[0])


@pytest.mark.parametrize(("occurred", "days"), [(T, np.nan), (T + 1, 1 / DAY), (AS_OF, 60.0), (AS_OF + 1, np.nan)])
def test_tl_21_only_what_lies_after_t_and_is_settled_is_seen(occurred: int, days: float) -> None:
    for kind in ("inactivity", "event"):
        np.testing.assert_equal(one(of_orders(occurred), kind), (days, 60.0, False))


def test_tl_21_snapshots_too_young_for_the_horizon_have_durations() -> None:
    history = of_orders(AS_OF - 40 * DAY, AS_OF - DAY)
    assert measured(history, "inactivity", OutcomeWindow.of_days(horizon_days=30))["c0", AS_OF - 2 * DAY][:2] == (1, 2)
    assert np.isnan(measured(history, "inactivity", OutcomeWindow.of_days(horizon_days=30))["c0", AS_OF][1])


@pytest.mark.parametrize(("end", "seen"), [(AS_OF - 3 * DAY, True), (AS_OF - 3 * DAY + 1, False)])
def test_an_end_is_seen_once_its_grace_is_over(end: int, seen: bool) -> None:
    event, observed, _ = one(of_spells({"started_at": T - DAY, "ended_at": end}), "spell_end", grace_days=3)
    assert observed == 57.0
    assert np.isnan(event) != seen


def test_a_competing_end_ends_what_is_observed() -> None:
    history = of_spells({"started_at": T - DAY, "ended_at": T + 9 * DAY, "end_reason": "moved"})
    event, observed, competing = one(history, "reasons", lead_days=2)
    assert (np.isnan(event), observed, competing) == (True, 7.0, True)


def test_an_end_in_the_lead_time_has_no_duration() -> None:
    history = of_spells({"started_at": T - DAY, "ended_at": T + 2 * DAY})
    assert all(np.isnan(one(history, "spell_end", lead_days=2)[:2]))


def test_cover_is_followed_over_renewals() -> None:
    rows = [{"started_at": T + k * 9 * DAY - DAY, "ended_at": T + (k + 1) * 9 * DAY - DAY} for k in range(5)]
    assert one(of_spells(*rows), "spell_end")[0] == 44.0
