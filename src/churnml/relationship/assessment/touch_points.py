"""Where customers meet the company, and whom it disappointed there: by survey, kind of ticket, channel, product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churnml.relationship.customers import Subject, scored_rows
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.period import Period
from churnml.relationship.tickets import tickets_of

__all__ = ["TouchPoint", "touched"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class TouchPoint(NamedTuple):
    """What can go wrong where.

    Parameters
    ----------
    measure : str
        ``csat``, ``nps``, ``sla_breach``, ``reopened`` or ``refund``.
    table, column, level : str
        Where; column and level are empty for all rows of the table.
    """

    measure: str
    table: str
    column: str = ""
    level: str = ""


def touched(subject: Subject, number: int, period: Period) -> dict[TouchPoint, tuple[Bools, Bools]]:
    """Return touch-point -> whom it touched in the period, and whom it disappointed the last time.

    Only the last time counts: who comes more often would otherwise seem to be disappointed more often.

    Returns
    -------
    dict of TouchPoint to (ndarray of bool, ndarray of bool)
        Each shape (n_customers,).
    """
    bucket = BucketAt(subject.history, number, period.end)
    found: dict[TouchPoint, tuple[Bools, Bools]] = {}
    for point, who, bad in _rows(subject, bucket, period):
        sides = found.setdefault(point, (np.zeros(len(bucket.customers), bool), np.zeros(len(bucket.customers), bool)))
        sides[0][who] = True
        # Rows ascend in time, and of several values for one customer the last one stays.
        sides[1][who] = bad
    return found


def _rows(subject: Subject, bucket: BucketAt, period: Period) -> Iterator[tuple[TouchPoint, Int64s, Bools]]:
    """Yield touch-point, customer of each row, and whether the row disappointed."""
    for role in subject.roles.surveys:
        score, chosen = scored_rows(bucket, role, period)
        bad = score < role.satisfied_from if role.kind == "csat" else score <= 6
        yield from _by_level(subject, bucket, role.kind, role.table, np.flatnonzero(chosen), bad[chosen])
    yield from _tickets(subject, bucket, period)
    yield from _refunds(subject, bucket, period)


def _tickets(subject: Subject, bucket: BucketAt, period: Period) -> Iterator[tuple[TouchPoint, Int64s, Bools]]:
    role = subject.roles.tickets
    if role is None or not role.knows_answers:
        return
    tickets = tickets_of(bucket, role)
    deadline = tickets.deadline(role.sla_hours)
    due = (deadline > period.begin) & (deadline <= period.end)
    late = tickets.closed > deadline
    yield from _by_level(subject, bucket, "sla_breach", role.table, tickets.row[due], late[due])
    if role.reopened:
        done = (tickets.closed > period.begin) & (tickets.closed <= period.end)
        again = tickets.is_reopened[done]
        yield from _by_level(subject, bucket, "reopened", role.table, tickets.row[done], again)


def _refunds(subject: Subject, bucket: BucketAt, period: Period) -> Iterator[tuple[TouchPoint, Int64s, Bools]]:
    name = subject.roles.purchases
    if not name or not subject.history.tables[name].has_amount:
        return
    times = bucket.instants(name, "occurred_at")
    rows = np.flatnonzero(rows_known(bucket, name) & (times > period.begin) & (times <= period.end))
    yield from _by_level(subject, bucket, "refund", name, rows, bucket.is_refund(name)[rows])


def _by_level(
    subject: Subject, bucket: BucketAt, measure: str, table: str, rows: Int64s, bad: Bools
) -> Iterator[tuple[TouchPoint, Int64s, Bools]]:
    """Yield the rows of a table as a whole, and by the levels of each of its categories."""
    who = bucket.who(table)[rows]
    yield TouchPoint(measure, table), who, bad
    for column in subject.history.tables[table].categories:
        codes, levels = bucket.codes(table, column)
        for at in np.unique(codes[rows]).tolist():
            if at >= 0:
                here = codes[rows] == at
                yield TouchPoint(measure, table, column, levels[at]), who[here], bad[here]
