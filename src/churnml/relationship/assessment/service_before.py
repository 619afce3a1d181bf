"""What service each customer had in the days before a moment: before an answer, or before it was decided who leaves."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churnml.relationship.customers import Subject, scored_rows
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.period import Period
from churnml.relationship.tickets import HOUR_US, tickets_of
from churnml.timeline import NEVER, days_to_us

__all__ = ["Before", "last_answers", "service_before"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_WAITING = re.compile(r"late|delay|wait|overdue|延迟|等待|迟", re.IGNORECASE)


class Before(NamedTuple):
    """What somebody met with in the days before a moment.

    Parameters
    ----------
    measures : dict of str to ndarray of float64, shape (n_customers,)
        ``ticket``, ``slow``, ``reopened``, ``overdue``, ``refund`` (0 or 1), ``hours`` (mean, in days of 24 hours), and
        ``<table>.<column>`` of numbers that tell of waiting (mean); NaN = it does not apply to this customer.
    activity : ndarray of float64, shape (n_customers,)
        Interactions in those days: what is held equal.
    """

    measures: dict[str, Floats]
    activity: Floats


def last_answers(subject: Subject, bucket: BucketAt, period: Period) -> tuple[Int64s, Floats]:
    """Return when each customer last told how satisfied they were in the period, and whether they were not.

    Returns
    -------
    at : ndarray of int64, shape (n_customers,)
        :data:`~churnml.timeline.NEVER` where they did not.
    dissatisfied : ndarray of float64, shape (n_customers,)
        1, 0 or NaN.
    """
    n = len(bucket.customers)
    at, bad = np.full(n, NEVER, dtype=np.int64), np.full(n, np.nan)
    for role in subject.roles.of_kind("csat"):
        score, chosen = scored_rows(bucket, role, period)
        times = bucket.instants(role.table, "occurred_at")
        who = bucket.who(role.table)
        # Rows ascend in time, so the last one written stays.
        for row in np.flatnonzero(chosen).tolist():
            i = who[row]
            if at[i] == NEVER or times[row] >= at[i]:
                at[i], bad[i] = times[row], float(score[row] < role.satisfied_from)
    return at, bad


def service_before(subject: Subject, bucket: BucketAt, dates: Int64s, *, days: int) -> Before:
    """Return what each customer met with in ``(date - days, date]``, as known at the bucket's instant.

    Parameters
    ----------
    subject : Subject
    bucket : BucketAt
    dates : ndarray of int64, shape (n_customers,)
        NEVER = nobody looks at this customer.
    days : int
    """
    measures: dict[str, Floats] = {}
    _from_tickets(subject, bucket, dates, days, measures)
    _from_purchases(subject, bucket, dates, days, measures)
    activity = np.zeros(len(dates))
    for name in subject.roles.interactions:
        chosen = rows_known(bucket, name) & bucket.is_activity(name) & _before(bucket, name, dates, days)
        activity += np.bincount(bucket.who(name)[chosen], minlength=len(dates))
    return Before(measures, activity)


def _before(bucket: BucketAt, table: str, dates: Int64s, days: int) -> npt.NDArray[np.bool_]:
    return _in(bucket.instants(table, "occurred_at"), dates[bucket.who(table)], days)


def _in(times: Int64s, dates: Int64s, days: int) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (dates != NEVER) & (times <= dates) & (times > dates - days_to_us(days))
    return inside


def _from_tickets(subject: Subject, bucket: BucketAt, dates: Int64s, days: int, measures: dict[str, Floats]) -> None:
    role, n = subject.roles.tickets, len(dates)
    if role is None:
        return
    tickets = tickets_of(bucket, role)
    who, date = tickets.customer, dates[tickets.customer]
    looked_at = dates != NEVER
    measures["ticket"] = _any(who[_in(tickets.opened, date, days)], n, looked_at)
    if not role.knows_answers:
        return
    deadline = tickets.deadline(role.sla_hours)
    due, done = _in(deadline, date, days), _in(tickets.closed, date, days)
    measures["slow"] = _any(who[due & (tickets.closed > deadline)], n, _some(who[due], n))
    open_then = (date != NEVER) & (deadline <= date) & (tickets.closed > date)
    measures["overdue"] = _any(who[open_then], n, looked_at)
    hours = np.where(done, (tickets.closed - tickets.opened) / HOUR_US, 0.0)
    measures["hours"] = _mean(who[done], hours[done] / 24, n)
    if role.reopened:
        measures["reopened"] = _any(who[done & tickets.is_reopened], n, _some(who[done], n))


def _from_purchases(subject: Subject, bucket: BucketAt, dates: Int64s, days: int, measures: dict[str, Floats]) -> None:
    name = subject.roles.purchases
    if not name:
        return
    info, who = subject.history.tables[name], bucket.who(name)
    inside = rows_known(bucket, name) & _before(bucket, name, dates, days)
    if info.has_amount:
        measures["refund"] = _any(who[inside & bucket.is_refund(name)], len(dates), _some(who[inside], len(dates)))
    for column in (each for each in info.numbers if _WAITING.search(each)):
        values = bucket.numbers(name, column)
        told = inside & np.isfinite(values)
        measures[f"{name}.{column}"] = _mean(who[told], values[told], len(dates))


def _some(who: Int64s, n: int) -> npt.NDArray[np.bool_]:
    return np.bincount(who, minlength=n) > 0


def _any(who: Int64s, n: int, applies: npt.NDArray[np.bool_]) -> Floats:
    return np.where(applies, (np.bincount(who, minlength=n) > 0).astype(np.float64), np.nan)


def _mean(who: Int64s, values: Floats, n: int) -> Floats:
    count = np.bincount(who, minlength=n)
    total = np.bincount(who, values, minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
