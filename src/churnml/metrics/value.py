"""How near predicted customer values come to what was spent: in total, in order, and at the top."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from churnml.metrics.arrays import (
    Floats,
    as_amounts,
    n_of_fraction,
    same_length,
    total_of_top,
)

__all__ = [
    "mean_absolute_loss",
    "normalised_gini_score",
    "root_mean_squared_loss",
    "spearman_score",
    "top_share_score",
    "total_ratio",
]


def _checked(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Floats, Floats]:
    actual, predicted = as_amounts(y_true, name="y_true"), as_amounts(y_pred, name="y_pred")
    same_length(actual, predicted)
    # Sorted, so that no sum depends on the order of the rows.
    order = np.lexsort((actual, predicted))
    return actual[order], predicted[order]


def mean_absolute_loss(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean absolute difference between predicted and actual value.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.

    Returns
    -------
    float
        In currency. A constant near the median does well here where most values are 0: read it beside the others.

    Raises
    ------
    ValueError
        If a value is missing or lengths differ.

    Examples
    --------
    >>> mean_absolute_loss([0, 0, 90], [10, 20, 60])
    20.0
    """
    actual, predicted = _checked(y_true, y_pred)
    return float(np.mean(np.abs(actual - predicted)))


def root_mean_squared_loss(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Root of the mean squared difference between predicted and actual value.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.

    Returns
    -------
    float
        In currency. Least for the mean, unlike `mean_absolute_loss`; a few large customers decide it.

    Raises
    ------
    ValueError
        If a value is missing or lengths differ.

    Examples
    --------
    >>> round(root_mean_squared_loss([0, 0, 90], [10, 20, 60]), 4)
    21.6025
    """
    actual, predicted = _checked(y_true, y_pred)
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


def total_ratio(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Predicted total over actual total; 1 is right, 1.2 promises a fifth too much.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.

    Raises
    ------
    ValueError
        If the actual total is not positive, a value is missing, or lengths differ.

    Examples
    --------
    >>> total_ratio([0, 0, 90], [10, 20, 60])
    1.0
    """
    actual, predicted = _checked(y_true, y_pred)
    total = float(np.sum(actual))
    if total <= 0:
        raise ValueError("the actual total is not positive")
    return float(np.sum(predicted)) / total


def spearman_score(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Correlation between the ranks of predicted and actual value, ties at their mean rank.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.

    Returns
    -------
    float
        In [-1, 1]; 0 for a constant prediction, which orders nobody.

    Raises
    ------
    ValueError
        If all actual values are equal, a value is missing, or lengths differ.

    Examples
    --------
    >>> spearman_score([0, 5, 90], [1, 2, 3])
    1.0
    """
    actual, predicted = _checked(y_true, y_pred)
    by_value, by_prediction = rankdata(actual), rankdata(predicted)
    if actual.min() == actual.max():
        raise ValueError("all actual values are equal")
    if predicted.min() == predicted.max():
        return 0.0
    spread = np.sqrt(_covariance(by_value, by_value) * _covariance(by_prediction, by_prediction))
    return float(np.clip(_covariance(by_value, by_prediction) / spread, -1.0, 1.0))


def normalised_gini_score(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """How much of the best possible ordering by value the prediction attains.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency; actual ones may be negative.

    Returns
    -------
    float
        ``cov(value, rank of prediction) / cov(value, rank of value)``, in [-1, 1]; 1 for the right order, 0 in
        expectation for a random one. Ties count as in the mean over all their orders.

    Raises
    ------
    ValueError
        If all actual values are equal, a value is missing, or lengths differ.

    Notes
    -----
    The common implementation breaks ties by row order, which a sorted file turns into a perfect score.

    References
    ----------
    .. [1] Lerman, Yitzhaki (1984). A note on the calculation and interpretation of the Gini index. Economics
       Letters 15(3-4), 363-368.

    Examples
    --------
    >>> normalised_gini_score([0, 0, 10], [2, 1, 3])
    1.0
    >>> normalised_gini_score([0, 0, 10], [1, 1, 1])
    0.0
    """
    actual, predicted = _checked(y_true, y_pred)
    if actual.min() == actual.max():
        raise ValueError("all actual values are equal")
    return _covariance(actual, rankdata(predicted)) / _covariance(actual, rankdata(actual))


def _covariance(a: Floats, b: Floats) -> float:
    return float(np.mean((a - np.mean(a)) * (b - np.mean(b))))


def top_share_score(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, fraction: float = 0.1) -> float:
    """Share of all value that the customers predicted highest brought.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.
    fraction : float
        Share of customers, in (0, 1], rounded down to whole customers; by default the top decile.

    Returns
    -------
    float
        About ``fraction`` for random order; above 1 where the others cost money. Ties at the edge share the places.

    Raises
    ------
    ValueError
        If the actual total is not positive, fraction leaves nobody, a value is missing, or lengths differ.

    Examples
    --------
    >>> top_share_score([0, 10, 90, 0, 0], [1, 3, 2, 0, 0], fraction=0.4)
    1.0
    """
    actual, predicted = _checked(y_true, y_pred)
    total = float(np.sum(actual))
    if total <= 0:
        raise ValueError("the actual total is not positive")
    return total_of_top(actual, predicted, n_top=n_of_fraction(fraction, actual.size)) / total
