"""Dates at which customers are observed: common ones, or so long after the start of each one's own clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import NEVER

__all__ = ["common_dates", "own_dates"]

Int64s = npt.NDArray[np.int64]


def common_dates(bucket: Bucket, dates: Int64s) -> tuple[Int64s, Int64s]:
    """Return every customer at every date: numbers of customers and dates, both shape (n_rows,)."""
    n_customers = len(bucket.customers)
    return np.repeat(np.arange(n_customers), len(dates)), np.tile(dates, n_customers)


def own_dates(
    bucket: Bucket,
    history: History,
    definition: ChurnDefinition,
    ages_us: Sequence[int],
    *,
    begin: int | None,
    newest: int,
    as_of: int,
) -> tuple[Int64s, Int64s]:
    """Return every customer at the given ages of each of its clocks, and at ``as_of``.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
    ages_us : sequence of int
        How long after its start a clock is read.
    begin : int or None
        Nobody is observed before it.
    newest : int
        The newest date whose outcome is settled.
    as_of : int
        The date that is scored.

    Returns
    -------
    customer, dates : ndarray of int64, shape (n_rows,)
        Sorted, each pair once.
    """
    everyone = np.arange(len(bucket.customers))
    who, start, usable_from, usable_until = _clocks(bucket, history, definition)
    ages = np.asarray(ages_us, dtype=np.int64)
    own_who, own_date = np.repeat(who, len(ages)), (start[:, None] + ages).ravel()
    settled = own_date <= newest
    settled &= (np.repeat(usable_from, len(ages)) <= own_date) & (own_date < np.repeat(usable_until, len(ages)))
    if begin is not None:
        settled &= own_date >= begin
    customer = np.concatenate([own_who[settled], everyone])
    dates = np.concatenate([own_date[settled], np.full(len(everyone), as_of, dtype=np.int64)])
    order = np.lexsort((dates, customer))
    customer, dates = customer[order], dates[order]
    is_new = np.append(True, (np.diff(customer) != 0) | (np.diff(dates) != 0))[: len(order)]
    return customer[is_new], dates[is_new]


def _clocks(bucket: Bucket, history: History, definition: ChurnDefinition) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return (customer, start, usable from, usable until) of every clock.

    A clock is each spell, by the version known at the date; else the date joined; else the churn table's first row.
    """
    name, offsets = definition.table, bucket.offsets(definition.table)
    if history.tables[name].kind == "spells":
        who = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return who, bucket.instants(name, "started_at"), bucket.known_at(name), bucket.known_until(name)
    for info in history.of_kind("customers"):
        if "joined" in info.columns:
            joined = bucket.instants(info.name, "joined")
            who = bucket.rows_of(bucket.table(info.name)["customer_id"])
            return _always(who[joined != NEVER], joined[joined != NEVER])
    who = np.nonzero(np.diff(offsets) > 0)[0]
    return _always(who, bucket.instants(name, "occurred_at")[offsets[who]])


def _always(who: Int64s, start: Int64s) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return clocks that hold from their start on."""
    return who, start, start, np.full(len(who), NEVER, dtype=np.int64)
