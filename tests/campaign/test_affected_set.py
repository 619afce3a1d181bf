from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import spells as spells_oracle
from random_histories import instant, named, random_events, random_spells

from churnml.campaign.affected_set import Change, Purchase, buyers, check_levels, entries_of, in_scope, levels_seen
from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.histories.store import History

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
NAMES = [f"c{i}" for i in range(8)]
PEOPLE = [{"id": name, "joined": AS_OF - 900 * DAY, "segment": "ab"[i % 2]} for i, name in enumerate(NAMES)]
AHEAD = AS_OF + 20 * DAY


def company(entries: list[dict] = (), orders: dict | None = None, plans: dict | None = None) -> History:
    tables = {"plans": ("spells", named(plans or {})), "orders": ("events", named(orders or {}))}
    return memory_history(AS_OF, {"customers": ("customers", PEOPLE), **tables, "changes": ("calendar", list(entries))})


def entry(
    starts: int = AHEAD, *, known: int = AS_OF - DAY, kind: str = "price", scope: str = "", **more: object
) -> dict:
    return {"occurred_at": starts, "known_at": known, "ended_at": None, "type": kind, "scope": scope, **more}


def named_by(history: History, rule: Change) -> set[str]:
    bucket = Bucket(history, 0)
    found = in_scope(bucket, history, rule.table, entries_of(history, rule).scopes)
    return {name for name, is_in in zip(bucket.customers.to_pylist(), found, strict=True) if is_in}


def bought(history: History, rule: Purchase) -> dict[str, int]:
    bucket = Bucket(history, 0)
    counts = dict(zip(bucket.customers.to_pylist(), buyers(bucket, rule).tolist(), strict=True))
    return {name: n for name, n in counts.items() if n}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_set_of_a_change_equals_a_slow_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plans = {name: random_spells(rng, DATES) for name in NAMES}
    entries = []
    for _ in range(int(rng.integers(0, 6))):
        start, scope = instant(rng, (AS_OF, AHEAD)), str(rng.choice(["", "segment=a", "segment = b", "tier=plus"]))
        gone = int(rng.choice([0, AS_OF - DAY, AS_OF, AS_OF + 1]))
        kind = str(rng.choice(["price", "outage"]))
        known = AS_OF - int(rng.integers(-5, 30)) * DAY
        entries.append(entry(start, known=known, kind=kind, scope=scope, superseded_at=gone or None))
    history = company([*entries, entry(AS_OF - 300 * DAY, known=AS_OF - 300 * DAY)], plans=plans)
    expected = set()
    for row in entries:
        is_meant = row["type"] == "price" and row["occurred_at"] > AS_OF and row["known_at"] <= AS_OF
        if not is_meant or (row["superseded_at"] or 10**18) <= AS_OF:
            continue
        for person in PEOPLE:
            has_plus = spells_oracle.in_force([s for s in plans[person["id"]] if s["tier"] == "plus"], AS_OF)
            level = row["scope"].split("=")[-1].strip()
            if level in {"", person["segment"]} or (level == "plus" and has_plus):
                expected.add(person["id"])
    assert named_by(history, Change("changes", "price")) == expected


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_buyers_of_a_lot_equal_a_slow_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders = {name: random_events(rng, DATES) for name in NAMES}
    first, until, least = AS_OF - 120 * DAY, AS_OF - 33 * DAY, float(rng.integers(0, 9))
    found = bought(
        company(orders=orders), Purchase("orders", {"channel": ("web", "shop")}, {"items": least}, first, until)
    )
    expected: dict[str, int] = {}
    for name, rows in orders.items():
        for row in rows:
            holds = row["superseded_at"] is None and (row["amount"] is None or row["amount"] >= 0)
            in_time = first <= row["occurred_at"] < until
            if holds and in_time and row["channel"] is not None and row["items"] >= least:
                expected[name] = expected.get(name, 0) + 1
    assert found == expected


@pytest.mark.parametrize(
    ("offset", "is_meant"),
    [(-1, False), (0, True), (DAY - 1, True), (DAY, False)],
    ids=["before", "first", "last", "after"],
)
def test_the_edges_of_a_day(offset: int, is_meant: bool) -> None:
    start = AS_OF - 50 * DAY
    orders = {"c0": [{"occurred_at": start + offset, "amount": 5, "items": 1.0, "channel": "web"}]}
    rule = Purchase("orders", {"channel": ("web",)}, first_us=start, until_us=start + DAY)
    assert bought(company(orders=orders), rule) == ({"c0": 1} if is_meant else {})


def test_a_change_counts_from_when_it_is_known_and_until_it_begins() -> None:
    entries = [
        entry(AS_OF + 1, scope="segment=a"),
        entry(AS_OF, scope="segment=b"),
        entry(AHEAD, known=AS_OF + 1, scope="segment=b"),
    ]
    found = entries_of(company(entries), Change("changes"))
    assert (found.scopes, found.first_us) == (("segment=a",), AS_OF + 1)
    assert named_by(company(entries), Change("changes")) == {"c0", "c2", "c4", "c6"}


def test_a_change_of_one_day_may_have_begun() -> None:
    past = entry(AS_OF - 5 * DAY, known=AS_OF - 9 * DAY, scope="segment=b")
    rule = Change("changes", "price", AS_OF - 5 * DAY, AS_OF - 4 * DAY)
    assert named_by(company([past, entry()]), rule) == {"c1", "c3", "c5", "c7"}


def test_nothing_announced_concerns_nobody() -> None:
    history = company([entry(AS_OF - 5 * DAY)])
    assert named_by(history, Change("changes", "price")) == set()
    assert entries_of(history, Change("changes", "price")).first_us is None


def test_an_unknown_kind_of_change_is_refused() -> None:
    with pytest.raises(DataError, match=r"no change of this kind is known.*Did you mean price"):
        entries_of(company([entry()]), Change("changes", "prices"))


def test_a_value_that_occurs_nowhere_is_refused() -> None:
    history = company(orders={"c0": [{"occurred_at": AS_OF - DAY, "amount": 5, "channel": "web"}]})
    rule = Purchase("orders", {"channel": ("web", "Web")})
    with pytest.raises(DataError, match="values that are asked for occur in no row"):
        check_levels(rule, levels_seen(Bucket(history, 0), rule), file="orders.parquet")
