"""Whether something happened in a period after each snapshot, and when first."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from churnml.timeline import NEVER

__all__ = ["any_hidden", "any_in_window", "first_after"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@numba.njit(cache=True, nogil=True)
def any_in_window(
    offsets: Int64s, occurred: Int64s, counts: Bools, customer: Int64s, opens: Int64s, closes: Int64s, out: Bools
) -> None:
    """Write for each snapshot whether a counted row lies in ``(opens, closes]``; rows ascend in time."""
    for r in range(customer.shape[0]):
        low, high = offsets[customer[r]], offsets[customer[r] + 1]
        for k in range(low + np.searchsorted(occurred[low:high], opens[r], side="right"), high):
            if occurred[k] > closes[r]:
                break
            if counts[k]:
                out[r] = True
                break


@numba.njit(cache=True, nogil=True)
def first_after(offsets: Int64s, occurred: Int64s, counts: Bools, customer: Int64s, opens: Int64s) -> Int64s:
    """Return for each snapshot when the first counted row after ``opens`` lies, NEVER where there is none."""
    out = np.full(customer.shape[0], NEVER, dtype=np.int64)
    for r in range(customer.shape[0]):
        low, high = offsets[customer[r]], offsets[customer[r] + 1]
        for k in range(low + np.searchsorted(occurred[low:high], opens[r], side="right"), high):
            if counts[k]:
                out[r] = occurred[k]
                break
    return out


@numba.njit(cache=True, nogil=True)
def any_hidden(
    offsets: Int64s,
    occurred: Int64s,
    counts: Bools,
    usable_from: Int64s,
    customer: Int64s,
    dates: Int64s,
    opens: Int64s,
    out: Bools,
) -> None:
    """Write for each snapshot whether a counted row up to ``opens`` was not yet known at *t*."""
    for r in range(customer.shape[0]):
        i = customer[r]
        for k in range(offsets[i], offsets[i + 1]):
            if occurred[k] > opens[r]:
                break
            if counts[k] and usable_from[k] > dates[r]:
                out[r] = True
                break
