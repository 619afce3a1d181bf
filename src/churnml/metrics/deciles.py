"""Actual against predicted value, by tenths of the customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats, as_amounts, cumulative_by_score, same_length

__all__ = ["DecileTable", "decile_calibration_loss", "decile_table"]


@dataclass(frozen=True, slots=True)
class DecileTable:
    """Actual against predicted value by tenths of the customers, highest prediction first.

    Parameters
    ----------
    decile : ndarray of int64, shape (n_parts,)
        1 is the top.
    n_customers : ndarray, shape (n_parts,)
        Not whole where ties are shared between tenths.
    predicted_mean, actual_mean : ndarray, shape (n_parts,)
        In currency per customer.
    actual_share : ndarray, shape (n_parts,)
        Share of all actual value; not a number where the total is not positive.
    """

    decile: npt.NDArray[np.int64]
    n_customers: Floats
    predicted_mean: Floats
    actual_mean: Floats
    actual_share: Floats


def decile_table(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, n_parts: int = 10) -> DecileTable:
    """Compare predicted and actual value by tenths of the customers.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.
    n_parts : int
        Number of parts, at most the number of customers.

    Raises
    ------
    ValueError
        If there are fewer customers than parts, a value is missing, or lengths differ.

    Examples
    --------
    >>> decile_table([0, 10, 90, 0], [1, 3, 2, 0], n_parts=2).actual_mean.tolist()
    [50.0, 0.0]
    """
    actual, predicted = as_amounts(y_true, name="y_true"), as_amounts(y_pred, name="y_pred")
    same_length(actual, predicted)
    if not 1 <= n_parts <= actual.size:
        raise ValueError("there are fewer customers than parts, or no parts")
    _, n_above, (predicted_above, actual_above) = cumulative_by_score(predicted, predicted, actual)
    edges = np.linspace(0, actual.size, n_parts + 1)
    size = np.diff(edges)
    promised, came = (np.diff(np.interp(edges, n_above, total)) for total in (predicted_above, actual_above))
    total = float(actual_above[-1])
    share = came / total if total > 0 else np.full(n_parts, np.nan)
    return DecileTable(np.arange(1, n_parts + 1), size, promised / size, came / size, share)


def decile_calibration_loss(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, n_parts: int = 10) -> float:
    """Value promised to the wrong tenth of `decile_table`, or to none, as a share of all value.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n_customers,)
        Actual and predicted value, in currency.
    n_parts : int
        As in `decile_table`.

    Returns
    -------
    float
        ``sum(n_customers * abs(predicted_mean - actual_mean)) / total``, >= 0; 0 if every tenth brought what was
        promised for it, 0.2 if everything was promised a fifth too high.

    Raises
    ------
    ValueError
        If the actual total is not positive, or as `decile_table`.

    Examples
    --------
    >>> decile_calibration_loss([0, 10, 90, 0], [1, 50, 40, 19], n_parts=2)
    0.3
    """
    table = decile_table(y_true, y_pred, n_parts=n_parts)
    if np.isnan(table.actual_share).any():
        raise ValueError("the actual total is not positive")
    total = float(np.sum(table.n_customers * table.actual_mean))
    return float(np.sum(table.n_customers * np.abs(table.predicted_mean - table.actual_mean))) / total
