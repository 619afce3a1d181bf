"""From the rows of each table to the figures: how many there are, how many count, and why the others do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.customers import Subject, scored_rows
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.period import Period
from churnml.relationship.tickets import tickets_of

__all__ = ["COUNTS", "source_counts", "sum_counts"]

Bools = npt.NDArray[np.bool_]
COUNTS = ("rows", "known", "in_period", "matched", "population", "used")
"""Rows prepared; known by the period's end; of the period; whose customer is in the customers table; of the population;
that a figure is made of."""
Counts = dict[str, dict[str, int]]


def source_counts(subject: Subject, number: int, period: Period, *, inside: Bools, is_listed: Bools) -> Counts:
    """Return source -> counts of one bucket.

    Parameters
    ----------
    subject : Subject
    number : int
    period : Period
    inside, is_listed : ndarray of bool, shape (n_customers of the bucket,)
        Who is in the population, and in the customers table.
    """
    bucket = BucketAt(subject.history, number, period.end)
    roles, found = subject.roles, Counts()
    for name in dict.fromkeys([*([roles.purchases] if roles.purchases else []), *roles.interactions]):
        used = np.ones(bucket.n_rows(name), dtype=bool) & bucket.is_activity(name)
        found[name] = _counts(bucket, name, period, used, inside, is_listed)
    for role in roles.surveys:
        _, chosen = scored_rows(bucket, role, period)
        found[f"{role.table}.{role.column}"] = _counts(bucket, role.table, period, chosen, inside, is_listed)
    if roles.tickets is not None:
        name = roles.tickets.table
        found.setdefault(name, _counts(bucket, name, period, np.ones(bucket.n_rows(name), bool), inside, is_listed))
        if answers := roles.tickets.answers:
            matched = np.ones(bucket.n_rows(answers), dtype=bool)
            found[answers] = _counts(bucket, answers, period, matched, inside, is_listed)
            found[answers]["unmatched"] = tickets_of(bucket, roles.tickets).n_unmatched
    return found


def _counts(
    bucket: BucketAt, name: str, period: Period, used: Bools, inside: Bools, is_listed: Bools
) -> dict[str, int]:
    clock = "started_at" if bucket.is_spells(name) else "occurred_at"
    who = bucket.who(name)
    known, times = rows_known(bucket, name), bucket.instants(name, clock)
    here = known & (times > period.begin) & (times <= period.end)
    chosen = here & inside[who]
    counts = (np.ones(len(who), bool), known, here, here & is_listed[who], chosen, chosen & used)
    return {key: int(rows.sum()) for key, rows in zip(COUNTS, counts, strict=True)}


def sum_counts(parts: list[Counts], *, has_customers: bool) -> list[dict[str, Any]]:
    """Return the counts of all buckets by source; with a customers table, the share of rows whose customer it knows."""
    total: Counts = {}
    for part in parts:
        for name, counts in part.items():
            into = total.setdefault(name, dict.fromkeys(counts, 0))
            for key, n in counts.items():
                into[key] += n
    return [
        {
            "source": name,
            **counts,
            "match_rate": counts["matched"] / counts["in_period"] if has_customers and counts["in_period"] else None,
        }
        for name, counts in total.items()
    ]
