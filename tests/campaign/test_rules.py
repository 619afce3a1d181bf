"""Rules about customers and contacts: eligibility, pauses, caps, teams, days."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from churnml.campaign.eligibility import broken_rule
from churnml.campaign.pauses import past_contacts, with_told
from churnml.campaign.plan import ActionPlan, CampaignPlan, Cap, Eligibility, Team
from churnml.campaign.teams import NO_TEAM, fill_days, team_of, working_days
from churnml.campaign.told import TOLD_SCHEMA
from churnml.errors import DataError

DAY = 86_400_000_000
PLAN = CampaignPlan(
    "spring",
    actions=(ActionPlan("call", ("phone",), 0.2), ActionPlan("mail", ("email",), 0.1)),
    pause_days={"any": 5, "phone": 30},
    cap=Cap(2, 90),
)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (Eligibility("land", "x", one_of=("DE", "AT")), ["", "", "x", "x"]),
        (Eligibility("land", "x", none_of=("DE",)), ["x", "", "", "x"]),
        (Eligibility("age", "x", least=18), ["", "x", "", "x"]),
        (Eligibility("age", "x", least=17, most=18), ["", "", "x", "x"]),
        (Eligibility("age", "x", most=17.5), ["x", "", "x", "x"]),
    ],
)
def test_an_empty_cell_meets_no_rule(rule: Eligibility, broken: list[str]) -> None:
    table = pa.table({"land": ["DE", "AT", "FR", None], "age": [18.0, 17.0, 70.0, None]})
    assert broken_rule(table, [rule]).tolist() == broken


def test_the_first_rule_that_is_not_met_speaks() -> None:
    rules = [
        Eligibility("age", "young", least=18),
        Eligibility("age", "old", most=60),
        Eligibility("age", "odd", most=1),
    ]
    assert broken_rule(pa.table({"age": [10, 70, 30]}), rules).tolist() == ["young", "old", "odd"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Eligibility("agee", "x", least=1), r"agee: a rule of the campaign names a column .* Did you mean age\?"),
        (Eligibility("land", "x", least=1), r"land: a rule bounds a column that holds no numbers"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_refused(rule: Eligibility, message: str) -> None:
    with pytest.raises(DataError, match=message):
        broken_rule(pa.table({"land": ["DE"], "age": [1.0]}), [rule])


def past(*rows: tuple[str, int, str | None]) -> pa.Table:
    at = pa.array([(100 - ago) * DAY for _, ago, _ in rows], pa.int64())
    return pa.table({"customer_id": [r[0] for r in rows], "at": at, "channel": pa.array([r[2] for r in rows])})


@pytest.mark.parametrize(
    ("ago", "channel", "phone", "email"),
    [
        (4, "email", True, True),  # after any contact
        (5, "email", False, False),
        (29, "phone", True, False),
        (29, " Call", True, False),  # the action's name stands for its channel
        (30, "phone", False, False),
        (29, "mail", False, False),
        (29, None, True, False),  # not known which: it counts for every channel
        (29, "fax", True, False),
    ],
)
def test_a_pause_is_counted_from_the_last_contact(ago: int, channel: str | None, phone: bool, email: bool) -> None:
    found = past_contacts(pa.array(["a", "b"]), past(("a", ago, channel), ("z", 1, "phone")), plan=PLAN)
    paused = [found.in_pause(name, PLAN.pause_days, as_of=100 * DAY).tolist() for name in ("phone", "email")]
    assert paused == [[phone, False], [email, False]]


def test_the_cap_counts_the_contact_to_come() -> None:
    rows = past(("a", 89, None), ("a", 1, "phone"), ("b", 90, None), ("b", 1, "phone"), ("c", 1, None))
    found = past_contacts(pa.array(["a", "b", "c", "d"]), rows, plan=PLAN)
    assert found.over_cap(PLAN, as_of=100 * DAY).tolist() == [True, False, False, False]


def test_without_past_contacts_nobody_rests() -> None:
    found = past_contacts(pa.array(["a"]), None, plan=PLAN)
    assert not found.in_pause("phone", PLAN.pause_days, as_of=0).any()
    assert not found.over_cap(PLAN, as_of=0).any()


def teams(*given: Team, channel: str, owners: list[str | None]) -> list[int]:
    found = team_of(CampaignPlan("x", teams=given), channel, pa.chunked_array([pa.array(owners, pa.string())]), n=3)
    return found.tolist()


def test_a_team_that_names_the_owner_comes_before_one_for_all() -> None:
    rest, mine = Team("rest", ("all",), {"phone": 1}), Team("mine", ("Ann",), {"phone": 1})
    for first, second in ((rest, mine), (mine, rest)):
        found = teams(first, second, channel="phone", owners=["Ann", "Bob", None])
        assert [(first, second)[place].name for place in found] == ["mine", "rest", "rest"]
    assert teams(mine, channel="phone", owners=["Ann", "Bob", None]) == [0, NO_TEAM, NO_TEAM]
    assert teams(mine, channel="email", owners=["Ann", "Bob", None]) == [0, NO_TEAM, NO_TEAM]


def test_days_of_work_leave_out_weekends_holidays_and_the_day_itself() -> None:
    plan = CampaignPlan("x", working_days=(0, 5), holidays=(date(2024, 7, 8),))
    found = working_days(plan, as_of=date(2024, 7, 1), last=date(2024, 7, 15))
    assert found == [date(2024, 7, 6), date(2024, 7, 13), date(2024, 7, 15)]
    assert working_days(plan, as_of=date(2024, 7, 1), last=date(2024, 7, 1)) == []


def test_days_are_filled_to_the_last_place() -> None:
    found = fill_days(np.arange(5), [date(2024, 7, n) for n in (1, 2, 3)], per_day=2)
    assert [found[n].day for n in range(5)] == [1, 1, 2, 2, 3]


def told_of(*rows: tuple[str, str, str, str | None]) -> pa.Table:
    cells = [
        {"list": "r", "customer_id": who, "arm": "contact", "outcome": what, "at": None, "channel": channel}
        for who, what, _, channel in rows
    ]
    table = pa.Table.from_pylist(cells, schema=TOLD_SCHEMA)
    at = pa.array([when for *_, when, _ in rows], pa.string()).cast(pa.timestamp("us", tz="UTC"))
    return table.set_column(table.column_names.index("at"), TOLD_SCHEMA.field("at"), at)


def test_told_contacts_count_once_and_only_those_that_were_made() -> None:
    at = pa.array(["2024-06-20T09:00Z"]).cast(pa.timestamp("us", tz="UTC"))
    declared = pa.table({"customer_id": ["a"], "at": at, "channel": ["phone"]})
    told = told_of(
        ("a", "done", "2024-06-20T15:00Z", "phone"),  # the same call
        ("a", "done", "2024-06-20T15:00Z", None),
        ("a", "refused", "2024-06-20T16:00Z", "email"),
        ("a", "accepted", "2024-06-21T09:00Z", "phone"),
        ("b", "not_reached", "2024-06-20T09:00Z", "phone"),
        ("b", "done", "2024-07-01T09:00Z", "phone"),  # after the list
    )
    until = at.cast(pa.int64())[0].as_py() + 5 * 86_400_000_000
    found = with_told(declared, told, until=until, timezone="UTC").to_pylist()
    assert [(row["customer_id"], row["at"].day, row["channel"]) for row in found] == [
        ("a", 20, "phone"),
        ("a", 20, "email"),
        ("a", 21, "phone"),
    ]
    assert with_told(None, told, until=until, timezone="UTC").num_rows == 4


def test_of_contacts_declared_by_their_action_told_ones_of_the_day_are_the_same() -> None:
    at = pa.array(["2024-06-20T09:00Z"]).cast(pa.timestamp("us", tz="UTC"))
    declared = pa.table({"customer_id": ["a"], "at": at, "channel": ["call"]})
    told = told_of(("a", "done", "2024-06-20T15:00Z", "phone"))
    assert with_told(declared, told, until=2**60, timezone="UTC").num_rows == 1
