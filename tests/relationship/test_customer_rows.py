from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from churnml.histories.store import TableInfo
from churnml.relationship.customer.issues import latest_answers, open_issues
from churnml.relationship.customer.rows import CustomerRows
from churnml.relationship.customer.summary import contracts, table_summary, tenure_days

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


def test_open_issues_are_recent_requests_low_answers_and_contracts_that_end() -> None:
    tickets = pa.table({"occurred_at": days("2023-01-01", "2024-05-20", "2024-06-01")})
    surveys = pa.table({"occurred_at": days("2024-01-01", "2024-05-01"), "n:csat": [5.0, 1.0]})
    spells = pa.table(
        {"started_at": days("2023-07-15", "2022-07-15"), "ended_at": days(None, "2023-07-15")}
        | {"planned_end": days("2024-07-15", "2023-07-15")}
    )
    rows = customer(
        "2024-06-30",
        tickets=("events", tickets, ()),
        surveys=("events", surveys, ("csat",)),
        plans=("spells", spells, ()),
    )
    assert open_issues(rows) == [
        {"kind": "service", "table": "tickets", "day": "2024-06-01", "n": 2},
        {"kind": "low_score", "table": "surveys", "day": "2024-05-01", "measure": "csat", "score": 1.0},
        {"kind": "contract_end", "table": "plans", "day": "2024-07-15"},
    ]


def test_nothing_is_open_where_nothing_happened() -> None:
    surveys = pa.table({"occurred_at": days(), "n:csat": pa.array([], pa.float64())})
    rows = customer("2024-06-30", surveys=("events", surveys, ("csat",)))
    assert open_issues(rows) == []
    assert latest_answers(rows) == []
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
