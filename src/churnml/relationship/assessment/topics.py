"""What customers raise, ordered by what may be lost with those who raise it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.histories.conform import MONEY_UNITS
from churnml.relationship.assessment.groups import MAX_LEVELS
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.customers import Subject
from churnml.relationship.known import BucketAt, rows_known
from churnml.relationship.period import Period
from churnml.relationship.small_cells import shown_beside_all

__all__ = ["Topic", "raised", "topic_ranking"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Topic = tuple[str, str, str]
_TWO_SIDED = 1.959963984540054


def raised(subject: Subject, number: int, period: Period) -> dict[Topic, tuple[Bools]]:
    """Return (table, category, level) of tickets and surveys -> who raised it in the period."""
    bucket = BucketAt(subject.history, number, period.end)
    roles, found = subject.roles, dict[Topic, tuple[Bools]]()
    names = [*([roles.tickets.table] if roles.tickets else []), *(role.table for role in roles.surveys)]
    for name in dict.fromkeys(names):
        times = bucket.instants(name, "started_at" if bucket.is_spells(name) else "occurred_at")
        inside = rows_known(bucket, name) & (times > period.begin) & (times <= period.end)
        who = bucket.who(name)
        for column in subject.history.tables[name].categories:
            codes, levels = bucket.codes(name, column)
            for at in np.unique(codes[inside]).tolist():
                if at >= 0:
                    here = np.zeros(len(bucket.customers), dtype=bool)
                    here[who[inside & (codes == at)]] = True
                    found[name, column, levels[at]] = (here,)
    return found


def topic_ranking(topics: Mapping[Topic, Bools], worth: Int64s, inside: Bools, *, minimum: int) -> dict[str, Any]:
    """Rank topics by the value of the customers who raise them.

    Parameters
    ----------
    topics : mapping of (table, category, level) to ndarray of bool, shape (n_customers,)
    worth : ndarray of int64, shape (n_customers,)
        Value at risk, or what was brought in the last year, in ten-thousandths.
    inside : ndarray of bool, shape (n_customers,)
        Customers looked at.
    minimum : int
        Fewest customers that are shown, on the topic and beside it.

    Returns
    -------
    dict
        ``n_hidden`` and ``rows``: ``topic``, ``n``, ``value`` with the 95 % interval of a sum over customers drawn at
        random, and ``mean``; the greatest first. Categories of more levels than are read side by side are left out.
    """
    levels: dict[tuple[str, str], list[Topic]] = {}
    for topic in sorted(topics):
        levels.setdefault(topic[:2], []).append(topic)
    rows, n_hidden = [], 0
    for names in (each for each in levels.values() if len(each) <= MAX_LEVELS):
        among = inside & np.any([topics[name] for name in names], axis=0)
        shown = shown_beside_all([topics[name][among] for name in names], minimum=minimum)
        n_hidden += shown.count(False)
        rows += [_row(n, worth[topics[n] & among]) for n, is_shown in zip(names, shown, strict=True) if is_shown]
    rows.sort(key=lambda row: (-row["value"], row["topic"]))
    return {"n_hidden": n_hidden, "rows": rows}


def _row(name: Topic, worth: Int64s) -> dict[str, Any]:
    value = worth.astype(np.float64) / MONEY_UNITS
    half = _TWO_SIDED * float((value**2).sum()) ** 0.5
    total = float(value.sum())
    return {
        "topic": list(name),
        "n": len(value),
        "value": rounded(total),
        "low": rounded(max(total - half, 0.0) if total >= 0 else total - half),
        "high": rounded(total + half),
        "mean": rounded(total / len(value)),
    }
