"""The gaps between a customer's purchases as the likelihood of regular purchase times takes them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from churnml.timeline import DAY_US

__all__ = ["sum_log_gaps"]

_INT64S = types.Array(types.int64, 1, "C", readonly=True)
_SUMS = types.Array(types.float64, 1, "C")


@numba.njit(
    types.void(_INT64S, _INT64S, _INT64S, _INT64S, types.boolean, _INT64S, types.int64, _SUMS), cache=True, nogil=True
)
def sum_log_gaps(
    offsets: Any,
    occurred: Any,
    known_from: Any,
    known_until: Any,
    one_clock: bool,
    customer: Any,
    date: int,
    out: Any,
) -> None:
    """Write the sum of the logarithms of the gaps, in days, between the active days of some customers at one date.

    Parameters
    ----------
    offsets, occurred, known_from, known_until, one_clock
        As :func:`churnml.features.sweep.sweep_rhythm` takes them, whose active days these are.
    customer : ndarray of int64, shape (n_customers,)
    date : int
        Microseconds.
    out : ndarray of float64, shape (n_customers,)
        0 where there is no gap.
    """
    for place in range(customer.shape[0]):
        i = customer[place]
        total, last_day, n_days = 0.0, np.int64(0), 0
        for row in range(offsets[i], offsets[i + 1]):
            if occurred[row] > date:
                break
            if not one_clock and not (known_from[row] <= date < known_until[row]):
                continue
            day = occurred[row] // DAY_US
            if n_days == 0 or day != last_day:
                if n_days:
                    total += np.log(float(day - last_day))
                n_days += 1
            last_day = day
        out[place] = total
