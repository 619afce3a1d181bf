"""How well a score puts churners first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import (
    Floats,
    as_amounts,
    as_labels,
    cumulative_by_score,
    n_of_fraction,
    same_length,
    total_of_top,
)

__all__ = [
    "average_precision_score",
    "capture_score",
    "gains_curve",
    "lift_score",
    "precision_recall_curve",
    "roc_auc_score",
    "roc_curve",
]


def _checked(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats]:
    labels, scores = as_labels(y_true), as_amounts(y_score, name="y_score")
    same_length(labels, scores)
    return labels, scores


def roc_curve(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Share of churners found against share of stayers contacted, at every threshold.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.

    Returns
    -------
    false_positive_rate, true_positive_rate, thresholds : ndarray, shape (n_distinct_scores + 1,)
        From (0, 0) at an infinite threshold to (1, 1); one point per distinct score.

    Raises
    ------
    ValueError
        If there is one class only, a value is missing, or lengths differ.

    Examples
    --------
    >>> false_positive, true_positive, _ = roc_curve([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
    >>> false_positive.tolist(), true_positive.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    labels, scores = _checked(y_true, y_score)
    thresholds, _, (churned, stayed) = cumulative_by_score(scores, labels, 1 - labels)
    return stayed / stayed[-1], churned / churned[-1], np.append(np.inf, thresholds)


def roc_auc_score(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Probability that a churner scores above a stayer, ties counting one half: the area under `roc_curve`.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.

    Returns
    -------
    float
        In [0, 1]; 0.5 for random order.

    Raises
    ------
    ValueError
        If there is one class only, a value is missing, or lengths differ.

    References
    ----------
    .. [1] Hanley, McNeil (1982). The meaning and use of the area under a ROC curve. Radiology 143(1), 29-36.

    Examples
    --------
    >>> roc_auc_score([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
    0.875
    """
    false_positive, true_positive, _ = roc_curve(y_true, y_score)
    return float(np.trapezoid(true_positive, false_positive))


def precision_recall_curve(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Churners among the contacted, and contacted among the churners, at every threshold.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.

    Returns
    -------
    precision, recall, thresholds : ndarray, shape (n_distinct_scores,)
        Thresholds falling, so recall rises to 1.

    Raises
    ------
    ValueError
        If there is one class only, a value is missing, or lengths differ.
    """
    labels, scores = _checked(y_true, y_score)
    thresholds, n_customers, (churned,) = cumulative_by_score(scores, labels)
    return churned[1:] / n_customers[1:], churned[1:] / churned[-1], thresholds


def average_precision_score(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Mean precision over the steps of recall, from `precision_recall_curve`; ties are one step.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.

    Returns
    -------
    float
        In (0, 1]; about the churn rate for random order.

    Raises
    ------
    ValueError
        If there is one class only, a value is missing, or lengths differ.

    Notes
    -----
    The literature also interpolates between points, which is too favourable; here, as in scikit-learn, it is a sum
    of steps.

    Examples
    --------
    >>> round(average_precision_score([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1]), 4)
    0.8333
    """
    precision, recall, _ = precision_recall_curve(y_true, y_score)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def gains_curve(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Share of churners reached against share of customers contacted, highest score first.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.

    Returns
    -------
    fraction_contacted, fraction_captured : ndarray, shape (n_distinct_scores + 1,)
        From (0, 0) to (1, 1); between two points, that is within ties, the curve is a straight line.

    Raises
    ------
    ValueError
        If there is one class only, a value is missing, or lengths differ.
    """
    labels, scores = _checked(y_true, y_score)
    _, n_customers, (churned,) = cumulative_by_score(scores, labels)
    return n_customers / n_customers[-1], churned / churned[-1]


def capture_score(y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, fraction: float) -> float:
    """Share of all churners found among the highest scores: a point of `gains_curve`.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.
    fraction : float
        Share of customers contacted, in (0, 1], rounded down to whole customers.

    Returns
    -------
    float
        In [0, 1]. Ties at the edge share the places left.

    Raises
    ------
    ValueError
        If there is one class only, or fraction leaves no customer to contact.

    Examples
    --------
    >>> capture_score([1, 0, 0, 1, 0], [0.9, 0.7, 0.4, 0.2, 0.1], fraction=0.4)
    0.5
    """
    labels, scores = _checked(y_true, y_score)
    n_top = n_of_fraction(fraction, labels.size)
    contacted, captured = gains_curve(labels, scores)
    return float(np.interp(n_top, contacted * labels.size, captured))


def lift_score(y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, fraction: float) -> float:
    """Churn rate among the highest scores, relative to the overall churn rate.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.
    fraction : float
        Share of customers contacted, in (0, 1], rounded down to whole customers.

    Returns
    -------
    float
        Ratio without unit, 1.0 for random targeting. Ties at the edge share the places left.

    Raises
    ------
    ValueError
        If there is one class only, or fraction leaves no customer to contact.

    References
    ----------
    .. [1] Neslin et al. (2006). Defection Detection. J. Marketing Research 43(2).

    Examples
    --------
    >>> lift_score([1, 0, 0, 1, 0], [0.9, 0.7, 0.4, 0.2, 0.1], fraction=0.4)
    1.25
    """
    labels, scores = _checked(y_true, y_score)
    n_top = n_of_fraction(fraction, labels.size)
    n_found = total_of_top(labels, scores, n_top=n_top)
    return n_found / n_top / (float(np.sum(labels)) / labels.size)
