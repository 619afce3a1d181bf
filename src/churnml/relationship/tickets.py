"""Tickets with the time they were answered, as known at an instant: one answered later is open."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.roles import TicketRole
from churnml.timeline import NEVER

__all__ = ["HOUR_US", "Tickets", "tickets_of"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
HOUR_US = 3_600_000_000
_SAME_TICKET_US = HOUR_US
"""Hours in files are rounded: an answer belongs to the ticket that was opened so near the time it implies."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """Tickets of one bucket known at an instant, in the order of the table.

    Parameters
    ----------
    customer : ndarray of int64, shape (n,)
        Number of the customer in the bucket.
    row : ndarray of int64, shape (n,)
        Row of the table.
    opened, closed : ndarray of int64, shape (n,)
        Microseconds; closed is :data:`~churnml.timeline.NEVER` while open.
    is_reopened : ndarray of bool, shape (n,)
        Whether the customer had to come back.
    n_unmatched : int
        Answers that belong to no ticket.
    """

    customer: Int64s
    row: Int64s
    opened: Int64s
    closed: Int64s
    is_reopened: Bools
    n_unmatched: int = 0

    def deadline(self, sla_hours: float) -> Int64s:
        """Return until when each should have been answered."""
        return self.opened + round(sla_hours * HOUR_US)


def tickets_of(bucket: BucketAt, role: TicketRole) -> Tickets:
    """Return the tickets of a bucket as known at its instant.

    Parameters
    ----------
    bucket : BucketAt
    role : TicketRole
        Answers lie in spells (their end), in the hours of the row itself, or in a table of answers. There, an answer
        belongs to the customer's ticket that was opened when its hours say, else to the oldest one without an answer.
    """
    opened = bucket.instants(role.table, "started_at" if role.is_spells else "occurred_at")
    row = np.flatnonzero(rows_known(bucket, role.table))
    who = bucket.who(role.table)
    closed = np.full(len(opened), NEVER, dtype=np.int64)
    again = np.zeros(len(opened), dtype=bool)
    n_unmatched = 0
    if role.is_spells:
        closed = bucket.instants(role.table, "ended_at")
        again = _flag(bucket, role.table, role.reopened)
    elif role.answers:
        answer, n_unmatched = _answers(bucket, role)
        has = answer >= 0
        closed[has] = bucket.instants(role.answers, "occurred_at")[answer[has]]
        again[has] = _flag(bucket, role.answers, role.reopened)[answer[has]]
    elif role.hours:
        hours = bucket.numbers(role.table, role.hours) * role.unit_hours
        after = np.where(np.isfinite(hours) & (hours >= 0), np.nan_to_num(hours), 0.0)
        answered = opened + np.rint(after * HOUR_US).astype(np.int64)
        closed = np.where(np.isfinite(hours) & (answered <= bucket.at), answered, NEVER)
        again = _flag(bucket, role.table, role.reopened) & (closed != NEVER)
    return Tickets(who[row], row, opened[row], closed[row], again[row], n_unmatched)


def _flag(bucket: BucketAt, table: str, column: str) -> Bools:
    if not column:
        return np.zeros(bucket.n_rows(table), dtype=bool)
    return np.nan_to_num(bucket.numbers(table, column)) > 0


def _answers(bucket: BucketAt, role: TicketRole) -> tuple[Int64s, int]:
    """Return the answer of each ticket, -1 without, and how many answers belong to none."""
    name = role.answers
    hours = bucket.numbers(name, role.hours) * role.unit_hours if role.hours else np.full(bucket.n_rows(name), np.nan)
    answered, counts = bucket.instants(name, "occurred_at"), rows_known(bucket, name)
    usable = np.isfinite(hours) & (hours >= 0)
    implied = np.where(usable, answered - np.rint(np.where(usable, hours, 0) * HOUR_US).astype(np.int64), NEVER)
    out = np.full(bucket.n_rows(role.table), -1, dtype=np.int64)
    tickets = bucket.offsets(role.table), bucket.instants(role.table, "occurred_at"), rows_known(bucket, role.table)
    _match(*tickets, bucket.offsets(name), answered, implied, counts, out)
    return out, int(counts.sum() - (out >= 0).sum())


@numba.njit(cache=True, nogil=True)
def _match(
    ticket_offsets: Int64s,
    opened: Int64s,
    is_ticket: Bools,
    answer_offsets: Int64s,
    answered: Int64s,
    implied: Int64s,
    is_answer: Bools,
    out: Int64s,
) -> None:
    """Write the answer of each ticket; answers are given out in the order of their times."""
    for i in range(ticket_offsets.shape[0] - 1):
        low, high = ticket_offsets[i], ticket_offsets[i + 1]
        for a in range(answer_offsets[i], answer_offsets[i + 1]):
            if not is_answer[a]:
                continue
            best, nearest = -1, _SAME_TICKET_US + 1
            if implied[a] != NEVER:
                for k in range(low, high):
                    away = abs(opened[k] - implied[a])
                    if is_ticket[k] and out[k] < 0 and away < nearest:
                        best, nearest = k, away
            if best < 0:
                for k in range(low, high):
                    if is_ticket[k] and out[k] < 0 and opened[k] <= answered[a]:
                        best = k
                        break
            if best >= 0:
                out[best] = a
