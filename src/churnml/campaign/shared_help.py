"""Money for those a fault hit hardest: exact to the cent, never above the budget, more harm never for less money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["CENTS", "Grant", "cents", "shared_out"]

Int64s = npt.NDArray[np.int64]
CENTS = 100
"""Smallest amounts of the unit of currency."""
_HALVINGS = 100


class Grant:
    """What may be given to whom, in cents.

    Parameters
    ----------
    budget : Decimal
        At most this in all.
    least : Decimal
        Nobody who is helped gets less; above 0.
    most : Decimal or None
        Nobody gets more; None = no such bound.
    per_unit : Decimal or None
        What one unit of harm is due, within the bounds; None = the budget is shared in proportion to harm.

    Raises
    ------
    ValueError
        If `least` is not above 0, `most` is below it, or an amount has parts of a cent.
    """

    def __init__(
        self, *, budget: Decimal, least: Decimal, most: Decimal | None = None, per_unit: Decimal | None = None
    ) -> None:
        self.budget, self.least = cents(budget), cents(least)
        self.most = None if most is None else cents(most)
        self.per_unit = None if per_unit is None else Fraction(per_unit) * CENTS
        if self.least <= 0 or self.budget < 0 or (self.most is not None and self.most < self.least):
            raise ValueError("least must be above 0, most not below it, and the budget not below 0")

    def tops(self, harm: Sequence[int], *, unit: int) -> Int64s:
        """Return what is due to each, or the most each may get, harm counted in so many parts of its unit."""
        most = self.budget if self.most is None else self.most
        if self.per_unit is None:
            return np.full(len(harm), max(self.least, most), dtype=np.int64)
        rate = self.per_unit / unit
        return np.array([max(self.least, min(most, int(rate * each))) for each in harm], dtype=np.int64)


def cents(amount: Decimal) -> int:
    """Return an amount in cents.

    Raises
    ------
    ValueError
        If it has parts of a cent.

    Examples
    --------
    >>> cents(Decimal("12.5"))
    1250
    """
    found = amount * CENTS
    if found != found.to_integral_value():
        raise ValueError("an amount has parts of a cent")
    return int(found)


def shared_out(harm: Int64s, grant: Grant, *, unit: int = 1) -> Int64s:
    """Return what each customer gets, in cents.

    Where a unit of harm is due something, the worst hit get what is due to them while the budget lasts; the first for
    whom it does not suffice gets what is left, where that is not below the least amount. Else as many of the worst hit
    are helped as the budget has the least amount for, and what is left is shared among them in proportion to their
    harm; what rounding leaves goes to the worst hit, a cent each.

    Parameters
    ----------
    harm : ndarray of int64, shape (n_customers,)
        Descending; whoever stands first of equals is helped first. Without harm there is no help.
    grant : Grant
    unit : int, optional
        Harm is counted in so many parts of its unit.

    Returns
    -------
    ndarray of int64, shape (n_customers,)
        Sums to the budget at most, descends as the harm does, and is 0 or between the bounds.

    Examples
    --------
    >>> grant = Grant(budget=Decimal(100), least=Decimal(10), most=Decimal(60))
    >>> shared_out(np.array([6, 3, 1, 0]), grant).tolist(), shared_out(np.array([9, 1]), grant).tolist()
    ([6000, 3000, 1000, 0], [6000, 4000])
    """
    found = np.zeros(len(harm), dtype=np.int64)
    n = min(int((harm > 0).sum()), grant.budget // grant.least)
    if n:
        share = _in_proportion if grant.per_unit is None else _while_it_lasts
        found[:n] = share(harm[:n], grant.tops(harm[:n].tolist(), unit=unit), grant)
    return found


def _while_it_lasts(_harm: Int64s, due: Int64s, grant: Grant) -> Int64s:
    """Return what is due to the worst hit, up to the budget."""
    spent = np.cumsum(due)
    n = int(np.searchsorted(spent, grant.budget, side="right"))
    found = np.where(np.arange(len(due)) < n, due, 0)
    left = grant.budget - (int(spent[n - 1]) if n else 0)
    if n < len(due) and left >= grant.least:
        found[n] = left
    return found


def _in_proportion(harm: Int64s, tops: Int64s, grant: Grant) -> Int64s:
    """Return the amounts of those who are helped: the greatest common rate that the budget has room for."""
    if int(tops.sum()) <= grant.budget:
        return tops
    low, high = 0.0, float(tops.max()) / float(harm.min()) + 1.0
    for _ in range(_HALVINGS):
        rate = (low + high) / 2
        if int(_at(rate, harm, tops, grant.least).sum()) <= grant.budget:
            low = rate
        else:
            high = rate
    amounts = _at(low, harm, tops, grant.least)
    while left := grant.budget - int(amounts.sum()):
        room = np.flatnonzero(amounts < tops)[:left]
        if not len(room):
            break
        amounts[room] += 1
    return amounts


def _at(rate: float, harm: Int64s, tops: Int64s, least: int) -> Int64s:
    amounts: Int64s = np.minimum(np.floor(rate * harm), tops).astype(np.int64)
    return np.clip(amounts, least, tops)
