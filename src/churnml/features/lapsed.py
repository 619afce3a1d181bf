"""A few figures of customers who have left, as known at a date: what they were, how long they have been gone."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.bucket import Bucket
from churnml.histories.conform import MONEY_UNITS
from churnml.histories.store import History, TableInfo
from churnml.timeline import DAY_US

__all__ = ["RECENT_DAYS", "lapsed_figures", "mean_amount"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
RECENT_DAYS = 90
"""Rows so young say that the customer still looks this way: visits, calls, answers."""
_N, _RECENT, _FIRST, _LAST, _TOTAL, _PAID = range(6)


def lapsed_figures(
    bucket: Bucket, history: History, customer: Int64s, dates: Int64s, *, since: Int64s, last: Int64s
) -> pa.Table:
    """Return what was known of each lost customer at the date.

    Parameters
    ----------
    bucket : Bucket
    history : History
    customer, dates : ndarray of int64, shape (n_rows,)
    since, last : ndarray of int64, shape (n_rows,)
        See :class:`churnml.snapshots.churned.Losses`.

    Returns
    -------
    pyarrow.Table
        ``gone_days`` since the loss, ``silent_days`` since the customer was last there; per table of events and spells
        the mean pause between rows, days since the last, the silence in pauses, the mean amount, and rows of the last
        ninety days (events); and the categories of the customers table. Nothing that grows with the length of the
        history alone, as a number of all rows does: later dates would look like other customers.
    """
    columns: dict[str, Floats | pa.Array] = {
        "gone_days": (dates - since) / DAY_US,
        "silent_days": (dates - last) / DAY_US,
    }
    for info in sorted([*history.of_kind("events"), *history.of_kind("spells")], key=lambda info: info.name):
        columns |= _of_table(bucket, info, customer, dates)
    for info in history.of_kind("customers"):
        place = _place_of(bucket, info.name)
        for name in info.categories:
            texts = bucket.categories(info.name, name).combine_chunks()
            columns[f"{info.name}_{name}"] = texts.take(pa.array(place[customer], mask=place[customer] < 0))
    return pa.table({name: _column(values) for name, values in columns.items()})


def mean_amount(bucket: Bucket, info: TableInfo, customer: Int64s, dates: Int64s) -> Floats:
    """Return the mean amount of each customer's rows usable at the date, in currency units; NaN where none was paid."""
    sums = _sums(bucket, info, customer, dates)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(sums[_PAID] > 0, sums[_TOTAL] / sums[_PAID] / MONEY_UNITS, np.nan)
    return mean


def _column(values: Floats | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)


def _of_table(bucket: Bucket, info: TableInfo, customer: Int64s, dates: Int64s) -> dict[str, Floats]:
    name, sums = info.name, _sums(bucket, info, customer, dates)
    n = sums[_N]
    with np.errstate(invalid="ignore", divide="ignore"):
        span = np.where(n > 0, (sums[_LAST] - sums[_FIRST]) / DAY_US, np.nan)
        pause = np.where(n > 1, span / (n - 1), np.nan)
        since = np.where(n > 0, (dates - sums[_LAST]) / DAY_US, np.nan)
        found = {
            f"{name}_pause_days": pause,
            f"{name}_since_days": since,
            f"{name}_silence_in_pauses": np.where(pause > 0, since / pause, np.nan),
        }
        if info.kind == "events":
            found[f"{name}_recent"] = sums[_RECENT]
        if info.has_amount:
            found[f"{name}_mean_amount"] = np.where(sums[_PAID] > 0, sums[_TOTAL] / sums[_PAID] / MONEY_UNITS, np.nan)
    return found


def _sums(bucket: Bucket, info: TableInfo, customer: Int64s, dates: Int64s) -> Floats:
    clock = "started_at" if info.kind == "spells" else "occurred_at"
    counts = np.ones(bucket.n_rows(info.name), dtype=bool)
    counts = counts if info.kind == "spells" else bucket.is_activity(info.name)
    units, is_paid = bucket.money(info.name) if info.has_amount else (np.zeros(len(counts), np.int64), counts & False)
    out = np.zeros((6, len(dates)))
    rows = bucket.instants(info.name, clock), bucket.known_at(info.name), bucket.known_until(info.name), counts
    _sum_usable(bucket.offsets(info.name), *rows, units, is_paid, customer, dates, RECENT_DAYS * DAY_US, out)
    return out


@numba.njit(cache=True, nogil=True)
def _sum_usable(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    counts: Bools,
    units: Int64s,
    is_paid: Bools,
    customer: Int64s,
    dates: Int64s,
    recent: int,
    out: Floats,
) -> None:
    """Write number, recent number, first, last, total and number of amounts of the counted rows usable at each date."""
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        for k in range(offsets[i], offsets[i + 1]):
            if occurred[k] > t:
                break
            if not counts[k] or not usable_from[k] <= t < usable_until[k]:
                continue
            if out[0, r] == 0:
                out[2, r] = occurred[k]
            out[0, r] += 1
            out[1, r] += occurred[k] > t - recent
            out[3, r] = occurred[k]
            if is_paid[k]:
                out[4, r] += units[k]
                out[5, r] += 1


def _place_of(bucket: Bucket, table: str) -> Int64s:
    """Return the row of each customer in the customers table, -1 where there is none."""
    place = np.full(len(bucket.customers), -1, dtype=np.int64)
    who = bucket.rows_of(bucket.table(table)["customer_id"])
    place[who] = np.arange(len(who))
    return place
