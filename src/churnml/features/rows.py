"""Rows of an events table as the sweeps take them: some of a bucket's rows, by customer, with their clocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket

__all__ = ["EventRows"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EventRows:
    """Rows sorted by (customer, time).

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_customers + 1,)
        Rows of customer *i* are ``offsets[i]`` up to ``offsets[i + 1]``.
    occurred, known_from, known_until : ndarray of int64, shape (n_rows,)
        A row may be used at *t* when ``occurred <= t`` and ``known_from <= t < known_until``.
    one_clock : bool
        Every row is known when it happens and never corrected.
    """

    offsets: Int64s
    occurred: Int64s
    known_from: Int64s
    known_until: Int64s
    one_clock: bool

    @classmethod
    def of(cls, bucket: Bucket, table: str) -> EventRows:
        """Return all rows of a table."""
        occurred = bucket.instants(table, "occurred_at")
        if not bucket.has_second_clock(table):
            return cls(bucket.offsets(table), occurred, occurred, occurred, one_clock=True)
        return cls(bucket.offsets(table), occurred, bucket.known_at(table), bucket.known_until(table), one_clock=False)

    def where(self, chosen: Bools) -> EventRows:
        """Return some of the rows; ``self`` where all are chosen."""
        if chosen.all():
            return self
        before = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(chosen, out=before[1:])
        occurred = self.occurred[chosen]
        if self.one_clock:
            return EventRows(before[self.offsets], occurred, occurred, occurred, one_clock=True)
        clocks = (self.known_from[chosen], self.known_until[chosen])
        return EventRows(before[self.offsets], occurred, *clocks, one_clock=False)

    @property
    def arguments(self) -> tuple[Int64s, Int64s, Int64s, Int64s, bool]:
        """Return what every sweep takes first."""
        return self.offsets, self.occurred, self.known_from, self.known_until, self.one_clock
