"""Who has a spell in force at a date, by what was known then."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket

__all__ = ["has_in_force"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def has_in_force(bucket: Bucket, table: str, customer: Int64s, dates: Int64s, *, counts: Bools | None = None) -> Bools:
    """Return which (customer, date) pairs have a spell in force: begun and known, not ended at or before the date.

    Parameters
    ----------
    bucket : Bucket
    table : str
        A table of spells.
    customer : ndarray of int64, shape (n_rows,)
        Numbers of customers in the bucket.
    dates : ndarray of int64, shape (n_rows,)
    counts : ndarray of bool, shape (n_spells,), optional
        Which spells are asked for; None = all.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
    """
    if counts is None:
        counts = np.ones(bucket.table(table).num_rows, dtype=bool)
    out = np.zeros(len(dates), dtype=bool)
    clocks = bucket.known_at(table), bucket.known_until(table), bucket.instants(table, "ended_at")
    _in_force(bucket.offsets(table), *clocks, counts, customer, dates, out)
    return out


@numba.njit(cache=True, nogil=True)
def _in_force(
    offsets: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    ended: Int64s,
    counts: Bools,
    customer: Int64s,
    dates: Int64s,
    out: Bools,
) -> None:
    """Write for each (customer, date) whether a counted spell is in force then."""
    for r in range(customer.shape[0]):
        i = customer[r]
        for k in range(offsets[i], offsets[i + 1]):
            if counts[k] and usable_from[k] <= dates[r] < min(ended[k], usable_until[k]):
                out[r] = True
                break
