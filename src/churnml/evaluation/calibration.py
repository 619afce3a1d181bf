"""Whether probabilities and totals keep their word on the newest known window, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from churnml import metrics
from churnml.evaluation.measures import safely
from churnml.evaluation.noise import replicate
from churnml.evaluation.weighted import ratio

__all__ = ["ece_noise", "latest_calibration", "latest_rows", "line_errors"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Z_95 = 1.96
N_DRAWS = 2000
MIN_OF_CLASS = 20
"""A window with fewer rows of the rarer class is told by the one before it."""


def latest_rows(kind: str, y: Floats, cuts: Mapping[str, Rows], *, is_out_of_time: bool) -> tuple[str | None, Rows]:
    """Return the newest cut-off with enough outcomes and its rows; None and all rows where there is none such."""
    for name, rows in reversed(list(cuts.items())):
        n_positive = int(np.count_nonzero(y[rows] > 0))
        n_rarer = min(n_positive, rows.size - n_positive) if kind == "churn" else n_positive
        if is_out_of_time and n_rarer >= MIN_OF_CLASS:
            return name, rows
    return None, np.arange(y.size)


def latest_calibration(kind: str, y: Floats, p: Floats, customers: Rows, *, cut_off: str | None) -> dict[str, Any]:
    """Return how well predicted and actual agree on some rows, each figure with the range chance explains.

    Parameters
    ----------
    kind : {"churn", "clv"}
    y, p : ndarray, shape (n_rows,)
        Outcome and prediction in the newest known window.
    customers : ndarray of int64, shape (n_rows,)
        Number of each row's customer.
    cut_off : str or None
        Name of the window.

    Returns
    -------
    dict
        ``cut_off``, ``n_rows``, ``predicted_mean``, ``actual_mean``, ``total_ratio`` with ``_low`` and ``_high``
        (bootstrap); for churn also ``slope`` and ``intercept`` with their 95 % Wald intervals, ``ece`` and
        ``ece_noise``. A figure that cannot be told is None.
    """
    found: dict[str, Any] = {
        "cut_off": cut_off,
        "n_rows": int(y.size),
        "predicted_mean": float(p.mean()),
        "actual_mean": float(y.mean()),
        "total_ratio": safely(metrics.total_ratio, y, p),
    }
    parts = replicate({"total": ratio(y, p)}, np.unique(customers, return_inverse=True)[1].astype(np.int64))["total"]
    known = parts[np.isfinite(parts)]
    is_known = found["total_ratio"] is not None and known.size * 2 > parts.size
    low, high = np.quantile(known, [0.025, 0.975]).tolist() if is_known else (None, None)
    found |= {"total_ratio_low": low, "total_ratio_high": high}
    return found | _probabilities(y, p) if kind == "churn" else found


def _probabilities(y: Floats, p: Floats) -> dict[str, float | None]:
    figures: dict[str, float | None] = {"ece": safely(metrics.ece_loss, y, p), "ece_noise": None}
    if figures["ece"] is not None:
        figures["ece_noise"] = ece_noise(y, p)
    try:
        line = metrics.calibration_line(y, p)
    except ValueError:
        return figures
    errors = line_errors(p, slope=line.slope, intercept=line.intercept)
    for name, value, error in zip(("slope", "intercept"), (line.slope, line.intercept), errors, strict=True):
        figures |= {name: value, f"{name}_low": value - Z_95 * error, f"{name}_high": value + Z_95 * error}
    return figures


def line_errors(p: Floats, *, slope: float, intercept: float) -> tuple[float, float]:
    """Return the standard errors of a calibration line's slope and intercept, from the information at the fit."""
    eps = float(np.finfo(np.float64).eps)
    z = np.sort(logit(np.clip(p, eps, 1 - eps)))
    q = expit(slope * z + intercept)
    design = np.stack([z, np.ones_like(z)])
    information = np.sum(design[:, None] * design[None] * (q * (1 - q)), axis=2)
    error = np.sqrt(np.diag(np.linalg.pinv(information)))
    return float(error[0]), float(error[1])


def ece_noise(y: Floats, p: Floats, *, seed: int = 0) -> float:
    """Return the calibration error that a perfectly calibrated model stays below in 95 of 100 samples of this size.

    Outcomes are drawn from the probabilities, bin by bin of ``reliability_curve``.
    """
    curve = metrics.reliability_curve(y, p)
    drawn = np.random.default_rng(seed).binomial(curve.n_customers, curve.p_mean, (N_DRAWS, curve.p_mean.size))
    gaps = np.abs(drawn - curve.n_customers * curve.p_mean).sum(axis=1) / curve.n_customers.sum()
    return float(np.quantile(gaps, 0.95))
