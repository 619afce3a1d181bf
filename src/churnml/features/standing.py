"""How long somebody has been a customer, and what they brought in the year before, as known at a date."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.conform import MONEY_UNITS
from churnml.histories.store import History, TableInfo
from churnml.timeline import DAY_US, NEVER

__all__ = ["tenure_days", "year_value"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_YEAR_US = 365 * DAY_US


def tenure_days(bucket: Bucket, history: History, customer: Int64s, dates: Int64s) -> Floats:
    """Return the days since each joined, by the customers table; else since the first event or spell known at the date.

    Parameters
    ----------
    bucket : Bucket
    history : History
    customer, dates : ndarray of int64, shape (n_rows,)

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        NaN where nothing was known.
    """
    first = np.full(len(dates), NEVER, dtype=np.int64)
    for info in history.of_kind("customers"):
        if "joined" in info.columns:
            joined = np.full(len(bucket.customers), NEVER, dtype=np.int64)
            joined[bucket.rows_of(bucket.table(info.name)["customer_id"])] = bucket.instants(info.name, "joined")
            first = np.where(joined[customer] <= dates, joined[customer], NEVER)
    unknown = np.flatnonzero(first == NEVER)
    if len(unknown):
        for info in [*history.of_kind("events"), *history.of_kind("spells")]:
            rows = _clocks(bucket, info)
            seen = np.full(len(unknown), NEVER, dtype=np.int64)
            _first_usable(bucket.offsets(info.name), *rows, customer[unknown], dates[unknown], seen)
            first[unknown] = np.minimum(first[unknown], seen)
    return np.where(first == NEVER, np.nan, (dates - np.where(first == NEVER, 0, first)) / DAY_US)


def year_value(bucket: Bucket, info: TableInfo, customer: Int64s, dates: Int64s, *, is_count: bool) -> Floats:
    """Return what each brought in ``(t - 365 days, t]``: amounts less refunds, or rows; of spells, the fee in force.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
        Events or spells that value is counted from.
    customer, dates : ndarray of int64, shape (n_rows,)
    is_count : bool
        Whether rows are counted instead of amounts.
    """
    worth = np.ones(bucket.n_rows(info.name))
    if not is_count and info.has_amount:
        worth = bucket.money(info.name)[0] / MONEY_UNITS
    elif info.kind == "events":
        worth = bucket.is_activity(info.name).astype(np.float64)
    out = np.zeros(len(dates))
    ended = bucket.instants(info.name, "ended_at")
    is_spells = info.kind == "spells"
    _add_up(bucket.offsets(info.name), *_clocks(bucket, info), ended, worth, customer, dates, is_spells, out)
    return out


def _clocks(bucket: Bucket, info: TableInfo) -> tuple[Int64s, Int64s, Int64s]:
    clock = "started_at" if info.kind == "spells" else "occurred_at"
    return bucket.instants(info.name, clock), bucket.known_at(info.name), bucket.known_until(info.name)


@numba.njit(cache=True, nogil=True)
def _first_usable(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    customer: Int64s,
    dates: Int64s,
    out: Int64s,
) -> None:
    """Write when the first row usable at each date happened."""
    for r in range(customer.shape[0]):
        for k in range(offsets[customer[r]], offsets[customer[r] + 1]):
            if usable_from[k] <= dates[r] < usable_until[k]:
                out[r] = occurred[k]
                break


@numba.njit(cache=True, nogil=True)
def _add_up(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    ended: Int64s,
    worth: Floats,
    customer: Int64s,
    dates: Int64s,
    is_spells: bool,
    out: Floats,
) -> None:
    """Write the sum over the rows of the year before each date, or of the spells in force."""
    for r in range(customer.shape[0]):
        t = dates[r]
        for k in range(offsets[customer[r]], offsets[customer[r] + 1]):
            if occurred[k] > t:
                break
            if not usable_from[k] <= t < usable_until[k]:
                continue
            if (is_spells and ended[k] > t) or (not is_spells and occurred[k] > t - _YEAR_US):
                out[r] += worth[k]
