"""One row a customer for a period: who was there, who left, what they did and said, as known at the period's end.

Every figure is a sum of one column over a sum of another, so whoever adds up the rows gets the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.features.standing import tenure_days, year_value
from churnml.histories.conform import MONEY_UNITS
from churnml.histories.in_force import has_in_force
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels, static_labels
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.period import Period
from churnml.relationship.roles import Roles, SurveyRole
from churnml.relationship.tickets import HOUR_US, Tickets, tickets_of
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import DAY_US, NEVER, OutcomeWindow

__all__ = ["Measured", "Subject", "period_rows"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose relationship is measured how.

    Parameters
    ----------
    history : History
    roles : Roles
    churn : ChurnDefinition
    window : OutcomeWindow
        In which churn is looked for.
    settle_us : int
        How long outcomes take to be known.
    value_table : str
        What customers brought is counted from; empty = there is no value.
    is_count : bool
        Whether value is a number of events rather than money.
    label_values : tuple of str
        Ready labels that mean churned; empty = yes, true, 1 and the like.
    """

    history: History
    roles: Roles
    churn: ChurnDefinition
    window: OutcomeWindow
    settle_us: int = 0
    value_table: str = ""
    is_count: bool = False
    label_values: tuple[str, ...] = ()

    def churn_date(self, period: Period) -> int:
        """Return when those who may leave are counted: the latest date whose outcome is known by the period's end."""
        return self.window.last_settled(as_of=period.end - self.settle_us)


Measured = dict[str, npt.NDArray[Any]]
"""Columns, each shape (n_customers,)."""


def period_rows(subject: Subject, number: int, period: Period) -> pa.Table:
    """Return what is known of the customers of one bucket in a period.

    Returns
    -------
    pyarrow.Table
        ``customer_id``; ``base`` (1 = could leave at the period's begin or end, or was in touch during it),
        ``there`` (could leave at its end); ``at_risk``, ``churned``, ``revenue``, ``revenue_lost``, ``value_before``
        and ``n_before`` (purchases so far) of the churn date; ``interactions``, ``bought``, ``repeat``, ``purchases``,
        ``refunds``; ``csat_n``, ``csat_satisfied``, ``nps_n``, ``promoters``, ``detractors``; ``tickets``, ``due``,
        ``breached``, ``answered``, ``seconds``, ``open``, ``overdue``, ``reopened``; ``member``, ``joined``,
        ``referred``; ``year_value``; ``first_us``. Money in ten-thousandths. What a project cannot know is null
        throughout.
    """
    bucket = BucketAt(subject.history, number, period.end)
    n = len(bucket.customers)
    everybody = np.arange(n, dtype=np.int64)
    found: Measured = {}
    found |= _standing(subject, bucket, everybody, period)
    found |= _churn(subject, bucket, everybody, period)
    found |= _purchases(subject.roles, bucket, period)
    found |= _interactions(subject.roles, bucket, period)
    found |= _answers(subject.roles, bucket, period)
    found |= _service(subject.roles, bucket, period)
    found |= _loyalty(subject.roles, bucket, everybody, period, found["first_us"])
    found["base"] = _in_touch(found).astype(np.int64)
    for name in _OF_THE_PERIOD:
        if name in found:
            found[name] = found[name] * found["base"]
    columns = {"customer_id": bucket.customers}
    names = {name: pa.array(values) for name, values in found.items()}
    return pa.table({**columns, **names, **{name: pa.nulls(n, pa.int64()) for name in _OPTIONAL if name not in found}})


_IN_TOUCH = ("there", "was_there", "at_risk", "interactions", "bought", "csat_n", "nps_n", "tickets", "open", "due")
_OF_THE_PERIOD = ("member", "joined", "referred", "year_value")
"""Told of everybody ever known; only the customers of the period count."""
_OPTIONAL = (
    *("at_risk", "churned", "revenue", "revenue_lost", "value_before", "n_before"),
    *("interactions", "bought", "repeat", "purchases", "refunds"),
    *("csat_n", "csat_satisfied", "nps_n", "promoters", "detractors", "tickets", "due", "breached", "answered"),
    *("seconds", "open", "overdue", "reopened", "member", "joined", "referred", "year_value"),
)


