"""The most a contact list can earn when the share of churners who accept the offer is itself uncertain.

A contact costs ``contact_cost``. A churner accepts the offer with probability gamma, Beta(alpha, beta) distributed,
and then stays and costs the incentive; a customer who would have stayed always takes it. The number is per customer
of the base, and nobody contacted is 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.special import betainc

from churnml.metrics.arrays import Floats, as_amounts, as_labels, cumulative_by_score, per_customer, same_length

__all__ = ["MaximumProfit", "empb_maximum", "empb_score", "empc_maximum", "empc_score"]


class MaximumProfit(NamedTuple):
    """The best size of a list and what it earns.

    Parameters
    ----------
    profit : float
        In currency per customer of the base, contacted or not; >= 0.
    fraction : float
        Share of customers to contact for it, in [0, 1].
    """

    profit: float
    fraction: float


def empc_maximum(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike = 200.0,
    *,
    alpha: float = 6.0,
    beta: float = 14.0,
    incentive_cost: npt.ArrayLike = 10.0,
    contact_cost: npt.ArrayLike = 1.0,
) -> MaximumProfit:
    """Return the expected maximum profit for customer churn, and the expected share of customers contacted for it.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon, untreated; order of contact.
    value : float or array_like, shape (n_customers,)
        What a kept customer is worth, in currency, >= 0.
    alpha, beta : float
        Of the distribution of the share who accept, > 0; the mean is ``alpha / (alpha + beta)``.
    incentive_cost, contact_cost : float or array_like, shape (n_customers,)
        Of an offer taken and of a contact, in currency, >= 0.

    Raises
    ------
    ValueError
        If there is one class only, something leaves its range, is missing, or lengths differ.

    Notes
    -----
    The size of the list is chosen anew for every share who accept, and the profit is averaged: the list's size is
    taken to follow what is known only afterwards. `empb_maximum` chooses one size beforehand. Defaults are those of
    [1]_, where all customers have one value; [2]_ gives each their own.

    References
    ----------
    .. [1] Verbraken, Verbeke, Baesens (2013). A novel profit maximizing metric for measuring classification
       performance of customer churn prediction models. IEEE TKDE 25(5), 961-973.
    .. [2] Oskarsdottir, Baesens, Vanthienen (2018). Profit-based model selection for customer retention using
       individual customer lifetime values. Big Data 6(1), 53-65.

    Examples
    --------
    >>> best = empc_maximum([0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> round(best.profit, 4), round(best.fraction, 4)
    (23.8756, 0.8744)
    """
    labels, scores = as_labels(y_true), as_amounts(y_score, name="y_score")
    same_length(labels, scores)
    worth, offer, contact = (
        per_customer(amount, name=name, n_customers=labels.size)
        for amount, name in ((value, "value"), (incentive_cost, "incentive_cost"), (contact_cost, "contact_cost"))
    )
    _check_beta(alpha, beta)
    _, n_contacted, (gained, spent) = cumulative_by_score(
        scores, labels * (worth - offer), contact + (1 - labels) * offer
    )
    profit, n_best = _expected_maximum(n_contacted, gained, spent, alpha=alpha, beta=beta)
    return MaximumProfit(profit / labels.size, n_best / labels.size)


def empc_score(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike = 200.0,
    *,
    alpha: float = 6.0,
    beta: float = 14.0,
    incentive_cost: npt.ArrayLike = 10.0,
    contact_cost: npt.ArrayLike = 1.0,
) -> float:
    """Return the expected maximum profit for customer churn: the profit of `empc_maximum`.

    Parameters
    ----------
    y_true, y_score, value, alpha, beta, incentive_cost, contact_cost
        As in `empc_maximum`.

    Returns
    -------
    float
        In currency per customer of the base, >= 0.

    Raises
    ------
    ValueError
        As `empc_maximum`.

    Examples
    --------
    >>> round(empc_score([1, 0, 1], [3, 2, 1], 100), 4)
    13.6897
    """
    return empc_maximum(
        y_true, y_score, value, alpha=alpha, beta=beta, incentive_cost=incentive_cost, contact_cost=contact_cost
    ).profit


def empb_maximum(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    alpha: float = 6.0,
    beta: float = 14.0,
    incentive_fraction: float = 0.05,
    contact_cost: npt.ArrayLike = 15.0,
) -> MaximumProfit:
    """Return the expected maximum profit for business customers: the offer is a share of each customer's own value.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon, untreated; order of contact.
    value : float or array_like, shape (n_customers,)
        What a kept customer is worth, in currency, >= 0.
    alpha, beta : float
        Of the distribution of the share who accept, > 0; only its mean counts here.
    incentive_fraction : float
        Cost of an offer taken as a share of the customer's value, in [0, 1].
    contact_cost : float or array_like, shape (n_customers,)
        Of a contact, in currency, >= 0.

    Raises
    ------
    ValueError
        If there is one class only, something leaves its range, is missing, or lengths differ.

    Notes
    -----
    The maximum, over sizes of the list, of the expected profit; of equally good sizes the smallest. That is how the
    program empulse reads [1]_, and what a team can plan. A size chosen anew for every share who accept, as in
    `empc_maximum`, never earns less.

    References
    ----------
    .. [1] Janssens, Bogaert, Bague, Van den Poel (2022). B2Boost: instance-dependent profit-driven modelling of B2B
       churn. Annals of Operations Research 341, 267-293.

    Examples
    --------
    >>> best = empb_maximum([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], [100, 200, 150, 300])
    >>> round(best.profit, 6), best.fraction
    (22.5, 0.75)
    """
    labels, scores = as_labels(y_true), as_amounts(y_score, name="y_score")
    same_length(labels, scores)
    worth = per_customer(value, name="value", n_customers=labels.size)
    contact = per_customer(contact_cost, name="contact_cost", n_customers=labels.size)
    _check_beta(alpha, beta)
    if not 0 <= incentive_fraction <= 1:
        raise ValueError("incentive_fraction is not in [0, 1]")
    accepted = alpha / (alpha + beta)
    gain = np.where(labels == 1, accepted * (1 - incentive_fraction), -incentive_fraction) * worth - contact
    _, n_contacted, (profit,) = cumulative_by_score(scores, gain)
    best = int(np.argmax(profit))
    return MaximumProfit(float(profit[best]) / labels.size, float(n_contacted[best]) / labels.size)


def empb_score(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    alpha: float = 6.0,
    beta: float = 14.0,
    incentive_fraction: float = 0.05,
    contact_cost: npt.ArrayLike = 15.0,
) -> float:
    """Return the expected maximum profit for business customers: the profit of `empb_maximum`.

    Parameters
    ----------
    y_true, y_score, value, alpha, beta, incentive_fraction, contact_cost
        As in `empb_maximum`.

    Returns
    -------
    float
        In currency per customer of the base, >= 0.

    Raises
    ------
    ValueError
        As `empb_maximum`.

    Examples
    --------
    >>> round(empb_score([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], [100, 200, 150, 300]), 6)
    22.5
    """
    return empb_maximum(
        y_true,
        y_score,
        value,
        alpha=alpha,
        beta=beta,
        incentive_fraction=incentive_fraction,
        contact_cost=contact_cost,
    ).profit


def _check_beta(alpha: float, beta: float) -> None:
    if not (0 < alpha < np.inf and 0 < beta < np.inf):
        raise ValueError("alpha or beta is not positive")


def _expected_maximum(n: Floats, gained: Floats, spent: Floats, *, alpha: float, beta: float) -> tuple[float, float]:
    """Mean over gamma of the highest ``gamma * gained - spent``, and of the list's size there.

    The lists that are best for some gamma are the corners of the concave majorant of gained over spent, and the stretch
    between two corners is contacted when gamma exceeds spent / gained along it; so the means are incomplete betas.
    """
    n, gained, spent = _best_of_equal_spending(n, gained, spent)
    d_spent = np.diff(spent)
    profit, size = gained[0] * alpha / (alpha + beta) - spent[0], n[0]
    if d_spent.size == 0:
        return float(profit), float(size)
    corners = isotonic_regression(np.diff(gained) / d_spent, weights=d_spent, increasing=False).blocks
    d_n, d_gained, d_spent = np.diff(n[corners]), np.diff(gained[corners]), np.diff(spent[corners])
    worth_it = d_gained > d_spent
    d_n, d_gained, d_spent = d_n[worth_it], d_gained[worth_it], d_spent[worth_it]
    from_gamma = d_spent / d_gained
    often = 1 - betainc(alpha, beta, from_gamma)
    accepted = alpha / (alpha + beta) * (1 - betainc(alpha + 1, beta, from_gamma))
    profit += np.sum(d_gained * accepted - d_spent * often)
    return float(profit), float(size + np.sum(d_n * often))


def _best_of_equal_spending(n: Floats, gained: Floats, spent: Floats) -> tuple[Floats, Floats, Floats]:
    """Keep, of lists that cost the same, the one that gains most, and of those the smallest."""
    order = np.lexsort((n, -gained, spent)) if np.any(np.diff(spent) == 0) else np.arange(n.size)
    kept = order[np.append(True, np.diff(spent[order]) > 0)]
    return n[kept], gained[kept], spent[kept]
