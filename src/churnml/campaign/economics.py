"""How many contacts can be paid for, and which band a customer belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

__all__ = ["RISK_BANDS", "n_affordable", "risk_bands"]

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
