"""Joining predictions of value: a geometric mean whose weights come from rows that no part had seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

__all__ = ["blend_weights", "fit_line", "shrunk_ratio", "tweedie_deviance"]

Floats = npt.NDArray[np.float64]
MAX_ROWS = 50_000
_LEAST_WEIGHT = 0.05
_FLOOR = -12.0
_NEWTON_STEPS = 50
_LEAST_MEAN = 1e-9


def tweedie_deviance(actual: Floats, logarithm: Floats) -> Floats:
    """Return each row's Tweedie deviance of power 1.5, up to what the prediction does not change.

    Parameters
    ----------
    actual : ndarray, shape (n_rows,)
        Values >= 0.
    logarithm : ndarray, shape (n_rows,)
        Logarithm of the predicted value.
    """
    half = np.exp(np.maximum(logarithm, _FLOOR) / 2.0)
    return np.asarray(2.0 * (actual / half + half))


def fit_line(logarithm: Floats, actual: Floats, weight: Floats | None) -> tuple[float, float]:
    """Fit ``log value = intercept + slope x logarithm`` by Tweedie deviance (power 1.5); the slope lies in [0, 1.5].

    The deviance is convex in both, so Newton's steps end at its only minimum.
    """
    w = np.ones(actual.size) if weight is None else weight
    design = np.column_stack([np.ones(actual.size), logarithm])
    start = np.log(max(float(np.average(actual, weights=w)), _LEAST_MEAN))
    coefficients = np.array([start - float(np.average(logarithm, weights=w)), 1.0])
    for _ in range(_NEWTON_STEPS):
        half = np.exp(np.clip(design @ coefficients / 2.0, -20.0, 20.0))
        slope = w * (half - actual / half)
        curve = w * (half + actual / half) / 2.0
        hessian = (design * curve[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ slope)
        coefficients = coefficients - step
        if np.abs(step).max() < 1e-10:
            break
    steep = float(np.clip(coefficients[1], 0.0, 1.5))
    fitted = np.exp(steep * logarithm)
    return float(np.log(np.average(actual, weights=w) / np.average(fitted, weights=w))), steep


def blend_weights(logarithms: Floats, actual: Floats) -> Floats:
    """Return weights >= 0 with sum 1 of the geometric mean of several predictions.

    The mean deviance is made small while a departure from equal weights costs as much as chance could make of the
    difference between two parts: with few rows the weights stay near equal, with many they are those that fit best.
    A part that is beyond doubt worse than the best gets none, and where the mean does not beat the best part by
    more than a tenth of its standard error, the best part stands alone.

    Parameters
    ----------
    logarithms : ndarray, shape (n_rows, n_parts)
        Logarithm of each part's prediction, on rows it had not seen. Level and spread are calibrated here before
        parts are compared: what is to be joined is their order, and parts that learned from fewer rows than the
        final ones are too narrow.
    actual : ndarray, shape (n_rows,)
        Values >= 0.
    """
    step = -(-actual.size // MAX_ROWS)
    actual, parts = actual[::step], np.maximum(logarithms[::step], _FLOOR)
    parts = np.column_stack([_calibrated(part, actual) for part in parts.T])
    losses = np.stack([tweedie_deviance(actual, part) for part in parts.T], axis=1)
    best = int(np.argmin(losses.mean(axis=0)))
    apart = losses - losses[:, [best]]
    noise = apart.std(axis=0) / np.sqrt(actual.size)
    kept = np.flatnonzero(apart.mean(axis=0) <= 2.0 * noise)
    weights = np.zeros(parts.shape[1])
    if kept.size == 1:
        weights[best] = 1.0
        return weights
    weights[kept] = _fitted(parts[:, kept], actual, doubt=float(noise[kept[kept != best]].mean()))
    weights[weights < _LEAST_WEIGHT] = 0.0
    weights /= weights.sum()
    joined = tweedie_deviance(actual, _levelled(parts @ weights, actual))
    gain = losses[:, best] - joined
    if gain.mean() < -gain.std() / np.sqrt(actual.size):
        weights = np.zeros(parts.shape[1])
        weights[best] = 1.0
    return weights


def _levelled(logarithm: Floats, actual: Floats) -> Floats:
    return np.asarray(logarithm + np.log(actual.sum() / np.exp(logarithm).sum()))


def _calibrated(part: Floats, actual: Floats) -> Floats:
    intercept, slope = fit_line(part, actual, None)
    return np.asarray(intercept + slope * part)


def _fitted(parts: Floats, actual: Floats, *, doubt: float) -> Floats:
    """Minimise deviance plus doubt times the squared distance from equal weights, over the simplex and a level."""
    n = parts.shape[1]

    def loss(free: Floats) -> tuple[float, Floats]:
        half = np.exp((parts @ free[:n] + free[n]) / 2.0)
        slope = (half - actual / half) / actual.size
        away = free[:n] - 1.0 / n
        value = 2.0 * float(np.mean(actual / half + half)) + doubt * n * float(away @ away)
        return value, np.append(parts.T @ slope + 2.0 * doubt * n * away, slope.sum())

    found = minimize(
        loss,
        np.append(np.full(n, 1.0 / n), 0.0),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n + [(-3.0, 3.0)],
        constraints={"type": "eq", "fun": lambda free: free[:n].sum() - 1.0, "jac": lambda _: np.append(np.ones(n), 0)},
    )
    weights = np.clip(found.x[:n], 0.0, 1.0)
    return np.asarray(weights / weights.sum())


def shrunk_ratio(actual: Floats, predicted: Floats, *, most: float) -> float:
    """Return actual over predicted total, drawn towards 1 by as much as chance explains.

    With ``s`` the standard error of the logarithm of the ratio ``q``, the logarithm is multiplied by
    ``max(0, 1 - s^2 / log(q)^2)``, the James-Stein factor: a few giants move the level only as far as they tell
    something. Where the actual total is not positive the ratio is 1.

    Parameters
    ----------
    actual, predicted : ndarray, shape (n_rows,)
    most : float
        Greatest ratio, and its inverse the smallest.
    """
    total, promised = float(actual.sum()), float(predicted.sum())
    if total <= 0 or promised <= 0:
        return 1.0
    ratio = total / promised
    # Misses of a prediction at the right level, relative to the total.
    noise = float(np.sqrt(np.sum((actual - ratio * predicted) ** 2))) / total
    away = np.log(ratio)
    kept = 0.0 if away == 0.0 else max(0.0, 1.0 - (noise / away) ** 2)
    return float(np.clip(np.exp(kept * away), 1.0 / most, most))
