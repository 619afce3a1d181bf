"""The best set of actions under all limits at once: at most one action a customer, and how far from the best it may be.

A choice problem with several knapsacks [1]_. Prices of the limits are found by the dual, which bounds what any set can
earn; whoever gains more than the prices is taken, those at the edge are settled exactly, and what is left is filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.campaign.dual import cheapest_bound, dual_value, reduced_gains
from churnml.campaign.packing import settle
from churnml.campaign.stacked import Stacked, stack

__all__ = ["Allocation", "Limit", "allocate"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_LEAST = 1e-300
_NO_PRICE = 1e-9
"""Share of the largest gain below which a price is rounding."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Something of which there is only so much: money, calls of a team, contacts.

    Parameters
    ----------
    name : str
        Distinct among the limits of one allocation.
    at_most : float
        How much there is, >= 0; infinite = no limit.
    weights : ndarray, shape (n_customers, n_actions) or (n_actions,)
        How much of it each action takes, >= 0; one row stands for all customers alike.
    members : ndarray of bool, shape (n_customers,), optional
        Whom it concerns; None = everybody. The others take nothing.
    """

    name: str
    at_most: float
    weights: Floats
    members: Bools | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """One action, or none, for each customer.

    Parameters
    ----------
    choice : ndarray of int32, shape (n_customers,)
        Action chosen; -1 = none.
    total : float
        What the choice gains.
    bound : float
        No choice under these limits can gain more.
    gap : float
        ``(bound - total) / bound``: at most so much was missed, as a share.
    prices : mapping of str to float
        Limit -> what one more unit of it would gain; 0 where it does not bind.
    reduced : ndarray of float64, shape (n_customers,)
        Best gain net of the prices of what it takes; NaN where no action is allowed. Above 0 an action pays under
        these limits; at 0 it stands on the edge. Also told of those withheld.
    best : ndarray of int32, shape (n_customers,)
        Action behind ``reduced``; -1 = none is allowed.
    used : mapping of str to float
        Limit -> how much of it the choice takes.
    """

    choice: Int32s
    total: float
    bound: float
    gap: float
    prices: Mapping[str, float]
    reduced: Floats
    best: Int32s
    used: Mapping[str, float]


def allocate(gain: Floats, limits: Sequence[Limit], *, withheld: Bools | None = None) -> Allocation:
    """Choose at most one action for each customer so that they gain most under all limits.

    Only actions that gain are chosen. The same input gives the same choice; between equals the earlier customer, then
    the earlier action, comes first, so rows sorted by id make the order of delivery irrelevant.

    Parameters
    ----------
    gain : ndarray of float64, shape (n_customers, n_actions)
        In money; NaN or -inf = not allowed.
    limits : sequence of Limit
    withheld : ndarray of bool, shape (n_customers,), optional
        Customers who stay without action, for example a hold-out; their ``reduced`` says who would have been taken.

    Returns
    -------
    Allocation

    Raises
    ------
    ValueError
        If shapes differ, a gain is infinite, a weight or limit is negative or missing, or two limits share a name.

    References
    ----------
    .. [1] Kellerer, Pferschy, Pisinger (2004). Knapsack Problems, chapters 9 and 11. Springer.

    Examples
    --------
    >>> gain = np.array([[9.0, 8.0], [7.0, 1.0], [5.0, 4.0]])
    >>> found = allocate(gain, [Limit("calls", 1, np.array([1.0, 0.0]))])
    >>> found.choice.tolist(), found.total, found.prices["calls"]
    ([1, 0, 1], 19.0, 1.0)
    """
    gain = np.ascontiguousarray(gain, dtype=np.float64)
    if gain.ndim != 2 or np.isposinf(gain).any():
        raise ValueError("gain is not a table of finite amounts, NaN or -inf where an action is not allowed")
    n, k = gain.shape
    if withheld is not None and withheld.shape != (n,):
        raise ValueError("withheld does not have a value for each customer")
    everything = stack(limits, n_customers=n, n_actions=k)
    allowed = np.where(np.isnan(gain), -np.inf, gain)
    rows = _candidates(allowed, withheld)
    part, profit = everything.take(rows), allowed[rows]
    profit[~(profit > 0) | part.too_large()] = -np.inf
    prices = cheapest_bound(profit, part)
    chosen, prices, bound = settle(profit, part, prices)
    choice = np.full(n, -1, dtype=np.int32)
    choice[rows] = chosen
    taken = np.flatnonzero(choice >= 0)
    total = float(gain[taken, choice[taken]].sum())
    bound = max(total, min(bound, dual_value(profit, part, prices)))
    reduced, best = reduced_gains(allowed, everything, prices)
    return Allocation(
        choice=choice,
        total=total,
        bound=bound,
        gap=(bound - total) / max(bound, _LEAST),
        prices=_named(everything, prices, limits, largest=float(profit.max(initial=0.0))),
        reduced=np.where(best < 0, np.nan, reduced),
        best=best,
        used=dict.fromkeys((limit.name for limit in limits), 0.0) | everything.used(choice),
    )


def _candidates(allowed: Floats, withheld: Bools | None) -> npt.NDArray[np.intp]:
    """Return the customers for whom something can be gained."""
    possible = (allowed > 0).any(axis=1)
    return np.flatnonzero(possible if withheld is None else possible & ~withheld)


def _named(stacked: Stacked, prices: Floats, limits: Sequence[Limit], *, largest: float) -> dict[str, float]:
    told = np.where(prices > _NO_PRICE * largest, prices, 0.0)
    return {limit.name: 0.0 for limit in limits} | dict(zip(stacked.names, told.tolist(), strict=True))
