"""How much each part of a blend says: weights that sum to one, by the log loss of rows the parts had not seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.estimators.calibrator import fit_platt, sigmoid

__all__ = ["blend_weights"]

Floats = npt.NDArray[np.float64]
_EVIDENCE = 10.0
"""Moving half the weight away from what was believed beforehand must make the seen outcomes e^(10/4) times likelier."""
_STEPS = 500
_LEAST = 0.02
"""A part with less weight than this is left out: it costs time and says nothing."""


def blend_weights(scores: Floats, y: Floats, *, prior: Floats, sample_weight: Floats | None = None) -> Floats:
    """Return weights on the log-odds scale, none negative, that sum to one.

    They minimise the log loss of ``sigmoid(slope * scores @ weights + intercept)``, with slope and intercept free, plus
    a penalty on the distance to ``prior``: few outcomes leave the prior nearly as it is, many find their own weights.
    A part alone is a candidate too, so the blend is no worse than the best part on these rows but for the penalty.

    Parameters
    ----------
    scores : ndarray, shape (n_rows, n_parts)
        Log odds by each part, for rows it had not seen.
    y : ndarray of {0, 1}, shape (n_rows,)
        Outcomes, both classes.
    prior : ndarray, shape (n_parts,)
        Weights believed in beforehand, summing to one.
    sample_weight : ndarray, shape (n_rows,), optional
        Weights of rows.

    References
    ----------
    .. [1] Breiman (1996). Stacked regressions. Machine Learning 24.
    """
    if scores.shape[1] == 1:
        return np.ones(1)
    weight = np.ones(y.size) if sample_weight is None else sample_weight / sample_weight.mean()
    found = np.asarray(prior, dtype=np.float64)
    loss, gradient = _penalised(scores, y, weight, found, prior)
    pace = 1.0
    for _ in range(_STEPS):
        # Exponentiated gradient stays on the simplex; the pace falls where a step does not help.
        step = found * np.exp(-pace * (gradient - gradient @ found) / y.size)
        tried = step / step.sum()
        new_loss, new_gradient = _penalised(scores, y, weight, tried, prior)
        if new_loss > loss:
            pace /= 2
            if pace < 1e-4:
                break
            continue
        done = loss - new_loss < 1e-7 * max(1.0, abs(loss))
        found, loss, gradient, pace = tried, new_loss, new_gradient, pace * 1.5
        if done:
            break
    found[found < _LEAST] = 0.0
    return np.asarray(found / found.sum(), dtype=np.float64)


def _penalised(scores: Floats, y: Floats, weight: Floats, found: Floats, prior: Floats) -> tuple[float, Floats]:
    """Return the penalised log loss of weights with the best slope and intercept, and its gradient."""
    joined = scores @ found
    line = fit_platt(joined, y.astype(np.int8), sample_weight=weight)
    z = line.slope * joined + line.intercept
    off = found - prior
    loss = float(np.sum(weight * (np.logaddexp(0.0, z) - y * z)) + _EVIDENCE * off @ off)
    return loss, line.slope * (scores.T @ (weight * (sigmoid(z) - y))) + 2 * _EVIDENCE * off
