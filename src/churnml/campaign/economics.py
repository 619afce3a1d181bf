"""How many contacts can be paid for, and which tier and band a customer belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

__all__ = ["RISK_BANDS", "n_affordable", "risk_bands", "value_tiers"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

RISK_BANDS = ("not_at_risk", "low", "medium", "high", "very_high")
"""Risk bands, ascending."""


def n_affordable(*, budget: float | None, cost: float, capacity: int | None) -> tuple[int | None, str]:
    """Return how many contacts can be made, and which limit says so.

    Counted in decimal, so that a budget of 0.3 pays for three contacts at 0.1. Contacts without cost need no budget.

    Returns
    -------
    (int or None, str)
        None where nothing limits; ``over_budget`` or ``over_capacity``, the budget where both say the same.
    """
    paid = None if budget is None or cost <= 0 else int(Decimal(repr(budget)) // Decimal(repr(cost)))
    if paid is not None and (capacity is None or paid <= capacity):
        return paid, "over_budget"
    return capacity, "over_capacity"


def value_tiers(clv: Floats, *, shares: tuple[float, float] = (0.5, 0.8)) -> Texts:
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
    positive = np.where(np.isfinite(clv) & (clv > 0), clv, 0.0)
    values, place, counts = np.unique(-positive, return_inverse=True, return_counts=True)
    held = np.cumsum(-values * counts)
    total = held[-1] if len(held) else 0.0
    above = (held - -values * counts)[place]
    # A hair of tolerance keeps rounding in the sums from moving a customer who stands exactly on a share.
    edge = 1e-12 * total
    is_a, is_b = above < shares[0] * total - edge, above < shares[1] * total - edge
    return np.select([positive <= 0, is_a, is_b], ["C", "A", "B"], default="C")


def risk_bands(p_churn: Floats, *, thresholds: Sequence[float]) -> Texts:
    """Return each customer's risk band.

    Parameters
    ----------
    p_churn : ndarray, shape (n_customers,)
        NaN = not at risk.
    thresholds : sequence of three floats
        Where medium, high and very high begin, ascending; a probability on a threshold belongs to the band above.

    Examples
    --------
    >>> risk_bands(np.array([0.1, 0.2, 0.7, np.nan]), thresholds=(0.2, 0.4, 0.7)).tolist()
    ['low', 'medium', 'very_high', 'not_at_risk']
    """
    number = 1 + np.searchsorted(np.asarray(thresholds), p_churn, side="right")
    return np.array(RISK_BANDS)[np.where(np.isnan(p_churn), 0, number)]
