"""Periods in which rows of a table are missing: silence there is no outcome."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from churnml.timeline import NEVER

__all__ = ["first_hole", "touches_hole"]

Int64s = npt.NDArray[np.int64]


def touches_hole(
    dates: Int64s, holes: Sequence[tuple[str, int, int]], *, tables: Collection[str], before_us: int, reach_us: int
) -> npt.NDArray[np.bool_]:
    """Return which dates need a period that a hole of the tables touches: ``(t - before, t + reach]``.

    Parameters
    ----------
    dates : ndarray of int64, shape (n_rows,)
    holes : sequence of (str, int, int)
        Table, first missing instant, first instant that is there again.
    tables : collection of str
        Whose holes matter.
    before_us : int
        How far back the table decides who is at risk.
    reach_us : int
        How far ahead it decides the outcome.
    """
    touched = np.zeros(len(dates), dtype=bool)
    for table, begin, end in holes:
        if table in tables:
            touched |= (dates + reach_us >= begin) & (dates - before_us + 1 < end)
    return touched


def first_hole(dates: Int64s, holes: Sequence[tuple[str, int, int]], *, tables: Collection[str]) -> Int64s:
    """Return the first missing instant after each date in any of the tables, NEVER where there is none."""
    first = np.full(len(dates), NEVER, dtype=np.int64)
    for table, begin, _ in holes:
        if table in tables:
            first = np.where(begin > dates, np.minimum(first, begin), first)
    return first
