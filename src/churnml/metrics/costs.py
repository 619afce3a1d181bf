"""What decisions cost, when each customer has costs of their own for being contacted or left alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats, as_flags, as_labels, as_probabilities, per_customer, same_length

__all__ = ["cost_loss", "cost_savings_score", "minimum_risk_contacts"]


def cost_loss(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    fp_cost: npt.ArrayLike,
    fn_cost: npt.ArrayLike,
    tp_cost: npt.ArrayLike = 0.0,
    tn_cost: npt.ArrayLike = 0.0,
) -> float:
    """Cost of all decisions, with costs per customer.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        1 = churned within the horizon; 1 = contacted.
    fp_cost, fn_cost, tp_cost, tn_cost : float or array_like, shape (n_customers,)
        Of contacting one who stays, leaving alone one who churns, contacting one who churns, leaving alone one who
        stays, in currency; negative is a gain.

    Returns
    -------
    float
        Total, in currency.

    Raises
    ------
    ValueError
        If there is one class only, a decision is not 0 or 1, a cost is missing, or lengths differ.

    References
    ----------
    .. [1] Correa Bahnsen, Stojanovic, Aouada, Ottersten (2014). Improving credit card fraud detection with
       calibrated probabilities. SIAM International Conference on Data Mining, 677-685.

    Examples
    --------
    >>> cost_loss([0, 1, 1, 0], [0, 1, 0, 0], fp_cost=[4, 1, 2, 2], fn_cost=[1, 3, 3, 1])
    3.0
    """
    contacted, alone, decided = _checked(y_true, y_pred, fp_cost, fn_cost, tp_cost, tn_cost)
    return _total(np.where(decided == 1, contacted, alone))


def cost_savings_score(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    fp_cost: npt.ArrayLike,
    fn_cost: npt.ArrayLike,
    tp_cost: npt.ArrayLike = 0.0,
    tn_cost: npt.ArrayLike = 0.0,
) -> float:
    """Share saved of the cost of the better of contacting nobody and contacting everybody.

    Parameters
    ----------
    y_true, y_pred, fp_cost, fn_cost, tp_cost, tn_cost
        As in `cost_loss`.

    Returns
    -------
    float
        ``1 - cost / min(cost of nobody, cost of everybody)``: 0 is as good as the better of the two, 1 costs
        nothing; above 1 where decisions earn.

    Raises
    ------
    ValueError
        If the better of the two costs nothing, or as `cost_loss`.

    References
    ----------
    .. [1] Correa Bahnsen, Aouada, Ottersten (2015). A novel cost-sensitive framework for customer churn predictive
       modeling. Decision Analytics 2(5).

    Examples
    --------
    >>> cost_savings_score([0, 1, 1, 0], [0, 1, 0, 0], fp_cost=[4, 1, 2, 2], fn_cost=[1, 3, 3, 1])
    0.5
    """
    contacted, alone, decided = _checked(y_true, y_pred, fp_cost, fn_cost, tp_cost, tn_cost)
    base = min(_total(alone), _total(contacted))
    if base <= 0:
        raise ValueError("contacting nobody or everybody costs nothing, so no share of it can be saved")
    return 1 - _total(np.where(decided == 1, contacted, alone)) / base


def minimum_risk_contacts(
    y_prob: npt.ArrayLike,
    *,
    fp_cost: npt.ArrayLike,
    fn_cost: npt.ArrayLike,
    tp_cost: npt.ArrayLike = 0.0,
    tn_cost: npt.ArrayLike = 0.0,
) -> Floats:
    """Decide for each customer what is expected to cost less; a draw is left alone.

    Parameters
    ----------
    y_prob : array_like, shape (n_customers,)
        Probability of churn within the horizon, calibrated.
    fp_cost, fn_cost, tp_cost, tn_cost
        As in `cost_loss`.

    Returns
    -------
    ndarray, shape (n_customers,)
        1 = contact.

    Raises
    ------
    ValueError
        If a probability leaves [0, 1], a cost is missing, or lengths differ.

    References
    ----------
    .. [1] Elkan (2001). The foundations of cost-sensitive learning. IJCAI.

    Examples
    --------
    >>> minimum_risk_contacts([0.2, 0.2], fp_cost=10, fn_cost=[30, 50]).tolist()
    [0.0, 1.0]
    """
    p = as_probabilities(y_prob)
    fp, fn, tp, tn = _costs(fp_cost, fn_cost, tp_cost, tn_cost, n_customers=p.size)
    return np.where(p * tp + (1 - p) * fp < p * fn + (1 - p) * tn, 1.0, 0.0)


def _checked(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *costs: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return what contacting and what leaving alone costs each customer, and the decisions."""
    labels, decided = as_labels(y_true), as_flags(y_pred, name="y_pred")
    same_length(labels, decided)
    fp, fn, tp, tn = _costs(*costs, n_customers=labels.size)
    return np.where(labels == 1, tp, fp), np.where(labels == 1, fn, tn), decided


def _costs(*costs: npt.ArrayLike, n_customers: int) -> list[Floats]:
    names = ("fp_cost", "fn_cost", "tp_cost", "tn_cost")
    return [
        per_customer(cost, name=name, n_customers=n_customers, lowest=-np.inf)
        for cost, name in zip(costs, names, strict=True)
    ]


def _total(amount: Floats) -> float:
    # Sorted, so that no sum depends on the order of the rows.
    return float(np.sum(np.sort(amount)))
