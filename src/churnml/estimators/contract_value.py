"""Value of contracts: what each future period brings, times the probability that the contract is still in force."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["contract_value"]

Floats = npt.NDArray[np.float64]
_YEAR_DAYS = 365.0


def contract_value(
    survival: Floats,
    amount: Floats,
    *,
    period_days: float,
    margin: float = 1.0,
    discount_rate_yearly: float = 0.0,
    cost_to_serve_yearly: float = 0.0,
) -> Floats:
    """Return the expected discounted margin of each customer over the periods of a hazard model.

    Contracts end evenly within a period, so that in period *k* the mean share still in force is the mean of the
    survival at its two ends; payment and cost count at the middle of the period.

    Parameters
    ----------
    survival : ndarray, shape (n_customers, n_periods)
        Probability of being a customer at the end of each period, not rising.
    amount : ndarray, shape (n_customers,) or (n_customers, n_periods)
        Currency per period while in force.
    period_days : float
        Length of a period.
    margin : float
        Share of the amount that is margin, in (0, 1].
    discount_rate_yearly : float
        A unit after one year is worth ``1 / (1 + rate)``.
    cost_to_serve_yearly : float
        Currency per year of being a customer, after margin.

    Returns
    -------
    ndarray, shape (n_customers,)
        Negative where service costs more than it brings.

    Raises
    ------
    ValueError
        If survival leaves [0, 1] or rises, or the shapes do not fit.

    Examples
    --------
    >>> contract_value(np.array([[0.8, 0.6]]), np.array([100.0]), period_days=182.5).tolist()
    [160.0]
    """
    if survival.ndim != 2 or amount.shape not in (survival.shape, survival.shape[:1]):
        raise ValueError("survival is customers x periods, amount the same or one a customer")
    start = np.concatenate([np.ones((survival.shape[0], 1)), survival[:, :-1]], axis=1)
    if not ((survival >= 0).all() and (survival <= start + 1e-12).all()):
        raise ValueError("survival outside [0, 1] or rising")
    paid = amount if amount.ndim == 2 else amount[:, None]
    years = (np.arange(survival.shape[1]) + 0.5) * period_days / _YEAR_DAYS
    cost = cost_to_serve_yearly * period_days / _YEAR_DAYS
    today = (start + survival) / 2.0 * (margin * paid - cost) * (1.0 + discount_rate_yearly) ** -years
    return np.asarray(today.sum(axis=1), dtype=np.float64)
