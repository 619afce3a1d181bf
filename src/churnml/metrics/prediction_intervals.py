"""Whether values fall into the intervals promised for them, and how wide those are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats, as_amounts, same_length

__all__ = ["interval_coverage_score", "interval_width_loss", "pinball_loss", "winkler_loss"]


def _bounds(low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[Floats, Floats]:
    lower, upper = as_amounts(low, name="low"), as_amounts(high, name="high")
    same_length(lower, upper)
    if np.any(lower > upper):
        raise ValueError("low lies above high")
    return lower, upper


def _mean(amount: Floats) -> float:
    # Sorted, so that no sum depends on the order of the rows.
    return float(np.mean(np.sort(amount)))


def interval_coverage_score(y_true: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> float:
    """Share of actual values within their intervals, ends included.

    Parameters
    ----------
    y_true, low, high : array_like, shape (n_customers,)
        Actual value and the ends of its interval, in currency.

    Returns
    -------
    float
        In [0, 1]. Good is the share promised, not 1: read it beside `interval_width_loss`, or use `winkler_loss`.

    Raises
    ------
    ValueError
        If an interval's low end lies above its high end, a value is missing, or lengths differ.

    Examples
    --------
    >>> interval_coverage_score([0, 10, 90, 5], [0, 5, 10, 6], [0, 20, 50, 9])
    0.5
    """
    actual, (lower, upper) = as_amounts(y_true, name="y_true"), _bounds(low, high)
    same_length(actual, lower)
    return float(np.mean((lower <= actual) & (actual <= upper)))


def interval_width_loss(low: npt.ArrayLike, high: npt.ArrayLike) -> float:
    """Mean width of the intervals.

    Parameters
    ----------
    low, high : array_like, shape (n_customers,)
        Ends of the intervals, in currency.

    Returns
    -------
    float
        In currency, >= 0.

    Raises
    ------
    ValueError
        If a low end lies above its high end, a value is missing, or lengths differ.

    Examples
    --------
    >>> interval_width_loss([0, 5], [10, 25])
    15.0
    """
    lower, upper = _bounds(low, high)
    return _mean(upper - lower)


def pinball_loss(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, quantile: float) -> float:
    """Mean loss that is least for the true quantile.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual value and the predicted quantile of it, in currency.
    quantile : float
        In (0, 1).

    Returns
    -------
    float
        In currency, >= 0; at quantile 0.5 half the mean absolute difference.

    Raises
    ------
    ValueError
        If quantile is not in (0, 1), a value is missing, or lengths differ.

    References
    ----------
    .. [1] Koenker, Bassett (1978). Regression quantiles. Econometrica 46(1), 33-50.

    Examples
    --------
    >>> round(pinball_loss([10, 10], [8, 12], quantile=0.9), 6)
    1.0
    """
    if not 0 < quantile < 1:
        raise ValueError("quantile is not in (0, 1)")
    actual, predicted = as_amounts(y_true, name="y_true"), as_amounts(y_pred, name="y_pred")
    same_length(actual, predicted)
    above = actual - predicted
    return _mean(np.maximum(quantile * above, (quantile - 1) * above))


def winkler_loss(y_true: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, *, confidence: float) -> float:
    """Mean width of the intervals, plus ``2 / (1 - confidence)`` times the distance of what falls outside.

    Parameters
    ----------
    y_true, low, high : array_like, shape (n_customers,)
        Actual value and the ends of its central interval, in currency.
    confidence : float
        Share of values promised to fall inside, in (0, 1).

    Returns
    -------
    float
        In currency, >= 0; least for the true quantiles, so neither width nor coverage alone can better it.

    Raises
    ------
    ValueError
        If confidence is not in (0, 1), a low end lies above its high end, a value is missing, or lengths differ.

    References
    ----------
    .. [1] Winkler (1972). A decision-theoretic approach to interval estimation. JASA 67(337), 187-191.
    .. [2] Gneiting, Raftery (2007). Strictly proper scoring rules, prediction, and estimation. JASA 102(477),
       equation 43.

    Examples
    --------
    >>> round(winkler_loss([10, 30], [5, 5], [15, 25], confidence=0.8), 6)
    40.0
    """
    if not 0 < confidence < 1:
        raise ValueError("confidence is not in (0, 1)")
    actual, (lower, upper) = as_amounts(y_true, name="y_true"), _bounds(low, high)
    same_length(actual, lower)
    outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
    return _mean(upper - lower + 2 / (1 - confidence) * outside)
