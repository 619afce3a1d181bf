"""Churned or stayed: decided from ``(t + lead, t + lead + horizon]`` alone, and only where that is fully observed."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.labels.cover import counting_ends, follow_cover
from churnml.labels.windows import any_hidden, any_in_window
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import NEVER, OutcomeWindow

__all__ = ["CENSORED", "churn_labels", "static_labels"]

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
CENSORED = -1
"""The label of a snapshot whose outcome cannot be known; such rows are counted and not learned from."""


@numba.njit(cache=True, nogil=True)
def _spell_outcome(
    offsets: Int64s,
    started: Int64s,
    ended: Int64s,
    counts: Bools,
    is_churn_end: Bools,
    customer: Int64s,
    dates: Int64s,
    opens: Int64s,
    closes: Int64s,
    grace: int,
    out: Int8s,
) -> None:
    """Write what became of the cover in force at each date; ``counts`` as in :func:`follow_cover`."""
    for r in range(customer.shape[0]):
        first, last = offsets[customer[r]], offsets[customer[r] + 1]
        cover_end = follow_cover(started, ended, counts, first, last, dates[r], closes[r], grace)
        if cover_end <= opens[r]:
            out[r] = -1
        elif cover_end > closes[r]:
            out[r] = 0
        else:
            out[r] = -1
            for k in range(first, last):
                if counts[k] and ended[k] == cover_end and is_churn_end[k]:
                    out[r] = 1


def churn_labels(
    bucket: Bucket,
    definition: ChurnDefinition,
    window: OutcomeWindow,
    customer: Int64s,
    dates: Int64s,
    *,
    settled_until: int,
) -> Int8s:
    """Label snapshots by the versions of rows known today; corrected ones do not count.

    Parameters
    ----------
    bucket : Bucket
    definition : ChurnDefinition
    window : OutcomeWindow
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots at risk.
    settled_until : int
        Outcomes that are settled later are censored: ``as_of``, or earlier where rows arrive late.

    Returns
    -------
    ndarray of int8, shape (n_rows,)
        1 churned, 0 stayed, -1 censored. Inactivity: no activity in the window. Event: a churn event in the window;
        one in the lead time, or before *t* but not yet known at *t*, censors. Spell end: in the window the last of the
        spells in force ends, and none starts within the grace or on the same day (UTC); where several end at once, one
        with a reason that counts is enough. An end in the lead time, or one known only later to have been before *t*,
        or for reasons that do not count, censors.
    """
    opens, closes = window.opens(dates), window.closes(dates)
    table = definition.table
    holds = bucket.known_until(table) == NEVER
    if definition.kind == "spell_end":
        labels = np.empty(len(dates), dtype=np.int8)
        started, ended = bucket.instants(table, "started_at"), bucket.instants(table, "ended_at")
        spells = started, ended, holds & (ended > started), counting_ends(bucket, definition)
        _spell_outcome(bucket.offsets(table), *spells, customer, dates, opens, closes, window.grace_us, labels)
    else:
        is_event = definition.kind == "event"
        counts = holds & (definition.is_churn_event(bucket) if is_event else bucket.is_activity(table))
        happened = np.zeros(len(dates), dtype=bool)
        rows = bucket.offsets(table), bucket.instants(table, "occurred_at"), counts
        any_in_window(*rows, customer, opens, closes, happened)
        labels = (happened if is_event else ~happened).astype(np.int8)
        if is_event:
            unknown_then = np.zeros(len(dates), dtype=bool)
            any_hidden(*rows, bucket.known_at(table), customer, dates, opens, unknown_then)
            labels[unknown_then] = CENSORED
    labels[~window.is_settled(dates, as_of=settled_until)] = CENSORED
    return labels


_YES = ("yes", "y", "true", "t", "1", "churned")
_NO = ("no", "n", "false", "f", "0", "stayed")


def static_labels(column: pa.ChunkedArray, *, churned_values: Sequence[str], file: str, name: str) -> Int8s:
    """Read ready labels of a customers table.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of string, shape (n_customers,)
        Missing = a customer to be scored, not to be learned from.
    churned_values : sequence of str
        Values that mean churned; every other value means stayed. Empty: yes/true/t/1/churned against their
        opposites, and anything else is refused.
    file, name : str
        For messages.

    Returns
    -------
    ndarray of int8, shape (n_customers,)
        1 churned, 0 stayed, -1 missing.

    Raises
    ------
    DataError
        If a value is neither.
    """
    text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    yes = [value.strip().lower() for value in churned_values] or list(_YES)
    is_yes = pc.fill_null(pc.is_in(text, value_set=pa.array(yes, pa.string())), False).to_numpy()
    is_missing = pc.fill_null(pc.equal(text, ""), True).to_numpy()
    if not churned_values:
        is_no = pc.fill_null(pc.is_in(text, value_set=pa.array(_NO, pa.string())), False).to_numpy()
        n_unclear = int((~is_yes & ~is_no & ~is_missing).sum())
        if n_unclear:
            raise DataError(
                "values of the label column are neither yes nor no",
                rule="data.label_unclear",
                file=file,
                column=name,
                count=n_unclear,
                next_step="Name the values that mean churned in churn.label_values.",
            )
    labels: Int8s = is_yes.astype(np.int8)
    labels[is_missing] = CENSORED
    return labels
