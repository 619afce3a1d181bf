"""Until when a customer is covered: spells that follow one another without a break that counts."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import DAY_US

__all__ = ["UNCOVERED", "counting_ends", "follow_cover"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
UNCOVERED = np.iinfo(np.int64).min
"""The end of the cover of somebody who has none."""


@numba.njit(cache=True, nogil=True)
def follow_cover(
    started: Int64s, ended: Int64s, counts: Bools, first: int, last: int, date: int, closes: int, grace: int
) -> int:
    """Follow the cover in force at a date to its end, or past ``closes``; what starts within grace continues it.

    Parameters
    ----------
    started, ended : ndarray of int64
        Spells, ascending by start; those of the customer are ``first`` up to ``last``.
    counts : ndarray of bool
        Leaves out spells that never were in force and versions that were corrected.
    first, last, date, closes, grace : int

    Returns
    -------
    int
        :data:`UNCOVERED` where none is in force.
    """
    cover_end, allowed = date, date
    is_covered, grown = False, True
    while grown and cover_end <= closes:
        grown = False
        for k in range(first, last):
            if started[k] > allowed:
                break
            if counts[k] and ended[k] > cover_end:
                cover_end, is_covered, grown = ended[k], True, True
        if cover_end <= closes:
            # Whoever changes plan starts the new one on the day the old one ends.
            allowed = max(cover_end + grace, cover_end - cover_end % DAY_US + DAY_US - 1)
    return cover_end if is_covered else UNCOVERED


def counting_ends(bucket: Bucket, definition: ChurnDefinition) -> Bools:
    """Return which spells of the churn table end, if they end, for a reason that counts, shape (n_rows,)."""
    table = bucket.table(definition.table)
    if not definition.end_reasons:
        return np.ones(table.num_rows, dtype=bool)
    values = pa.array(definition.end_reasons, pa.string())
    counting: Bools = pc.fill_null(pc.is_in(table["end_reason"], value_set=values), False).to_numpy()
    return counting
