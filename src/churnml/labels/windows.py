"""Whether something happened in a period after each snapshot."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["any_in_window"]

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
