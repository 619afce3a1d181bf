"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from churnml.metrics.arrays import Floats, as_labels, as_probabilities, cumulative_by_score, same_length

__all__ = [
    "CalibrationLine",
    "ReliabilityCurve",
    "brier_loss",
    "calibration_line",
    "ece_loss",
    "log_loss",
    "reliability_curve",
]

_EPS = float(np.finfo(np.float64).eps)


def _checked(y_true: npt.ArrayLike, y_prob: npt.ArrayLike) -> tuple[Floats, Floats]:
    labels, p = as_labels(y_true), as_probabilities(y_prob)
    same_length(labels, p)
    # Sorted, so that no sum depends on the order of the rows.
    order = np.lexsort((labels, p))
    return labels[order], p[order]


def log_loss(y_true: npt.ArrayLike, y_prob: npt.ArrayLike) -> float:
    """Mean negative log-likelihood of the outcomes.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_customers,)
        1 = churned within the horizon; probability of it, cut to [2e-16, 1 - 2e-16].

    Returns
    -------
    float
        Natural logarithm; 0 is perfect.

    Raises
    ------
    ValueError
        If there is one class only, a probability leaves [0, 1], or lengths differ.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.8, 0.2]), 6)
    0.223144
    """
    labels, p = _checked(y_true, y_prob)
    cut = np.clip(p, _EPS, 1 - _EPS)
    return -float(np.mean(np.where(labels == 1, np.log(cut), np.log1p(-cut))))


def brier_loss(y_true: npt.ArrayLike, y_prob: npt.ArrayLike) -> float:
    """Mean squared difference between probability and outcome.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_customers,)
        1 = churned within the horizon; probability of it.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If there is one class only, a probability leaves [0, 1], or lengths differ.

    References
    ----------
    .. [1] Brier (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78(1).

    Examples
    --------
    >>> round(brier_loss([1, 0], [0.8, 0.2]), 6)
    0.04
    """
    labels, p = _checked(y_true, y_prob)
    return float(np.mean((p - labels) ** 2))


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Promised against observed churn, per bin from low to high probability.

    Parameters
    ----------
    p_mean, churn_rate : ndarray, shape (n_bins,)
        Mean probability and share of churners.
    n_customers : ndarray of int64, shape (n_bins,)
    """

    p_mean: Floats
    churn_rate: Floats
    n_customers: npt.NDArray[np.int64]


def reliability_curve(y_true: npt.ArrayLike, y_prob: npt.ArrayLike, *, n_bins: int = 10) -> ReliabilityCurve:
    """Compare promised and observed churn in bins of about equal numbers of customers.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_customers,)
        1 = churned within the horizon; probability of it.
    n_bins : int
        Greatest number of bins; equal probabilities share one, so there may be fewer.

    Raises
    ------
    ValueError
        If there is one class only, a probability leaves [0, 1], lengths differ, or n_bins < 1.
    """
    if n_bins < 1:
        raise ValueError("n_bins is below 1")
    labels, p = _checked(y_true, y_prob)
    _, n_before, _ = cumulative_by_score(-p, labels)
    size = np.diff(n_before)
    middle = (n_before[:-1] + n_before[1:]) / 2
    bin_of_value = np.minimum((middle * n_bins / labels.size).astype(np.int64), n_bins - 1)
    bins = np.repeat(bin_of_value, size.astype(np.int64))
    n = np.bincount(bins, minlength=n_bins)
    used = n > 0
    p_sum, churned = (np.bincount(bins, weights=amount, minlength=n_bins) for amount in (p, labels))
    return ReliabilityCurve(p_sum[used] / n[used], churned[used] / n[used], n[used].astype(np.int64))


def ece_loss(y_true: npt.ArrayLike, y_prob: npt.ArrayLike, *, n_bins: int = 10) -> float:
    """Mean distance of `reliability_curve` from the diagonal, weighted by customers: the expected calibration error.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_customers,)
        1 = churned within the horizon; probability of it.
    n_bins : int
        As in `reliability_curve`.

    Returns
    -------
    float
        In [0, 1]. Never quite 0 on a sample: with few customers per bin it is mostly noise.

    Raises
    ------
    ValueError
        As `reliability_curve`.

    Notes
    -----
    Bins are of equal numbers here; the original has bins of equal width, which for rare churn puts nearly all
    customers into one.

    References
    ----------
    .. [1] Naeini, Cooper, Hauskrecht (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI.

    Examples
    --------
    >>> round(ece_loss([1, 0, 1, 0], [0.8, 0.8, 0.3, 0.3], n_bins=2), 6)
    0.25
    """
    curve = reliability_curve(y_true, y_prob, n_bins=n_bins)
    gap = np.abs(curve.p_mean - curve.churn_rate)
    return float(np.sum(gap * curve.n_customers) / np.sum(curve.n_customers))


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """Logistic recalibration ``logit P(churned) = intercept + slope * logit(p)``; 1 and 0 are perfect.

    Parameters
    ----------
    slope : float
        Below 1 the probabilities are too extreme, above 1 too timid.
    intercept : float
        In logits.
    """

    slope: float
    intercept: float


def calibration_line(y_true: npt.ArrayLike, y_prob: npt.ArrayLike) -> CalibrationLine:
    """Fit the line that would calibrate the probabilities, by maximum likelihood.

    Parameters
    ----------
    y_true, y_prob : array_like, shape (n_customers,)
        1 = churned within the horizon; probability of it, cut to [2e-16, 1 - 2e-16].

    Raises
    ------
    ValueError
        If there is one class only, all probabilities are equal, or they separate the classes completely, so that
        no line is best; also as `log_loss`.

    References
    ----------
    .. [1] Cox (1958). Two further applications of a model for binary regression. Biometrika 45(3-4).
    .. [2] Van Calster et al. (2019). Calibration: the Achilles heel of predictive analytics. BMC Medicine 17.

    Examples
    --------
    >>> line = calibration_line([1, 0, 0, 0, 1, 1, 1, 0], [0.25] * 4 + [0.75] * 4)
    >>> round(line.slope, 6), round(line.intercept, 6)
    (1.0, 0.0)
    """
    labels, p = _checked(y_true, y_prob)
    z = logit(np.clip(p, _EPS, 1 - _EPS))
    churned, stayed = z[labels == 1], z[labels == 0]
    if z.min() == z.max():
        raise ValueError("all probabilities are equal, so a slope cannot be told")
    if churned.min() >= stayed.max() or stayed.min() >= churned.max():
        raise ValueError("the probabilities separate the classes completely, so no line is best")
    slope, intercept = _logistic_fit(z, labels)
    return CalibrationLine(slope=slope, intercept=intercept)


def _logistic_fit(z: Floats, labels: Floats) -> tuple[float, float]:
    """Newton's method with halving; the likelihood is concave and its top is finite."""
    design = np.stack([z, np.ones_like(z)])
    beta = np.array([1.0, 0.0])
    value = _log_likelihood(beta, design, labels)
    for _ in range(100):
        p = expit(beta[0] * z + beta[1])
        slope = np.sum(design * (labels - p), axis=1)
        curve = np.sum(design[:, None] * design[None] * (p * (1 - p)), axis=2)
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        while (better := _log_likelihood(beta + step, design, labels)) < value:
            step = step / 2
        beta = beta + step
        if better - value <= 1e-13 * abs(value):
            break
        value = better
    return float(beta[0]), float(beta[1])


def _log_likelihood(beta: Floats, design: Floats, labels: Floats) -> float:
    eta = beta[0] * design[0] + beta[1] * design[1]
    return float(np.sum(labels * eta - np.logaddexp(0.0, eta)))
