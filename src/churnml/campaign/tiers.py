"""Where value tiers end: exact sums over any number of customers, read in batches, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["SHARES", "tier_edges", "tiers_of", "value_tiers"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]
Read = Callable[[], Iterable[Floats]]

SHARES = (0.5, 0.8)
"""Shares of all predicted value at which A and B end."""
_HAIR = Fraction(1, 10**12)
"""A hair of tolerance keeps rounding of the values from moving a customer who stands exactly on a share."""
_DIGIT, _DIGITS = 16, 4
"""Positive numbers ascend as the integers of their bits do; these are looked at in four digits of sixteen bits."""
_FRACTION, _HALF = 52, 26


def tier_edges(read: Read, *, shares: tuple[float, float] = SHARES) -> tuple[float, float]:
    """Return the least value of tier A, and of B; infinite where nobody has a positive value.

    A value belongs to A if those strictly above it hold less than the share of all positive value. All sums are exact,
    so neither the order of the values nor how they come in batches changes anything.

    Parameters
    ----------
    read : callable
        Yields the values, shape (n,), the same ones at each of up to eight calls; NaN and values up to zero count for
        nothing.
    shares : tuple of float, optional
    """
    first = _sums(read(), digit=0, prefix=0)
    total = sum(amount for _, amount in first)
    if not total:
        return np.inf, np.inf
    a, b = (_edge(read, first, total * (Fraction(share) - _HAIR)) for share in shares)
    return a, b


def tiers_of(clv: Floats, edges: tuple[float, float]) -> Texts:
    """Return each customer's tier for the edges of :func:`tier_edges`; unknown value, or none, is C."""
    with np.errstate(invalid="ignore"):
        return np.select([~(np.isfinite(clv) & (clv > 0)), clv >= edges[0], clv >= edges[1]], ["C", "A", "B"], "C")


def value_tiers(clv: Floats, *, shares: tuple[float, float] = SHARES) -> Texts:
    """Return each customer's tier by the share of all predicted value that better customers hold.

    Walking down from the largest value, customers are A until half of all (positive) value is reached, B until 80 %,
    then C. Customers of equal value always share a tier: what counts is the value held by those strictly above. Value
    of zero or below, or unknown, is C. The order of the rows changes nothing.

    Parameters
    ----------
    clv : ndarray, shape (n_customers,)
    shares : tuple of float, optional
        Where A and B end.

    Examples
    --------
    >>> value_tiers(np.array([10.0, 60.0, 30.0, -5.0])).tolist()
    ['C', 'A', 'B', 'C']
    >>> value_tiers(np.array([10.0, 10.0])).tolist()
    ['A', 'A']
    """
    return tiers_of(clv, tier_edges(lambda: [clv], shares=shares))


def _edge(read: Read, sums: list[tuple[int, int]], limit: Fraction) -> float:
    """Return the least value above which less than a limit is held, digit by digit."""
    held, prefix = 0, 0
    for digit in range(_DIGITS):
        if digit:
            sums = _sums(read(), digit=digit, prefix=prefix)
        chosen, above = sums[0][0], held
        for place, amount in sums:
            if held >= limit:
                break
            chosen, above, held = place, held, held + amount
        held, prefix = above, prefix << _DIGIT | chosen
    return float(np.array([prefix], dtype=np.uint64).view(np.float64)[0])


def _sums(batches: Iterable[Floats], *, digit: int, prefix: int) -> list[tuple[int, int]]:
    """Return what values hold whose earlier digits are ``prefix``, by their next digit, descending.

    Sums are whole numbers of the smallest float. Values of one place share their exponent, and 52 bits of fraction are
    added up in two halves, which neither floats nor integers of 64 bits can overflow.
    """
    high, low = (np.zeros(1 << _DIGIT, dtype=np.int64) for _ in range(2))
    shift, mask = np.uint64(64 - _DIGIT * (digit + 1)), np.uint64((1 << _DIGIT) - 1)
    for batch in batches:
        bits = batch[np.isfinite(batch) & (batch > 0)].astype(np.float64).view(np.uint64)
        if digit:
            bits = bits[bits >> np.uint64(64 - _DIGIT * digit) == np.uint64(prefix)]
        place = ((bits >> shift) & mask).astype(np.int64)
        whole = bits & np.uint64((1 << _FRACTION) - 1)
        whole = np.where(bits >> np.uint64(_FRACTION) > 0, whole | np.uint64(1 << _FRACTION), whole)
        for total, half in ((high, whole >> np.uint64(_HALF)), (low, whole & np.uint64((1 << _HALF) - 1))):
            total += np.bincount(place, weights=half, minlength=total.size).astype(np.int64)
    return [
        (place, ((int(high[place]) << _HALF) + int(low[place])) << max(_exponent(digit, prefix, place) - 1, 0))
        for place in np.flatnonzero(high + low)[::-1].tolist()
    ]


def _exponent(digit: int, prefix: int, place: int) -> int:
    bits = (prefix << _DIGIT | place) << (64 - _DIGIT * (digit + 1))
    return bits >> _FRACTION