def _in_touch(found: Measured) -> Bools:
    """Return who is a customer of the period: could leave, or was in touch."""
    touched: Bools = np.any([found[name] > 0 for name in _IN_TOUCH if name in found], axis=0)
    return touched


def _whole(values: npt.NDArray[Any]) -> Int64s:
    rounded: Int64s = np.rint(values).astype(np.int64)
    return rounded


def _standing(subject: Subject, bucket: BucketAt, everybody: Int64s, period: Period) -> Measured:
    """Return who could leave at the begin or the end, since when they are known, and what they brought in a year."""
    there = [
        at_risk(bucket, subject.history, subject.churn, everybody, np.full(len(everybody), t, dtype=np.int64))
        for t in (period.begin, period.end)
    ]
    ends = np.full(len(everybody), period.end, dtype=np.int64)
    days = tenure_days(bucket, subject.history, everybody, ends)
    known = np.isfinite(days)
    first = np.where(known, period.end - _whole(np.where(known, days, 0) * DAY_US), NEVER)
    found: Measured = {
        "was_there": there[0].astype(np.int64),
        "there": there[1].astype(np.int64),
        "first_us": first,
    }
    if subject.value_table:
        info = subject.history.tables[subject.value_table]
        value = year_value(bucket, info, everybody, ends, is_count=subject.is_count)
        found["year_value"] = _whole(value * (1 if subject.is_count else MONEY_UNITS))
    return found


def _churn(subject: Subject, bucket: BucketAt, everybody: Int64s, period: Period) -> Measured:
    """Return who could leave at the churn date and did, with what they had brought in the year before."""
    if subject.churn.kind == "label":
        return _labelled(subject, bucket)
    dates = np.full(len(everybody), subject.churn_date(period), dtype=np.int64)
    exposed = at_risk(bucket, subject.history, subject.churn, everybody, dates)
    settled = period.end - subject.settle_us
    labels = churn_labels(bucket, subject.churn, subject.window, everybody, dates, settled_until=settled)
    counted = exposed & (labels != CENSORED)
    churned = counted & (labels == 1)
    found: Measured = {"at_risk": counted.astype(np.int64), "churned": churned.astype(np.int64)}
    if subject.value_table:
        info = subject.history.tables[subject.value_table]
        before = year_value(bucket, info, everybody, dates, is_count=subject.is_count)
        found["value_before"] = _whole(before * (1 if subject.is_count else MONEY_UNITS))
    if subject.value_table and not subject.is_count:
        # Who took back more than was bought has no revenue to lose.
        paid = np.where(counted, np.maximum(found["value_before"], 0), 0)
        found |= {"revenue": paid, "revenue_lost": np.where(churned, paid, 0)}
    if name := subject.roles.purchases:
        so_far = bucket.instants(name, "occurred_at") <= dates[0]
        found["n_before"] = _per_customer(
            bucket, name, so_far & (bucket.known_at(name) <= dates[0]) & bucket.is_activity(name)
        )
    return found


def _labelled(subject: Subject, bucket: BucketAt) -> Measured:
    """Return who has a ready label, and whom it says to have churned."""
    table = subject.churn.table
    file, values = subject.history.tables[table].file, subject.label_values
    ready = static_labels(bucket.table(table)["label"], churned_values=values, file=file, name="label")
    labels = np.full(len(bucket.customers), CENSORED, dtype=np.int64)
    labels[bucket.rows_of(bucket.table(table)["customer_id"])] = ready
    return {"at_risk": (labels != CENSORED).astype(np.int64), "churned": (labels == 1).astype(np.int64)}


def _per_customer(bucket: BucketAt, table: str, chosen: Bools, weights: Int64s | None = None) -> Int64s:
    """Return how many chosen rows each customer has, or the sum of their weights."""
    who = bucket.who(table)[chosen]
    counted = np.bincount(who, None if weights is None else weights[chosen], minlength=len(bucket.customers))
    return _whole(counted)


def _within(times: Int64s, period: Period) -> Bools:
    inside: Bools = (times > period.begin) & (times <= period.end)
    return inside


