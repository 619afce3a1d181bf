"""Outcomes of one bucket's customers around a change, metric by metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import churn_labels
from churnml.relationship.impact.panel import Panel, Periods, sums_in_windows
from churnml.relationship.roles import SurveyRole
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import NEVER, OutcomeWindow

__all__ = [
    "Watched",
    "churn_panel",
    "cost_panel",
    "count_panel",
    "level_panel",
    "score_panel",
    "share_panel",
    "watched",
]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Watched:
    """The customers of a bucket who were at risk when a period began: those of whom an outcome is asked.

    Parameters
    ----------
    customer, opens, period : ndarray of int64, shape (n,)
        Number of the customer, start and number of the period.
    affected : ndarray of bool, shape (n,)
    """

    def __init__(self, customer: Int64s, opens: Int64s, period: Int64s, affected: Bools) -> None:
        self.customer, self.opens, self.period, self.affected = customer, opens, period, affected

    def panel(self, outcome: Floats) -> Panel:
        """Return the rows whose outcome is known."""
        known = np.isfinite(outcome)
        return Panel(self.customer[known], self.period[known], self.affected[known], outcome[known])


def watched(
    bucket: Bucket, history: History, definition: ChurnDefinition, periods: Periods, affected: Bools, *, step: int
) -> Watched:
    """Return who was at risk at the start of each period, every ``step``-th customer of the bucket."""
    some = np.arange(0, len(bucket.customers), step)
    customer = np.repeat(some, len(periods.starts))
    opens, numbers = np.tile(periods.starts, len(some)), np.tile(periods.numbers, len(some))
    keep = at_risk(bucket, history, definition, customer, opens)
    return Watched(customer[keep], opens[keep], numbers[keep], affected[customer[keep]])


def churn_panel(
    seen: Watched, bucket: Bucket, definition: ChurnDefinition, window: OutcomeWindow, *, settled_until: int
) -> Panel:
    """Return 1 for who was lost in the period, 0 for who stayed; what is not settled is left out."""
    labels = churn_labels(bucket, definition, window, seen.customer, seen.opens, settled_until=settled_until)
    return seen.panel(np.where(labels < 0, np.nan, labels.astype(np.float64)))


def count_panel(seen: Watched, bucket: Bucket, tables: Sequence[str], *, length: int) -> Panel:
    """Return how many rows of some events tables each customer had in a period."""
    counts = np.zeros(len(seen.customer))
    for table in tables:
        worth = bucket.is_activity(table).astype(np.float64)
        counts += sums_in_windows(bucket, table, worth, seen.customer, seen.opens, length=length)
    return seen.panel(counts)


def share_panel(seen: Watched, bucket: Bucket, table: str, *, length: int) -> Panel:
    """Return 1 for customers who bought in a period, else 0: all had bought before or were there otherwise."""
    found = count_panel(seen, bucket, [table], length=length)
    return Panel(found.customer, found.period, found.affected, (found.outcome > 0).astype(np.float64))


def cost_panel(seen: Watched, bucket: Bucket, table: str, *, length: int) -> Panel:
    """Return what each customer cost in a period, in the currency."""
    units, known = bucket.money(table)
    worth = np.where(known, units, 0) / 10_000.0
    return seen.panel(sums_in_windows(bucket, table, worth, seen.customer, seen.opens, length=length))


def level_panel(seen: Watched, bucket: Bucket, table: str, column: str, level: str, *, length: int) -> Panel:
    """Return which share of a customer's rows in a period had a level; who had no row is left out."""
    codes, vocabulary = bucket.codes(table, column)
    activity = bucket.is_activity(table).astype(np.float64)
    has = activity * (codes == (vocabulary.index(level) if level in vocabulary else -2))
    rows, hits = (
        sums_in_windows(bucket, table, worth, seen.customer, seen.opens, length=length) for worth in (activity, has)
    )
    return seen.panel(np.divide(hits, rows, out=np.full(len(rows), np.nan), where=rows > 0))


def score_panel(seen: Watched, bucket: Bucket, role: SurveyRole, *, length: int) -> Panel:
    """Return each customer's mean answer in a period: CSAT as given; NPS as 100, 0, -100. No answer is no row."""
    values = bucket.numbers(role.table, role.column)
    known = np.isfinite(values) & (bucket.known_until(role.table) == NEVER)
    scores = np.where(known, values, 0.0)
    if role.kind == "nps":
        scores = np.where(known, 100.0 * ((values >= 9).astype(float) - (values <= 6)), 0.0)
    total, n = (
        sums_in_windows(bucket, role.table, worth, seen.customer, seen.opens, length=length)
        for worth in (scores, known.astype(np.float64))
    )
    return seen.panel(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))
