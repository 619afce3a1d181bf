"""Whether somebody who had churned came back: decided from ``(t, t + reach]`` alone."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED
from churnml.labels.windows import any_in_window
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import NEVER

__all__ = ["return_labels"]

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


def return_labels(
    bucket: Bucket,
    history: History,
    definition: ChurnDefinition,
    customer: Int64s,
    dates: Int64s,
    last: Int64s,
    *,
    reach_us: int,
    settled_until: int,
) -> Int8s:
    """Label lost customers by the versions of rows known today.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
    customer, dates : ndarray of int64, shape (n_rows,)
        Customers lost at the date.
    last : ndarray of int64, shape (n_rows,)
        When each was last there.
    reach_us : int
        A return counts in ``(t, t + reach]``.
    settled_until : int
        Up to when outcomes are known.

    Returns
    -------
    ndarray of int8, shape (n_rows,)
        1 came back, 0 did not, -1 not known: not settled, or the customer was back before *t* already and only nobody
        knew. Coming back is an activity (inactivity), a new spell (spell end), or what takes back a churn event: a row
        of another kind, a purchase, a new spell.
    """
    back, hidden = np.zeros(len(dates), dtype=bool), np.zeros(len(dates), dtype=bool)
    for table, clock, reach, counts in _rows_of_return(bucket, history, definition):
        rows = bucket.offsets(table), bucket.instants(table, clock), counts & (bucket.known_until(table) == NEVER)
        any_in_window(*rows, customer, dates, dates + reach_us, back)
        _any_unknown(*rows, bucket.known_at(table), bucket.instants(table, reach), customer, last, dates, hidden)
    labels: Int8s = back.astype(np.int8)
    labels[hidden | (dates + reach_us > settled_until)] = CENSORED
    return labels


def _rows_of_return(
    bucket: Bucket, history: History, definition: ChurnDefinition
) -> Iterator[tuple[str, str, str, Bools]]:
    """Yield table, clock, until when a row keeps its customer there, and the rows by which one is there again."""
    table = definition.table
    if definition.kind == "inactivity":
        yield table, "occurred_at", "occurred_at", bucket.is_activity(table)
    elif definition.kind == "spell_end":
        yield table, "started_at", "ended_at", bucket.instants(table, "ended_at") > bucket.instants(table, "started_at")
    else:
        yield table, "occurred_at", "occurred_at", bucket.is_activity(table) & ~definition.is_churn_event(bucket)
        for info in history.of_kind("events"):
            if info.name != table and info.has_amount:
                yield info.name, "occurred_at", "occurred_at", bucket.is_activity(info.name)
        for info in history.of_kind("spells"):
            yield info.name, "started_at", "started_at", np.ones(bucket.n_rows(info.name), dtype=bool)


@numba.njit(cache=True, nogil=True)
def _any_unknown(
    offsets: Int64s,
    occurred: Int64s,
    counts: Bools,
    usable_from: Int64s,
    reaches: Int64s,
    customer: Int64s,
    after: Int64s,
    dates: Int64s,
    out: Bools,
) -> None:
    """Write for each snapshot whether something counted reached beyond ``after`` by *t* and was not known at *t*."""
    for r in range(customer.shape[0]):
        i = customer[r]
        for k in range(offsets[i], offsets[i + 1]):
            if occurred[k] > dates[r]:
                break
            if counts[k] and reaches[k] > after[r] and usable_from[k] > dates[r]:
                out[r] = True
                break