def _purchases(roles: Roles, bucket: BucketAt, period: Period) -> Measured:
    name = roles.purchases
    if not name:
        return {}
    times, known = bucket.instants(name, "occurred_at"), rows_known(bucket, name)
    bought = known & bucket.is_activity(name)
    ever, inside = _per_customer(bucket, name, bought), _per_customer(bucket, name, bought & _within(times, period))
    back = _per_customer(bucket, name, known & bucket.is_refund(name) & _within(times, period))
    has = (inside > 0).astype(np.int64)
    return {"bought": has, "repeat": has * (ever > 1), "purchases": inside, "refunds": back}


def _interactions(roles: Roles, bucket: BucketAt, period: Period) -> Measured:
    total = np.zeros(len(bucket.customers), dtype=np.int64)
    for name in roles.interactions:
        chosen = rows_known(bucket, name) & bucket.is_activity(name) & _within(
            bucket.instants(name, "occurred_at"), period
        )  # fmt: skip
        total += _per_customer(bucket, name, chosen)
    return {"interactions": total} if roles.interactions else {}


def _answers(roles: Roles, bucket: BucketAt, period: Period) -> Measured:
    """Return the answers to surveys: scores outside the scale do not count."""
    found: Measured = {}

    def add(name: str, values: Int64s) -> None:
        found[name] = found.get(name, np.zeros(len(values), dtype=np.int64)) + values

    for role in roles.surveys:
        score, chosen = scored_rows(bucket, role, period)
        if role.kind == "csat":
            add("csat_n", _per_customer(bucket, role.table, chosen))
            add("csat_satisfied", _per_customer(bucket, role.table, chosen & (score >= role.satisfied_from)))
        else:
            add("nps_n", _per_customer(bucket, role.table, chosen))
            add("promoters", _per_customer(bucket, role.table, chosen & (score >= 9)))
            add("detractors", _per_customer(bucket, role.table, chosen & (score <= 6)))
    return found


def scored_rows(bucket: BucketAt, role: SurveyRole, period: Period) -> tuple[Floats, Bools]:
    """Return the scores of a survey's rows, and which of them were given in the period and lie on the scale."""
    score = bucket.numbers(role.table, role.column)
    inside = _within(bucket.instants(role.table, "occurred_at"), period)
    on_scale = np.isfinite(score) & (score >= role.scale[0]) & (score <= role.scale[1])
    chosen: Bools = rows_known(bucket, role.table) & inside & on_scale
    return score, chosen


def _service(roles: Roles, bucket: BucketAt, period: Period) -> Measured:
    """Return tickets of the period, and those open, overdue and re-opened as of its end."""
    role = roles.tickets
    if role is None:
        return {}
    tickets, n = tickets_of(bucket, role), len(bucket.customers)
    found = {"tickets": _count(tickets, _within(tickets.opened, period), n)}
    if not role.knows_answers:
        return found
    deadline, is_open = tickets.deadline(role.sla_hours), tickets.closed == NEVER
    due, answered = _within(deadline, period), _within(tickets.closed, period)
    seconds = np.where(answered, (tickets.closed - tickets.opened) // (HOUR_US // 3600), 0)
    return found | {
        "due": _count(tickets, due, n),
        "breached": _count(tickets, due & (tickets.closed > deadline), n),
        "answered": _count(tickets, answered, n),
        "seconds": _whole(np.bincount(tickets.customer, seconds, minlength=n)),
        "open": _count(tickets, is_open, n),
        "overdue": _count(tickets, is_open & (deadline <= period.end), n),
        **({"reopened": _count(tickets, answered & tickets.is_reopened, n)} if role.reopened else {}),
    }


def _count(tickets: Tickets, chosen: Bools, n: int) -> Int64s:
    return np.bincount(tickets.customer[chosen], minlength=n).astype(np.int64)


def _loyalty(roles: Roles, bucket: BucketAt, everybody: Int64s, period: Period, first: Int64s) -> Measured:
    joined = _within(first, period)
    found: Measured = {"joined": joined.astype(np.int64)}
    if roles.membership is not None:
        ends = np.full(len(everybody), period.end, dtype=np.int64)
        found["member"] = has_in_force(bucket, roles.membership.table, everybody, ends).astype(np.int64)
    if roles.referral is not None:
        role = roles.referral
        level = bucket.categories(role.table, role.column)
        came = np.isin(np.array(level.to_pylist(), dtype=object), role.values)
        by = np.zeros(len(everybody), dtype=bool)
        by[bucket.who(role.table)[came]] = True
        found["referred"] = (joined & by).astype(np.int64)
    return found
