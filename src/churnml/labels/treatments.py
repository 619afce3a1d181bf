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

__all__ = ["TreatmentLog", "first_treatment", "treated_within"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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

    def is_treatment(self, bucket: Bucket) -> Bools:
        """Return which rows of the table are treatments, by the versions known today, shape (n_rows,)."""
        holds: Bools = bucket.known_until(self.table) == NEVER
        if not self.column:
            return holds
        column = bucket.categories(self.table, self.column)
        named = pa.array(self.treated or self.control, pa.string())
        found: Bools = pc.fill_null(pc.is_in(column, value_set=named), False).to_numpy()
        return holds & (found if self.treated else ~found)


def treated_within(bucket: Bucket, log: TreatmentLog, customer: Int64s, dates: Int64s, *, reach_us: int) -> Bools:
    """Return which snapshots' customers were treated in ``(t, t + reach]``.

    Parameters
    ----------
    bucket : Bucket
    log : TreatmentLog
    customer, dates : ndarray of int64, shape (n_rows,)
    reach_us : int
        Lead, horizon and grace of the outcome.
    """
    out = np.zeros(len(dates), dtype=bool)
    rows = bucket.offsets(log.table), bucket.instants(log.table, "occurred_at"), log.is_treatment(bucket)
    any_in_window(*rows, customer, dates, dates + reach_us, out)
    return out


def first_treatment(bucket: Bucket, log: TreatmentLog, customer: Int64s, dates: Int64s) -> Int64s:
    """Return when each snapshot's customer was first treated after *t*, NEVER where not at all."""
    rows = bucket.offsets(log.table), bucket.instants(log.table, "occurred_at"), log.is_treatment(bucket)
    first: Int64s = first_after(*rows, customer, dates)
    return first
