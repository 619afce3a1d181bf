"""Snapshots whose outcome somebody tried to change: a treated customer who stayed says little about staying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.labels.windows import any_in_window, first_after
from churnml.timeline import NEVER

__all__ = ["ListedLog", "TreatmentLog", "first_treatment", "treated_within"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = tuple[Int64s, Int64s, Bools]
"""Where each customer's rows begin, when each happened (ascending), and which count."""


@dataclass(frozen=True, slots=True)
class TreatmentLog:
    """Which rows of an events table are treatments.

    Parameters
    ----------
    table : str
        Events table of contacts, offers, calls.
    column : str
        Category that tells the treated from the control group; empty = every row is a treatment.
    treated : tuple of str
        Levels that mean treated; empty = every level that is not ``control``.
    control : tuple of str
        Levels of those set aside for comparison: their snapshots stay.
    """

    table: str
    column: str = ""
    treated: tuple[str, ...] = ()
    control: tuple[str, ...] = ()

    def rows(self, bucket: Bucket) -> Rows:
        """Return the rows of the table in a bucket, and which are treatments."""
        return bucket.offsets(self.table), bucket.instants(self.table, "occurred_at"), self.is_treatment(bucket)

    def is_treatment(self, bucket: Bucket) -> Bools:
        """Return which rows of the table are treatments, by the versions known today, shape (n_rows,)."""
        holds: Bools = bucket.known_until(self.table) == NEVER
        if not self.column:
            return holds
        column = bucket.categories(self.table, self.column)
        named = pa.array(self.treated or self.control, pa.string())
        found: Bools = pc.fill_null(pc.is_in(column, value_set=named), False).to_numpy()
        return holds & (found if self.treated else ~found)


@dataclass(frozen=True, slots=True, eq=False)
class ListedLog:
    """Who stood on a list to be contacted, and since when.

    Parameters
    ----------
    ids : pyarrow.Array, shape (n_rows,)
        Customers as the prepared store has them.
    instants : ndarray of int64, shape (n_rows,)
        First microsecond after each one's list.
    moments : frozenset of int
        ``as_of`` of the lists, in microseconds: those with nobody on them too.
    """

    ids: pa.Array
    instants: Int64s
    moments: frozenset[int]

    def rows(self, bucket: Bucket) -> Rows:
        """Return the rows of a bucket's customers; all count."""
        found = pc.fill_null(pc.index_in(self.ids, value_set=bucket.customers), -1).to_numpy().astype(np.int64)
        here = found >= 0
        customer, instants = found[here], self.instants[here]
        order = np.lexsort([instants, customer])
        n_rows = np.bincount(customer, minlength=len(bucket.customers))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(n_rows)])
        return offsets, instants[order], np.ones(len(order), dtype=bool)


def treated_within(
    bucket: Bucket, log: TreatmentLog | ListedLog, customer: Int64s, dates: Int64s, *, reach_us: int
) -> Bools:
    """Return which snapshots' customers were treated in ``(t, t + reach]``.

    Parameters
    ----------
    bucket : Bucket
    log : TreatmentLog or ListedLog
    customer, dates : ndarray of int64, shape (n_rows,)
    reach_us : int
        Lead, horizon and grace of the outcome.
    """
    out = np.zeros(len(dates), dtype=bool)
    any_in_window(*log.rows(bucket), customer, dates, dates + reach_us, out)
    return out


def first_treatment(bucket: Bucket, log: TreatmentLog | ListedLog, customer: Int64s, dates: Int64s) -> Int64s:
    """Return when each snapshot's customer was first treated after *t*, NEVER where not at all."""
    first: Int64s = first_after(*log.rows(bucket), customer, dates)
    return first
