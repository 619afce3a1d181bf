"""Whole customers as they were known at an earlier instant: what came or was learned later is not there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import NEVER

__all__ = ["BucketAt", "rows_known"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class BucketAt(Bucket):
    """A bucket in which later versions, later rows and later ends do not exist yet.

    Everything that takes a :class:`~churnml.histories.bucket.Bucket` (who is at risk, labels, value) thus answers as
    it would have answered at that instant.

    Parameters
    ----------
    history : History
    number : int
        Which bucket.
    at : int
        The instant, microseconds; at most ``history.as_of``.
    """

    def __init__(self, history: History, number: int, at: int) -> None:
        super().__init__(history, number)
        self.at = at

    def is_spells(self, name: str) -> bool:
        """Return whether a table holds spells."""
        return self._history.tables[name].kind == "spells"

    def who(self, name: str) -> Int64s:
        """Return the number of the customer of each row of a table."""
        return np.repeat(np.arange(len(self.customers)), np.diff(self.offsets(name)))

    def instants(self, name: str, column: str) -> Int64s:
        """Return a time column; an end after the instant, and a later version's coming, have not happened."""
        raw = super().instants(name, column)
        if self.at >= self._history.as_of or column not in {"superseded_at", "ended_at"}:
            return raw
        kept: Int64s = self._kept((name, "as_known", column), lambda: self._as_known(name, column, raw))
        return kept

    def _as_known(self, name: str, column: str, raw: Int64s) -> Int64s:
        if column == "ended_at":
            return np.where(raw > self.at, NEVER, raw)
        known = self.known_at(name)
        # A row that is not known yet ends before it counts, so that no date finds it usable.
        until: Int64s = np.where(known > self.at, known, np.where(raw > self.at, NEVER, raw))
        return until


def rows_known(bucket: BucketAt, name: str) -> Bools:
    """Return which rows of a table count at the bucket's instant: known, and not replaced by a later version."""
    usable: Bools = (bucket.known_at(name) <= bucket.at) & (bucket.known_until(name) == NEVER)
    return usable
