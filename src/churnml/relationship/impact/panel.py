"""Outcomes of customers in the periods around a change: what an effect is estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.timeline import NEVER

__all__ = ["Panel", "Periods", "hits_in_windows", "joined", "periods_around", "sums_in_windows"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Panel:
    """One row a customer and period.

    Parameters
    ----------
    customer : ndarray of int64, shape (n_rows,)
        A number for each customer.
    period : ndarray of int64, shape (n_rows,)
        Below 0 before the change, -1 the last; from 0 on after it.
    affected : ndarray of bool, shape (n_rows,)
    outcome : ndarray of float64, shape (n_rows,)
    """

    customer: Int64s
    period: Int64s
    affected: Bools
    outcome: Floats

    def only(self, keep: Bools) -> Panel:
        """Return some rows."""
        return Panel(self.customer[keep], self.period[keep], self.affected[keep], self.outcome[keep])

    def shifted(self, periods: int) -> Panel:
        """Return the rows before the change as if it had come so many periods earlier: a placebo."""
        earlier = self.only(self.period < 0)
        return Panel(earlier.customer, earlier.period + periods, earlier.affected, earlier.outcome)


def joined(parts: Sequence[Panel]) -> Panel:
    """Return the rows of several panels; customers of different parts are different ones."""
    offsets = np.cumsum([0, *(int(p.customer.max()) + 1 if len(p.customer) else 0 for p in parts)])
    customer = [p.customer + offset for p, offset in zip(parts, offsets, strict=False)]
    names = ("period", "affected", "outcome")
    whole = [np.concatenate([getattr(p, name) for p in parts]) for name in names]
    return Panel(np.concatenate(customer), *whole)


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods around a change.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_periods,)
        Each period is ``(start, start + length]``.
    numbers : ndarray of int64, shape (n_periods,)
        Below 0 before the change.
    length : int
        Microseconds.
    """

    starts: Int64s
    numbers: Int64s
    length: int

    @property
    def n_before(self) -> int:
        """Return how many periods lie before the change."""
        return int((self.numbers < 0).sum())

    @property
    def n_after(self) -> int:
        """Return how many periods lie after it."""
        return int((self.numbers >= 0).sum())


def periods_around(
    *, announced: int, start: int, first: int, last: int, length: int, most_before: int, most_after: int
) -> Periods:
    """Return the whole periods before the announcement and after the start of a change.

    What lies between announcement and start belongs to neither: some customers act on the news.

    Parameters
    ----------
    announced, start : int
        Microseconds.
    first, last : int
        Outcomes are known from the one until the other.
    length : int
    most_before, most_after : int

    Examples
    --------
    >>> found = periods_around(announced=90, start=100, first=0, last=135, length=10, most_before=3, most_after=5)
    >>> found.starts.tolist(), found.numbers.tolist()
    ([60, 70, 80, 100, 110, 120], [-3, -2, -1, 0, 1, 2])
    """
    edge = min(announced, start)
    n_before = max(0, min(most_before, (edge - first) // length))
    n_after = max(0, min(most_after, (last - start) // length))
    before = edge - length * np.arange(n_before, 0, -1, dtype=np.int64)
    after = start + length * np.arange(n_after, dtype=np.int64)
    numbers = np.concatenate([np.arange(-n_before, 0), np.arange(n_after)])
    return Periods(np.concatenate([before, after]), numbers.astype(np.int64), length)


def sums_in_windows(
    bucket: Bucket, table: str, worth: Floats, customer: Int64s, opens: Int64s, *, length: int
) -> Floats:
    """Return for each (customer, start) the sum of ``worth`` over the rows of ``(start, start + length]``.

    Only versions of rows known today count.

    Parameters
    ----------
    bucket : Bucket
    table : str
        An events table.
    worth : ndarray of float64, shape (n_events,)
        What each row adds; 1 counts rows.
    customer, opens : ndarray of int64, shape (n,)
    length : int
    """
    out = np.zeros(len(customer))
    holds = np.where(bucket.known_until(table) == NEVER, worth, 0.0)
    _sum(bucket.offsets(table), bucket.instants(table, "occurred_at"), holds, customer, opens, length, out)
    return out


def hits_in_windows(
    who: Int64s, at: Int64s, n_customers: int, customer: Int64s, opens: Int64s, *, length: int
) -> Int64s:
    """Return for each (customer, start) how many of some instants of the customer lie in ``(start, start + length]``.

    Parameters
    ----------
    who, at : ndarray of int64, shape (n_instants,)
        In any order.
    n_customers : int
    customer, opens : ndarray of int64, shape (n,)
    length : int
    """
    order = np.lexsort((at, who))
    offsets = np.searchsorted(who[order], np.arange(n_customers + 1)).astype(np.int64)
    out = np.zeros(len(customer))
    _sum(offsets, at[order].astype(np.int64), np.ones(len(at)), customer, opens, length, out)
    return out.astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _sum(offsets: Int64s, at: Int64s, worth: Floats, customer: Int64s, opens: Int64s, length: int, out: Floats) -> None:
    for r in range(customer.shape[0]):
        low, high = offsets[customer[r]], offsets[customer[r] + 1]
        k = low + np.searchsorted(at[low:high], opens[r], side="right")
        while k < high and at[k] <= opens[r] + length:
            out[r] += worth[k]
            k += 1
