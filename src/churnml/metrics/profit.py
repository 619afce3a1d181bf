"""What contacting customers is expected to gain, and what it would have gained.

Simple economics: a contact costs ``cost``; it keeps the share ``effect`` of those who would otherwise churn, and a
customer kept is worth ``value``. Richer ones (offers taken by those who would have stayed, capacity per channel)
build on the same curve.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import (
    Floats,
    as_amounts,
    as_labels,
    as_probabilities,
    cumulative_by_score,
    per_customer,
    same_length,
)

__all__ = ["expected_gain", "profit_at_capacity_score", "profit_curve", "savings_score"]


def expected_gain(p: npt.ArrayLike, value: npt.ArrayLike, *, effect: npt.ArrayLike, cost: npt.ArrayLike) -> Floats:
    """Gain expected from contacting each customer: ``p * value * effect - cost``.

    Parameters
    ----------
    p : array_like, shape (n_customers,)
        Probability of churn within the horizon.
    value : array_like, shape (n_customers,)
        What a kept customer is worth, in currency.
    effect : float or array_like, shape (n_customers,)
        Share of would-be churners whom a contact keeps, in [0, 1].
    cost : float or array_like, shape (n_customers,)
        Of one contact, in currency, >= 0.

    Returns
    -------
    ndarray, shape (n_customers,)
        In currency; not worth a contact where it is not positive.

    Raises
    ------
    ValueError
        If something leaves its range, is missing, or lengths differ.

    Examples
    --------
    >>> expected_gain([0.5, 0.1], [200, 200], effect=0.2, cost=5).tolist()
    [15.0, -1.0]
    """
    risk, worth = as_probabilities(p, name="p"), as_amounts(value, name="value")
    same_length(risk, worth)
    kept, spent = _economics(effect, cost, n_customers=risk.size)
    return risk * worth * kept - spent


def _economics(effect: npt.ArrayLike, cost: npt.ArrayLike, *, n_customers: int) -> tuple[Floats, Floats]:
    kept = per_customer(effect, name="effect", n_customers=n_customers, lowest=-np.inf)
    spent = per_customer(cost, name="cost", n_customers=n_customers)
    if kept.min() < 0 or kept.max() > 1:
        raise ValueError("effect leaves [0, 1]")
    return kept, spent


def profit_curve(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    effect: npt.ArrayLike,
    cost: npt.ArrayLike,
) -> tuple[Floats, Floats]:
    """Profit made against customers contacted, highest score first.

    Parameters
    ----------
    y_true : array_like, shape (n_customers,)
        1 = churned within the horizon, untreated.
    y_score : array_like, shape (n_customers,)
        Order of contact; for the best list the expected gain.
    value : array_like, shape (n_customers,)
        What a kept customer is worth, in currency.
    effect, cost : float or array_like, shape (n_customers,)
        As in `expected_gain`.

    Returns
    -------
    n_contacted : ndarray, shape (n_distinct_scores + 1,)
        From 0 to all.
    profit : ndarray, shape (n_distinct_scores + 1,)
        ``sum(y_true * value * effect - cost)`` over the contacted, in currency; its maximum is the best list.

    Raises
    ------
    ValueError
        If there is one class only, something leaves its range, is missing, or lengths differ.

    Examples
    --------
    >>> n_contacted, profit = profit_curve([1, 0, 1], [3, 2, 1], [100, 100, 100], effect=0.5, cost=10)
    >>> profit.tolist()
    [0.0, 40.0, 30.0, 70.0]
    """
    labels, scores, worth = as_labels(y_true), as_amounts(y_score, name="y_score"), as_amounts(value, name="value")
    same_length(labels, scores, worth)
    kept, spent = _economics(effect, cost, n_customers=labels.size)
    _, n_contacted, (profit,) = cumulative_by_score(scores, labels * worth * kept - spent)
    return n_contacted, profit


def profit_at_capacity_score(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    effect: npt.ArrayLike,
    cost: npt.ArrayLike,
    capacity: int,
) -> float:
    """Profit of contacting as many customers as can be contacted, highest score first.

    Parameters
    ----------
    y_true, y_score, value, effect, cost
        As in `profit_curve`.
    capacity : int
        Customers contacted, >= 1; more than there are means all.

    Returns
    -------
    float
        In currency; 0 is doing nothing. Ties at the edge share the places left.

    Raises
    ------
    ValueError
        If capacity < 1, or as `profit_curve`.

    References
    ----------
    .. [1] Neslin et al. (2006). Defection Detection. J. Marketing Research 43(2).
    .. [2] Verbraken, Verbeke, Baesens (2013). A novel profit maximizing metric for measuring classification
       performance of customer churn prediction models. IEEE TKDE 25(5). Theirs is the maximum over the size of the
       list, which is known only afterwards; here the size is what the team can do.

    Examples
    --------
    >>> profit_at_capacity_score([1, 0, 1], [3, 2, 1], [100, 100, 100], effect=0.5, cost=10, capacity=2)
    30.0
    """
    if capacity < 1:
        raise ValueError("capacity is below 1")
    n_contacted, profit = profit_curve(y_true, y_score, value, effect=effect, cost=cost)
    return float(np.interp(capacity, n_contacted, profit))


def savings_score(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    effect: npt.ArrayLike,
    cost: npt.ArrayLike,
    capacity: int,
) -> float:
    """Share of the value lost by doing nothing that the contacts would have saved, their cost deducted.

    Parameters
    ----------
    y_true, y_score, value, effect, cost, capacity
        As in `profit_at_capacity_score`.

    Returns
    -------
    float
        At most 1; 0 is doing nothing, negative is worse than that.

    Raises
    ------
    ValueError
        If the churned customers were worth nothing, or as `profit_at_capacity_score`.

    Notes
    -----
    The literature divides by the cheaper of contacting nobody and contacting everybody. With a capacity the latter
    cannot be done, so here it is always contacting nobody; `cost_savings_score` is the literature's, for decisions
    and any costs.

    References
    ----------
    .. [1] Correa Bahnsen, Aouada, Ottersten (2015). A novel cost-sensitive framework for customer churn predictive
       modeling. Decision Analytics 2(5).

    Examples
    --------
    >>> savings_score([1, 0, 1], [3, 2, 1], [100, 100, 100], effect=0.5, cost=10, capacity=2)
    0.15
    """
    profit = profit_at_capacity_score(y_true, y_score, value, effect=effect, cost=cost, capacity=capacity)
    lost = float(np.sum(np.sort(as_labels(y_true) * as_amounts(value, name="value"))))
    if lost <= 0:
        raise ValueError("the churned customers were worth nothing")
    return profit / lost
