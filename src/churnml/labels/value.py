"""What a customer was worth in ``(t, t + horizon]``: discounted margin, refunds subtracted, or a count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.conform import MONEY_UNITS
from churnml.timeline import DAY_US, NEVER

__all__ = ["ValueDefinition", "value_labels"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_YEAR_US = 365 * DAY_US
_MONTH_US = _YEAR_US / 12


@dataclass(frozen=True, slots=True)
class ValueDefinition:
    """What counts as value.

    Parameters
    ----------
    table : str
        Events (each amount counts at its time) or spells (the amount per month accrues while in force).
    measure : {"amount", "count"}
    margin : float
        Share of an amount that is margin, in (0, 1]; not applied to counts.
    discount_rate_yearly : float
        A unit after one year is worth ``1 / (1 + rate)``; not applied to counts.
    refunds : {"subtract", "ignore"}
        Whether money given back lowers the value, at the time of the refund.
    """

    table: str
    measure: Literal["amount", "count"]
    margin: float = 1.0
    discount_rate_yearly: float = 0.0
    refunds: Literal["subtract", "ignore"] = "subtract"


@numba.njit(cache=True, nogil=True)
def _sum_in_window(
    offsets: Int64s,
    occurred: Int64s,
    worth: Floats,
    customer: Int64s,
    dates: Int64s,
    horizon: int,
    rate: float,
    out: Floats,
) -> None:
    """Write the discounted sum of the rows in ``(t, t + horizon]`` of each snapshot; rows ascend in time."""
    for r in range(customer.shape[0]):
        low, high = offsets[customer[r]], offsets[customer[r] + 1]
        total = 0.0
        for k in range(low + np.searchsorted(occurred[low:high], dates[r], side="right"), high):
            age = occurred[k] - dates[r]
            if age > horizon:
                break
            if worth[k] != 0.0:
                total += worth[k] * (1.0 + rate) ** (-age / _YEAR_US)
        out[r] = total


@numba.njit(cache=True, nogil=True)
def _accrued_in_window(
    offsets: Int64s,
    started: Int64s,
    ended: Int64s,
    worth: Floats,
    customer: Int64s,
    dates: Int64s,
    horizon: int,
    rate: float,
    out: Floats,
) -> None:
    """Write what spells accrue in ``(t, t + horizon]``, discounted to the middle of each overlap."""
    for r in range(customer.shape[0]):
        i, total = customer[r], 0.0
        for k in range(offsets[i], offsets[i + 1]):
            low, high = max(started[k], dates[r]), min(ended[k], dates[r] + horizon)
            if high > low:
                middle = (low + high) / 2.0 - dates[r]
                total += worth[k] * (high - low) / _MONTH_US * (1.0 + rate) ** (-middle / _YEAR_US)
        out[r] = total


def value_labels(
    bucket: Bucket, definition: ValueDefinition, customer: Int64s, dates: Int64s, *, horizon_us: int, is_spells: bool
) -> Floats:
    """Return the value of each snapshot's customer in ``(t, t + horizon]``, by the versions of rows known today.

    Parameters
    ----------
    bucket : Bucket
    definition : ValueDefinition
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots whose horizon is fully observed.
    horizon_us : int
    is_spells : bool
        Whether the table holds spells.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        Currency units (measure ``amount``; negative where refunds outweigh purchases) or a number of events.
    """
    out = np.empty(len(dates), dtype=np.float64)
    table = definition.table
    is_count = definition.measure == "count"
    rate = 0.0 if is_count else definition.discount_rate_yearly
    if is_count:
        worth = np.ones(bucket.table(table).num_rows)
        worth = worth if is_spells else bucket.is_activity(table).astype(np.float64)
    else:
        units = bucket.money(table)[0]
        units = np.maximum(units, 0) if definition.refunds == "ignore" else units
        worth = units / MONEY_UNITS * definition.margin
    worth = np.where(bucket.known_until(table) == NEVER, worth, 0.0)
    offsets = bucket.offsets(table)
    if is_spells and not is_count:
        started, ended = bucket.instants(table, "started_at"), bucket.instants(table, "ended_at")
        _accrued_in_window(offsets, started, ended, worth, customer, dates, horizon_us, rate, out)
    else:
        occurred = bucket.instants(table, "started_at" if is_spells else "occurred_at")
        _sum_in_window(offsets, occurred, worth, customer, dates, horizon_us, rate, out)
    return out
