"""Who leaves within the horizon: a last sign of life in it, then silence of the same length in every table.

Silence in one table is also that of customers who left long ago, and of those who merely pause. What a contact can
still prevent is the leaving of somebody who is there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.labels.windows import any_in_window
from churnml.timeline import NEVER

__all__ = ["leaving_labels"]

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


def leaving_labels(
    bucket: Bucket, tables: Sequence[str], customer: Int64s, dates: Int64s, *, horizon_us: int, settled_until: int
) -> Int8s:
    """Return 1 left within the horizon, 0 not (still there, or gone before), -1 not known yet, shape (n_rows,).

    Parameters
    ----------
    bucket : Bucket
    tables : sequence of str
        Events tables whose rows are signs of life.
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots.
    horizon_us : int
        A sign in ``(t, t + horizon]`` and none in ``(t + horizon, t + 2 x horizon]`` is a leaving.
    settled_until : int
        Instant up to which rows are complete.
    """
    here, later = (np.zeros(len(dates), dtype=bool) for _ in range(2))
    for table in tables:
        holds: Bools = bucket.known_until(table) == NEVER
        rows = bucket.offsets(table), bucket.instants(table, "occurred_at"), holds
        any_in_window(*rows, customer, dates, dates + horizon_us, here)
        any_in_window(*rows, customer, dates + horizon_us, dates + 2 * horizon_us, later)
    left = (here & ~later).astype(np.int8)
    left[dates + 2 * horizon_us > settled_until] = -1
    return left
