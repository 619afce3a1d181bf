"""Product lines whose customers leave more, or less, often than the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.assessment.findings import Standardised, compare_within, false_discovery
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.customers import Subject
from churnml.relationship.known import BucketAt
from churnml.relationship.period import Period
from churnml.relationship.small_cells import shown_beside_all
from churnml.timeline import DAY_US

__all__ = ["bought_before", "customers_of_lines", "line_findings"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Line = tuple[str, str, str]
_LOOKBACK_US = 365 * DAY_US
_LISTED = 30
_MAX_LINES = 1000


def customers_of_lines(subject: Subject, number: int, period: Period) -> dict[Line, Bools]:
    """Return (table, column, level) -> who bought it in the year before the churn date, or had it in force then."""
    bucket = BucketAt(subject.history, number, period.end)
    date = subject.churn_date(period)
    found: dict[Line, Bools] = {}
    for table, column in subject.roles.lines:
        is_spells = subject.history.tables[table].kind == "spells"
        times = bucket.instants(table, "started_at" if is_spells else "occurred_at")
        usable = (bucket.known_at(table) <= date) & (bucket.known_until(table) > date) & (times <= date)
        if is_spells:
            usable &= bucket.instants(table, "ended_at") > date
        else:
            usable &= (times > date - _LOOKBACK_US) & bucket.is_activity(table)
        who = bucket.who(table)
        codes, levels = bucket.codes(table, column)
        for at in np.unique(codes[usable]).tolist():
            if at >= 0:
                here = np.zeros(len(bucket.customers), dtype=bool)
                here[who[usable & (codes == at)]] = True
                found[table, column, levels[at]] = here
    return found


def bought_before(subject: Subject, number: int, period: Period) -> Int64s:
    """Return how often each customer of a bucket bought in the year before the churn date, as known then."""
    bucket = BucketAt(subject.history, number, period.end)
    date, name = subject.churn_date(period), subject.roles.purchases
    if not name:
        return np.zeros(len(bucket.customers), dtype=np.int64)
    times = bucket.instants(name, "occurred_at")
    usable = (bucket.known_at(name) <= date) & (bucket.known_until(name) > date) & bucket.is_activity(name)
    usable &= (times <= date) & (times > date - _LOOKBACK_US)
    who = bucket.who(name)
    return np.bincount(who[usable], minlength=len(bucket.customers)).astype(np.int64)


def line_findings(
    lines: Mapping[Line, Bools], at_risk: Bools, churned: Bools, often: Int64s, *, minimum: int, fdr: float
) -> dict[str, Any]:
    """Compare the churn of each line's customers with that of others who buy as often, over all lines.

    Parameters
    ----------
    lines : mapping of (table, column, level) to ndarray of bool, shape (n_customers,)
    at_risk, churned : ndarray of bool, shape (n_customers,)
    often : ndarray of int64, shape (n_customers,)
        Purchases in the year before the churn date. Who buys more often is in more lines and leaves less often: only
        customers who bought about as often are compared.
    minimum : int
        Fewest customers in a line, and among the others.
    fdr : float
        Share of false findings that is accepted among all findings (Benjamini and Hochberg).

    Returns
    -------
    dict
        ``n_tested``, ``n_found``, ``n_hidden`` and ``rows``: all findings, and the nearest ones up to thirty. The
        others of a line are customers with another line of the same column.
    """
    names, kind = sorted(lines)[:_MAX_LINES], _about_as_often(often)
    rows: list[dict[str, Any]] = []
    for column in dict.fromkeys(name[:2] for name in names):
        own = [name for name in names if name[:2] == column]
        among = at_risk & np.any([lines[name] for name in own], axis=0)
        shown = shown_beside_all([lines[name][among] for name in own], minimum=minimum)
        chosen = [name for name, is_shown in zip(own, shown, strict=True) if is_shown]
        rows += [_row(name, compare_within(lines[name], churned, among, kind)) for name in chosen]
    for row, q in zip(rows, false_discovery([row["p_value"] for row in rows]), strict=True):
        row |= {"q_value": rounded(float(q)), "is_found": bool(q <= fdr), "p_value": rounded(row["p_value"])}
    rows.sort(key=lambda row: (not row["is_found"], row["p_value"], row["line"]))
    found = sum(row["is_found"] for row in rows)
    n_hidden = len(names) - len(rows)
    return {"n_tested": len(rows), "n_found": found, "n_hidden": n_hidden, "rows": rows[: max(found, _LISTED)]}


def _about_as_often(often: Int64s) -> Int64s:
    """Return classes of customers who bought about as often: 0, 1, 2, 3, 4, then steps of a quarter."""
    many = np.floor(4 * np.log2(np.maximum(often, 4) / 4)).astype(np.int64) + 4
    return np.where(often < 5, often, many)


def _row(name: Line, seen: Standardised) -> dict[str, Any]:
    return {
        "line": list(name),
        "count": seen.count,
        "n": seen.n,
        "count_rest": seen.count_rest,
        "n_rest": seen.n_rest,
        "churn": rounded(seen.count / seen.n),
        "expected": rounded(seen.expected / seen.n),
        "ratio": rounded(seen.count / seen.expected) if seen.expected > 0 else None,
        "p_value": seen.p_value,
    }
