"""Platt scaling: from a model's raw score to a probability that is right on later data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.errors import DataError

__all__ = ["EDGE", "PlattCalibrator", "fit_level", "fit_platt", "logit", "sigmoid"]

Floats = npt.NDArray[np.float64]

MIN_RARER_FOR_SLOPE = 30
MIN_SLOPE = 0.05
_PRIOR = 4.0
"""Weight of the belief "slope 1": as much as a handful of customers, so that small samples move it little."""
EDGE = 1e-9
"""Probabilities keep this distance from 0 and 1: nothing is certain, and log odds stay finite."""
_LEVEL_SD = 0.5


def sigmoid(score: Floats) -> Floats:
    """Return ``1 / (1 + exp(-score))`` without overflow, kept inside (0, 1)."""
    p: Floats = 0.5 * (1.0 + np.tanh(0.5 * np.asarray(score, dtype=np.float64)))
    return np.clip(p, EDGE, 1.0 - EDGE)


def logit(p: Floats) -> Floats:
    """Return the log odds of probabilities, those of 0 and 1 taken as very near to them."""
    inside = np.clip(np.asarray(p, dtype=np.float64), EDGE, 1.0 - EDGE)
    odds: Floats = np.log(inside / (1.0 - inside))
    return odds


@dataclass(frozen=True, slots=True)
class PlattCalibrator:
    """The map ``p = sigmoid(slope * score + intercept)``; slope > 0, so the ranking never changes.

    Parameters
    ----------
    slope, intercept : float
        On the log-odds scale; (1, 0) leaves a log-odds score as it is.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def predict(self, score: Floats) -> Floats:
        """Return probabilities for raw scores, shape (n_rows,)."""
        return sigmoid(self.slope * np.asarray(score, dtype=np.float64) + self.intercept)


def fit_platt(score: Floats, y: npt.NDArray[np.int8], *, sample_weight: Floats | None = None) -> PlattCalibrator:
    """Fit slope and intercept by penalised maximum likelihood.

    Below 30 rows of the rarer class, or where the data ask for a slope of 0.05 or less, only the intercept is
    fitted: the level is then right and the ranking is left alone.

    Parameters
    ----------
    score : ndarray, shape (n_rows,)
        Log odds or any score that grows with risk, of rows the model did not learn from.
    y : ndarray of {0, 1}, shape (n_rows,)
        Outcomes.
    sample_weight : ndarray, shape (n_rows,), optional
        Weights.

    Raises
    ------
    DataError
        If there is only one class.

    References
    ----------
    .. [1] Platt (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers.
    """
    s, truth = np.asarray(score, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weight = np.ones_like(s) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    n_rarer = int(min(truth.sum(), truth.size - truth.sum()))
    if n_rarer == 0:
        raise DataError("only one class to calibrate on", rule="data.one_class", count=truth.size)
    if n_rarer >= MIN_RARER_FOR_SLOPE:
        slope, intercept = _newton(s, truth, weight, free_slope=True)
        if slope > MIN_SLOPE:
            return PlattCalibrator(slope, intercept)
    return PlattCalibrator(*_newton(s, truth, weight, free_slope=False))


def fit_level(score: Floats, y: Floats) -> float:
    """Return the shift on the log-odds scale that makes the mean probability right; few outcomes shift little.

    Parameters
    ----------
    score : ndarray, shape (n_rows,)
        Log odds.
    y : ndarray of {0, 1}, shape (n_rows,)
        Outcomes of the same rows.

    Returns
    -------
    float
        The most likely shift where shifts are believed to be normal around 0 with a standard deviation of one half:
        rates that halve or double within a year are known, and a handful of outcomes does not prove one.
    """
    shift = 0.0
    for _ in range(50):
        p = sigmoid(score + shift)
        step = (float(np.sum(y - p)) - shift / _LEVEL_SD**2) / (float(np.sum(p * (1.0 - p))) + 1.0 / _LEVEL_SD**2)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-10:
            break
    return shift


def _newton(s: Floats, y: Floats, weight: Floats, *, free_slope: bool) -> tuple[float, float]:
    """Minimise the penalised log loss; halved steps keep far-off starts from running away."""
    centre = float(np.average(s, weights=weight))
    design = np.column_stack([s - centre, np.ones_like(s)])
    prior, penalty = np.array([1.0, 0.0]), np.diag([_PRIOR if free_slope else 1e12, 1e-9])
    rate = float(np.average(y, weights=weight))
    beta = np.array([1.0, float(np.log(rate / (1.0 - rate)))])

    def loss(b: Floats) -> float:
        z, off = design @ b, b - prior
        return float(np.sum(weight * (np.logaddexp(0.0, z) - y * z)) + 0.5 * off @ penalty @ off)

    best = loss(beta)
    for _ in range(100):
        p = sigmoid(design @ beta)
        gradient = design.T @ (weight * (p - y)) + penalty @ (beta - prior)
        hessian = (design * (weight * p * (1.0 - p))[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian, gradient)
        while loss(beta - step) > best + 1e-12 * abs(best) and np.max(np.abs(step)) > 1e-12:
            step *= 0.5
        beta, best = beta - step, loss(beta - step)
        if np.max(np.abs(step)) < 1e-10:
            break
    return float(beta[0]), float(beta[1] - beta[0] * centre)
