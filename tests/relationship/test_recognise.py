from __future__ import annotations

import numpy as np

from churnml.histories.store import TableInfo
from churnml.relationship.recognise import (
    likely_lines,
    likely_membership,
    likely_owners,
    likely_referral,
    likely_surveys,
    likely_tickets,
)

NO_DAYS = np.empty(0, dtype=np.int64)


def info(name: str, kind: str = "events", numbers: tuple[str, ...] = (), categories: tuple[str, ...] = ()) -> TableInfo:
    return TableInfo(name, kind, f"{name}.csv", 1, numbers, categories, False, (), "", NO_DAYS, NO_DAYS)


def tables(*given: TableInfo) -> dict[str, TableInfo]:
    return {one.name: one for one in given}


def test_surveys_by_the_names_of_their_columns() -> None:
    some = tables(info("feedback", numbers=("score", "length")), info("polls", numbers=("nps_score", "csat")))
    roles = likely_surveys(some, lambda _, column: (0, 10) if "nps" in column else (1, 5))
    assert [(r.table, r.column, r.kind, r.satisfied_from) for r in roles] == [
        ("feedback", "score", "csat", 4.0),
        ("polls", "nps_score", "nps", 9.0),
        ("polls", "csat", "csat", 4.0),
    ]


def test_a_column_that_fits_no_scale_is_no_survey() -> None:
    assert likely_surveys(tables(info("reviews", numbers=("rating",))), lambda *_: None) == ()


def test_tickets_with_answers_beside_them_and_within() -> None:
    apart = likely_tickets(tables(info("tickets"), info("replies", numbers=("response_minutes",))), sla_hours=24)
    assert apart is not None
    assert (apart.answers, apart.hours, apart.unit_hours) == ("replies", "response_minutes", 1 / 60)
    within = likely_tickets(tables(info("complaints", numbers=("days_to_close",))), sla_hours=24)
    assert within is not None
    assert (within.answers, within.hours, within.unit_hours) == ("", "days_to_close", 24.0)
    spells = likely_tickets(tables(info("cases", "spells")), sla_hours=24)
    assert spells is not None
    assert spells.is_spells


def test_orders_and_visits_are_neither_surveys_nor_tickets() -> None:
    some = tables(info("orders", numbers=("items",), categories=("channel",)), info("visits", numbers=("pages",)))
    assert likely_surveys(some, lambda *_: (1, 5)) == ()
    assert likely_tickets(some, sla_hours=24) is None
    assert likely_membership(some) is None
    assert likely_lines(some, "orders") == ()


def test_referral_needs_a_level_that_says_so() -> None:
    people = tables(info("people", "customers", categories=("acquisition_channel",)))
    role = likely_referral(people, lambda *_: ["search", "referral"])
    assert role is not None
    assert role.values == ("referral",)
    assert likely_referral(people, lambda *_: ["search"]) is None


def test_owners_stand_in_spells_or_in_events_that_are_assignments() -> None:
    plans, moves = info("plans", "spells", categories=("plan", "客户经理")), info("moves", categories=("owner",))
    portfolio = info("portfolio", "spells", categories=("account_manager",))
    assert likely_owners(tables(plans, moves)) == ("plans", "客户经理")
    assert likely_owners(tables(plans, portfolio)) == ("portfolio", "account_manager")
    assert likely_owners(tables(info("assigned", categories=("owner",)), moves)) == ("assigned", "owner")
    assert likely_owners(tables(moves, info("tickets", "spells", categories=("owner",)))) is None
    assert likely_owners(tables(portfolio), leave_out=["portfolio"]) is None
