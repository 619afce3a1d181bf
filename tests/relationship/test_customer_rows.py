from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.histories.store import TableInfo
from churnml.relationship.customer.issues import latest_answers, open_issues, waiting_for
from churnml.relationship.customer.rows import CustomerRows
from churnml.relationship.customer.summary import contracts, table_summary, tenure_days
from churnml.relationship.known import BucketAt
from churnml.relationship.roles import SurveyRole, TicketRole
from churnml.timeline import us_to_date

TIME = pa.timestamp("us", "UTC")


def info(name: str, kind: str, *, numbers: tuple[str, ...] = (), amount: bool = False) -> TableInfo:
    none = np.zeros(0, np.int64)
    return TableInfo(name, kind, f"{name}.csv", 0, numbers, (), amount, (), "", none, none)


def days(*texts: str | None) -> pa.Array:
    return pa.array([text and datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts], TIME)


def customer(at: str, **tables: tuple[str, pa.Table, tuple[str, ...]]) -> CustomerRows:
    instant = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1_000_000)
    infos = {n: info(n, kind, numbers=nums, amount="amount" in t.column_names) for n, (kind, t, nums) in tables.items()}
    return CustomerRows("7", instant, {name: table for name, (_, table, _) in tables.items()}, infos)


def test_money_is_summed_exactly() -> None:
    amounts = pa.array([Decimal("0.1"), Decimal("0.2"), Decimal("-0.3"), None], pa.decimal64(18, 4))
    table = pa.table({"occurred_at": days(*["2024-01-01"] * 4), "amount": amounts})
    told = table_summary("orders", customer("2024-02-01", orders=("events", table, ())))
    assert (told["amount"], told["refunded"]) == ("0.00", "0.30")


CSAT = SurveyRole("surveys", "csat", "csat", (1.0, 5.0), 4.0)


def test_open_issues_are_what_is_waited_for_low_answers_and_contracts_that_end() -> None:
    surveys = pa.table({"occurred_at": days("2024-01-01", "2024-05-01"), "n:csat": [5.0, 1.0]})
    spells = pa.table(
        {"started_at": days("2023-07-15", "2022-07-15"), "ended_at": days(None, "2023-07-15")}
        | {"planned_end": days("2024-07-15", "2023-07-15")}
    )
    rows = customer("2024-06-30", surveys=("events", surveys, ("csat",)), plans=("spells", spells, ()))
    waiting = {"kind": "unanswered", "table": "tickets", "day": "2024-06-01", "n": 2, "overdue": 1}
    assert open_issues(rows, latest_answers(rows, [CSAT]), waiting) == [
        waiting,
        {"kind": "low_score", "table": "surveys", "day": "2024-05-01", "measure": "csat", "score": 1.0},
        {"kind": "contract_end", "table": "plans", "day": "2024-07-15"},
    ]


def test_a_request_waits_until_it_is_answered() -> None:
    at = AS_OF
    tickets = [{"id": name, "occurred_at": at - d * DAY} for name, d in (("a", 30), ("a", 10), ("a", 1), ("b", 5))]
    answers = [{"id": "a", "occurred_at": at - 29 * DAY}]
    history = memory_history(at, {"tickets": ("events", tickets), "answers": ("events", answers)})
    bucket = BucketAt(history, 0, at)
    day = us_to_date(at - DAY).isoformat()
    told = waiting_for(bucket, "a", TicketRole("tickets", answers="answers", sla_hours=48))
    assert told == {"kind": "unanswered", "table": "tickets", "day": day, "n": 2, "overdue": 1}
    unknown = waiting_for(bucket, "a", TicketRole("tickets"))
    assert unknown == {"kind": "service", "table": "tickets", "day": day, "n": 3}
    assert waiting_for(bucket, "a", None) is None


def test_nothing_is_open_where_nothing_happened() -> None:
    surveys = pa.table({"occurred_at": days(), "n:csat": pa.array([], pa.float64())})
    rows = customer("2024-06-30", surveys=("events", surveys, ("csat",)))
    assert latest_answers(rows, [CSAT]) == []
    assert open_issues(rows, [], None) == []
    assert tenure_days(rows) is None


def test_tenure_counts_from_joining_and_else_from_the_first_row() -> None:
    orders = pa.table({"occurred_at": days("2024-01-01")})
    people = pa.table({"joined": days("2023-12-22")})
    assert tenure_days(customer("2024-01-11", orders=("events", orders, ()))) == 10
    both = customer("2024-01-11", orders=("events", orders, ()), people=("customers", people, ()))
    assert tenure_days(both) == 20


def test_contracts_are_told_newest_first() -> None:
    spells = pa.table({"started_at": days("2022-01-01", "2023-01-01"), "ended_at": days("2022-12-31", None)})
    told = contracts("plans", customer("2024-06-30", plans=("spells", spells, ())))
    assert [(each["start"], each["end"]) for each in told] == [("2023-01-01", None), ("2022-01-01", "2022-12-31")]
