from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import AS_OF, DAY, TIME

from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.store import History, open_history
from churnml.relationship.known import BucketAt
from churnml.relationship.roles import TicketRole
from churnml.relationship.tickets import HOUR_US, Tickets, tickets_of

START = AS_OF - 20 * DAY
OPENED = {"a": [0, 5, 9], "b": [2]}
"""Days after START on which each customer opened a ticket."""
ANSWERED = {"a": [(1, 24.0, 0), (9.5, 12.0, 1)], "b": [(8, 144.0, 0)]}
"""Day of each answer, its hours, and whether the ticket had been opened again."""


def instants(days: list[float]) -> pa.Array:
    return pa.array([START + round(day * DAY) for day in days], pa.int64()).cast(TIME)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    root = tmp_path_factory.mktemp("tickets")
    (root / "raw").mkdir()
    opened = [(name, day) for name, days in OPENED.items() for day in days]
    answers = [(name, *row) for name, rows in ANSWERED.items() for row in rows]
    names, days = zip(*opened, strict=True)
    hours = [24.0, np.nan, 12.0, 144.0]
    ends = [START + round((day + h / 24) * DAY) if np.isfinite(h) else None for day, h in zip(days, hours, strict=True)]
    times = instants(list(days))
    pq.write_table(pa.table({"id": names, "at": times, "hours": hours}), root / "raw" / "tickets.parquet")
    cases = {"id": names, "at": times, "end": pa.array(ends, pa.int64()).cast(TIME)}
    pq.write_table(pa.table(cases), root / "raw" / "cases.parquet")
    who, day, took, again = zip(*answers, strict=True)
    table = {"id": who, "at": instants(list(day)), "hours": took, "again": [float(x) for x in again]}
    pq.write_table(pa.table(table), root / "raw" / "answers.parquet")
    contracts = [
        TableContract("tickets", "events", "tickets.parquet", id="id", time="at", numbers=("hours",)),
        TableContract("cases", "spells", "cases.parquet", id="id", time="at", end="end"),
        TableContract("answers", "events", "answers.parquet", id="id", time="at", numbers=("hours", "again")),
    ]
    prepare(contracts, root=root, folder="raw", target=root / "prepared", as_of=AS_OF, timezone="UTC")
    return open_history(root / "prepared")


ROLES = [
    TicketRole("tickets", answers="answers", hours="hours", reopened="again"),
    TicketRole("tickets", hours="hours"),
    TicketRole("cases", is_spells=True),
]


def found(history: History, role: TicketRole, at: float) -> list[tuple[str, float, float | None]]:
    """Return customer, day opened and hours until the answer, None while open."""
    out = []
    for number in range(history.n_buckets):
        bucket = BucketAt(history, number, START + round(at * DAY))
        t: Tickets = tickets_of(bucket, role)
        for who, opened, closed in zip(t.customer, t.opened, t.closed, strict=True):
            hours = None if closed > bucket.at else (closed - opened) / HOUR_US
            out.append((bucket.customers[int(who)].as_py(), (opened - START) / DAY, hours))
    return sorted(out)


@pytest.mark.parametrize("role", ROLES, ids=["answers", "hours", "spells"])
def test_answers_belong_to_the_ticket_that_their_hours_imply(history: History, role: TicketRole) -> None:
    expected = [("a", 0.0, 24.0), ("a", 5.0, None), ("a", 9.0, 12.0), ("b", 2.0, 144.0)]
    assert found(history, role, 20) == expected


@pytest.mark.parametrize("role", ROLES, ids=["answers", "hours", "spells"])
def test_what_is_closed_after_the_cut_off_is_open(history: History, role: TicketRole) -> None:
    assert found(history, role, 7.9) == [("a", 0.0, 24.0), ("a", 5.0, None), ("b", 2.0, None)]


def test_an_answer_without_hours_closes_the_oldest_open_ticket(history: History) -> None:
    role = TicketRole("tickets", answers="answers")
    assert [hours for _, _, hours in found(history, role, 20)] == [24.0, 108.0, None, 144.0]


def test_reopened_and_unmatched_answers_are_counted(history: History) -> None:
    parts = [tickets_of(BucketAt(history, n, AS_OF), ROLES[0]) for n in range(history.n_buckets)]
    assert sum(int(t.is_reopened.sum()) for t in parts) == 1
    assert sum(t.n_unmatched for t in parts) == 0
