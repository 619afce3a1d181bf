"""Many actions under rules, teams and days: what is decided, and that nothing forbidden ever is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.campaign.columns import CONTACT, EXCLUDED, HOLDOUT, file_table
from churnml.campaign.decisions import EXCLUSIONS, Decisions
from churnml.campaign.plan import ActionPlan, CampaignPlan, Cap, Eligibility, Team
from churnml.campaign.playbook import PlaybookRow, make_playbook
from churnml.campaign.targeting import decide
from churnml.reasons.causes import causes

AS_OF = 1_719_705_600_000_000  # 2024-06-30, a Sunday
DAY = 86_400_000_000
CALL = ActionPlan("call", ("phone",), 0.5, 10.0, effect_low=0.4, effect_high=0.7)
MAIL = ActionPlan("mail", ("email",), 0.1, 1.0)
PLAN = CampaignPlan("spring", actions=(CALL, MAIL), capacity=None, holdout_share=0.0, segment="segment")


def scores(n: int, **columns: object) -> pa.Table:
    base = {
        "customer_id": [f"c{i:02}" for i in range(n)],
        "as_of": pa.array([AS_OF] * n, pa.timestamp("us", "UTC")),
        "p_churn": pa.array([0.5] * n, pa.float64()),
        "clv": pa.array([100.0 + i for i in range(n)], pa.float64()),
        "model_version": ["m"] * n,
        "reason_1": ["silence;source=orders;days=61;usual=14"] * n,
    }
    return pa.table({**base, **columns})


def contacts(n: int, **columns: object) -> pa.Table:
    base = {
        "customer_id": [f"c{i:02}" for i in range(n)],
        "phone": [f"+49 {i}" for i in range(n)],
        "email": [f"{i}@example.org" for i in range(n)],
        "owner": ["Ann"] * n,
        "consent_phone": ["yes"] * n,
        "consent_email": ["yes"] * n,
    }
    return pa.table({**base, **columns})


def playbook(*rows: tuple[str, str]):
    cells = [PlaybookRow(line, {"cause": c, "action": a}) for line, (c, a) in enumerate(rows, start=2)]
    return make_playbook(cells, file="p.csv", actions=["call", "mail"], causes=causes(), has_segment=True)


def said(found: Decisions) -> list[str]:
    rows = sorted(found.table.to_pylist(), key=lambda row: row["customer_id"])
    return [r["exclusion"] or (r["action"] if r["decision"] == "contact" else r["decision"]) for r in rows]


def test_every_reason_comes_in_its_order() -> None:
    n = 16
    p = [None, 0.5, None, *[0.5] * (n - 3)]
    bands = ["not_at_risk", "high", None, *["high"] * (n - 3)]
    reason = ["silence"] * n
    reason[7], reason[10] = "price", "life_event"
    table = scores(n, p_churn=pa.array(p), risk_band=bands, reason_1=reason)
    may_call = ["no" if i in {3, 8} else "yes" for i in range(n)]
    people = contacts(
        n,
        objected=["yes" if i == 1 else None for i in range(n)],
        phone=[None if i == 4 else "1" for i in range(n)],
        email=[None if i == 4 else "a" for i in range(n)],
        consent_phone=may_call,
        consent_email=["no" if i == 3 else "yes" for i in range(n)],
        owner=["Bob" if i == 11 else "Ann" for i in range(n)],
    )
    known = pa.table({"customer_id": table["customer_id"], "age": [10.0 if i == 5 else 30.0 for i in range(n)]})
    plan = replace(
        PLAN,
        segment="",
        teams=(Team("inside", ("Ann",), {"phone": 1}),),
        eligibility=(Eligibility("age", "minors", least=18),),
        pause_days={"any": 10},
        cap=Cap(2, 90),
        leave_out=("involuntary",),
        contact_within_days=2,
        stop_on=date(2024, 7, 1),
    )
    past = [("c06", 1), ("c09", 20), ("c09", 30)]
    past = pa.table(
        {
            "customer_id": [w for w, _ in past],
            "at": [AS_OF - d * DAY for _, d in past],
            "channel": pa.nulls(3, pa.string()),
        }
    )
    low = table["clv"].to_pylist()
    low[12] = 1.0
    table = table.set_column(table.column_names.index("clv"), "clv", pa.array(low))
    rules = playbook(("*", "call"), ("price", "none"), ("life_event", "call"))
    found = decide(table, people, plan=plan, playbook=rules, attributes=known, past=past)
    assert said(found) == [
        *("not_at_risk", "objected", "not_scored", "no_consent", "no_contact_data", "ineligible", "in_pause"),
        *("no_action", "no_consent_for_action", "over_cap", "uncontrollable", "no_team", "gain_not_positive"),
        *("over_capacity", "after_stop", "call"),
    ]
    details = {r["customer_id"]: r["exclusion_detail"] for r in found.table.to_pylist() if r["exclusion_detail"]}
    assert details == {"c05": "minors", "c13": "inside/phone"}


def test_the_best_set_takes_another_action_where_places_are_few() -> None:
    found = decide(
        scores(3), contacts(3), plan=replace(PLAN, teams=(Team("inside", per_day={"phone": 1}),), contact_within_days=1)
    )
    assert said(found) == ["mail", "mail", "call"]
    rows = found.of("contact").to_pylist()
    assert [(r["customer_id"], r["channel"], r["team"], r["contact_on"]) for r in rows] == [
        ("c02", "phone", "inside", date(2024, 7, 1)),
        ("c01", "email", "inside", date(2024, 7, 1)),
        ("c00", "email", "inside", date(2024, 7, 1)),
    ]
    assert [round(rows[0][name], 6) for name in ("gain_low", "expected_gain", "gain_high")] == [10.4, 15.5, 25.7]
    (limit,) = found.limits
    assert (limit.name, limit.at_most, limit.used, limit.n_left_out) == ("inside/phone", 1.0, 1.0, 0)
    assert limit.price == pytest.approx(11.3, abs=0.3)


def test_what_did_not_fit_is_told_with_its_value_and_the_price_of_one_more() -> None:
    found = decide(scores(5), contacts(5), plan=replace(PLAN, actions=(CALL,), capacity=2))
    assert said(found) == ["over_capacity"] * 3 + ["call"] * 2
    (limit,) = found.limits
    assert (limit.n_left_out, limit.value_at_risk, limit.expected_gain) == (3, 151.5, pytest.approx(45.75))
    assert limit.price == pytest.approx(15.5, abs=0.26)
    assert found.gap == pytest.approx(0.0, abs=1e-9)


def test_days_are_filled_in_order_of_urgency_then_rank() -> None:
    due = pa.array([AS_OF + d * DAY for d in (14, 14, 14, 1)], pa.int64()).cast(pa.timestamp("us", "UTC"))
    plan = replace(PLAN, actions=(CALL,), teams=(Team("inside", per_day={"phone": 2}),))
    rows = decide(scores(4, contact_by=due), contacts(4), plan=plan).table.to_pylist()
    assert {r["customer_id"]: r["contact_on"].day for r in rows} == {"c03": 1, "c02": 1, "c01": 2, "c00": 2}


def test_money_given_away_counts_against_budget_and_gain() -> None:
    gives = ActionPlan("mail", ("email",), 0.5, 1.0, gives=10.0, take_rate=0.5)
    found = decide(scores(4), contacts(4), plan=replace(PLAN, actions=(gives,), budget=12.0))
    # Half of those contacted take 10.
    assert said(found) == ["over_budget"] * 2 + ["mail"] * 2
    assert found.spent == pytest.approx(12.0)
    assert found.of("contact")["expected_gain"][0].as_py() == pytest.approx(103 * 0.25 - 6)


def test_effects_differ_by_segment_and_a_harmful_action_is_never_chosen() -> None:
    harms = replace(MAIL, effect=-0.2, effect_by_segment={"gold": 0.9})
    known = pa.table({"customer_id": ["c00", "c01"], "segment": ["gold", "tin"]})
    found = decide(scores(2), contacts(2), plan=replace(PLAN, actions=(harms,)), attributes=known)
    assert said(found) == ["mail", "gain_not_positive"]
    assert found.of("contact")["segment"].to_pylist() == ["gold"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"budget": 0.0}, "over_budget"),
        ({"capacity": 0}, "over_capacity"),
        ({"teams": (Team("t", per_day={"phone": 0, "email": 0}),)}, "over_capacity"),
        ({"stop_on": date(2024, 6, 30), "teams": (Team("t", per_day={"phone": 9, "email": 9}),)}, "after_stop"),
    ],
)
def test_nothing_to_spend_lists_nobody_and_says_why(changes: dict[str, object], reason: str) -> None:
    found = decide(scores(9), contacts(9), plan=replace(PLAN, holdout_share=0.4, **changes))
    assert said(found) == [reason] * 9
    assert file_table(found, "excluded", EXCLUDED)["reason"].null_count == 0


def test_files_say_it_in_words_of_either_language() -> None:
    plan = replace(PLAN, teams=(Team("inside", per_day={"phone": 1}),), actions=(replace(CALL, label={"en": "Ring"}),))
    found = decide(scores(16), contacts(16), plan=plan)
    row = file_table(found, "contact", CONTACT).to_pylist()[0]
    assert (row["action"], row["team"], row["cause"]) == ("Ring", "inside", "Silence")
    left = file_table(found, "excluded", EXCLUDED, language="zh").to_pylist()
    assert left[-1]["reason"].endswith("\uff1ainside, \u7535\u8bdd")
    assert "Ring" not in str(file_table(found, "contact", CONTACT, language="zh")["action"])


CELL = st.sampled_from(["yes", "no", "opted out", "", None])
CUSTOMER = st.tuples(
    st.none() | st.floats(0, 1),
    st.none() | st.floats(-50, 500),
    st.sampled_from(["silence", "price", "life_event", None]),
    CELL,
    CELL,
    st.sampled_from([None, None, None, "yes"]),
    st.sampled_from(["Ann", "Bob", None]),
    st.sampled_from(["gold", "tin", None]),
    st.none() | st.integers(0, 40),
)
RULES = playbook(("*", "call|mail"), ("price", "mail"), ("life_event", "none"))


def drawn(rows: list[tuple]) -> tuple[pa.Table, pa.Table, dict[str, object]]:
    """Return scores, contacts, and what stands beside them, of customers as drawn."""
    p, clv, reason, phone, email, objected, owner, segment, ago = (list(column) for column in zip(*rows, strict=True))
    n, text = len(rows), pa.string()
    table = scores(
        n, p_churn=pa.array(p, pa.float64()), clv=pa.array(clv, pa.float64()), reason_1=pa.array(reason, text)
    )
    cells = {"consent_phone": phone, "consent_email": email, "objected": objected, "owner": owner}
    people = contacts(n, **{name: pa.array(column, text) for name, column in cells.items()})
    known = pa.table({"customer_id": table["customer_id"], "segment": pa.array(segment, text)})
    was = [(i, days) for i, days in enumerate(ago) if days is not None]
    past = pa.table(
        {
            "customer_id": pa.array([f"c{i:02}" for i, _ in was], text),
            "at": pa.array([AS_OF - d * DAY for _, d in was], pa.int64()),
            "channel": pa.array(["phone"] * len(was), text),
        }
    )
    return table, people, {"playbook": RULES, "attributes": known, "past": past}


def check_each(listed: dict[int, dict], rows: list[tuple]) -> None:
    """Check that nobody is contacted against consent, objection, playbook or pause, or on a day that is none."""
    for i, row in listed.items():
        _, _, reason, phone, email, objected, _, _, ago = rows[i]
        assert (phone if row["action"] == "call" else email) == "yes"
        assert objected is None
        assert row["action"] == "mail" if reason == "price" else reason != "life_event"
        assert ago is None or ago >= (30 if row["channel"] == "phone" else 3)
        assert date(2024, 7, 1) <= row["contact_on"] <= date(2024, 7, 3)


def check_limits(listed: dict[int, dict], *, capacity: int | None, budget: float | None, per_day: int) -> None:
    money = sum(10.0 if r["action"] == "call" else 1.0 for r in listed.values())
    assert budget is None or money <= budget * (1 + 1e-9)
    assert capacity is None or len(listed) <= capacity
    calls = Counter((r["team"], r["contact_on"]) for r in listed.values() if r["channel"] == "phone")
    assert all(count <= (per_day if team == "inside" else 2) for (team, _), count in calls.items())


def check_files(found: Decisions, table: pa.Table) -> None:
    """Check that everybody stands in exactly one file, and who is held out in none but theirs."""
    wanted = (("contact", CONTACT), ("holdout", HOLDOUT), ("excluded", EXCLUDED))
    files = [file_table(found, name, columns) for name, columns in wanted]
    ids = [file["customer_id"].to_pylist() for file in files]
    assert sorted(i for each in ids for i in each) == table["customer_id"].to_pylist()
    held = {r["customer_id"] for r in found.ledger.to_pylist() if r["arm"] == "holdout"}
    assert held.isdisjoint(ids[0])
    assert set(ids[1]) <= held
    assert files[2]["reason"].null_count == 0


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(CUSTOMER, min_size=1, max_size=40),
    capacity=st.none() | st.integers(0, 10),
    budget=st.none() | st.floats(0, 80),
    share=st.floats(0, 0.5),
    per_day=st.integers(0, 3),
    random=st.randoms(use_true_random=False),
)
def test_nothing_forbidden_is_ever_decided(rows, capacity, budget, share, per_day, random) -> None:
    table, people, beside = drawn(rows)
    teams = (Team("inside", ("Ann",), {"phone": per_day}), Team("rest", ("all",), {"phone": 2}))
    limits = {"capacity": capacity, "budget": budget, "holdout_share": share, "teams": teams}
    plan = replace(PLAN, pause_days={"phone": 30, "any": 3}, contact_within_days=3, **limits)
    found = decide(table, people, plan=plan, **beside)
    by_id = {int(r["customer_id"][1:]): r for r in found.table.to_pylist()}
    assert sorted(by_id) == list(range(len(rows)))
    assert all((r["decision"] == "excluded") == (r["exclusion"] in EXCLUSIONS) for r in by_id.values())
    listed = {i: r for i, r in by_id.items() if r["decision"] == "contact"}
    check_each(listed, rows)
    check_limits(listed, capacity=capacity, budget=budget, per_day=per_day)
    check_files(found, table)
    order = list(range(len(rows)))
    random.shuffle(order)
    mixed = {
        "attributes": beside["attributes"].take(order),
        "past": beside["past"].sort_by([("customer_id", "descending")]),
    }
    again = decide(table.take(order[::-1]), people.take(order), plan=plan, **(beside | mixed))
    assert again.table.equals(found.table)
    later = decide(table, people, plan=plan, ledger=found.ledger, **(beside | mixed))
    assert (later.table.equals(found.table), later.ledger.equals(found.ledger)) == (True, True)
