"""Which measures a model of each kind is judged by, and how they are taken together over cut-offs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from churnml import metrics
from churnml.evaluation import weighted
from churnml.evaluation.noise import Job
from churnml.evaluation.terms import Terms

__all__ = ["RANKING", "Measure", "Rated", "measures_of", "safely"]

Floats = npt.NDArray[np.float64]
Rated = Callable[[Floats, Floats], float]
CONFIDENCE = 0.8
"""Of the value model's intervals."""
TRIALS = 20.0
"""Alpha + beta of the share who accept, as in the published EMPC (6 + 14); their mean is the campaign's effect."""
INCENTIVE_SHARE = 0.05
"""Of a customer's value, as in the published EMPB."""

RANKING = {"churn": "roc_auc", "clv": "normalised_gini"}
"""The measure by which model and rules are compared."""


@dataclass(frozen=True)
class Measure:
    """One figure of the comparison.

    Parameters
    ----------
    compute : callable
        From truth and prediction of some rows to a number; ValueError where there is none.
    job : callable, optional
        The same for resamples, see `churnml.evaluation.weighted`; without it there is no interval.
    averaged : bool
        Mean over the cut-offs, weighted by rows, because a list is ranked within one; else of all rows together.
    """

    compute: Rated
    job: Callable[[Floats, Floats], Job] | None = None
    averaged: bool = True


def measures_of(kind: Literal["churn", "clv"], *, fraction: float) -> dict[str, Measure]:
    """Return the measures of truth and prediction by name, in the order in which they are read.

    Parameters
    ----------
    kind : {"churn", "clv"}
    fraction : float
        Share of customers contacted.
    """
    return _value_measures() if kind == "clv" else _churn_measures(fraction)


def _churn_measures(fraction: float) -> dict[str, Measure]:
    def at(share: float, rated: Callable[..., float], job: Callable[..., Job]) -> Measure:
        return Measure(partial(rated, fraction=share), partial(job, fraction=share))

    return {
        "roc_auc": _known("roc_auc", metrics.roc_auc_score),
        "average_precision": _known("average_precision", metrics.average_precision_score),
        "lift": at(fraction, metrics.lift_score, weighted.lift),
        "capture": at(fraction, metrics.capture_score, weighted.capture),
        "lift_10": at(0.1, metrics.lift_score, weighted.lift),
        "capture_10": at(0.1, metrics.capture_score, weighted.capture),
        "log_loss": _known("log_loss", metrics.log_loss),
        "brier": _known("brier", metrics.brier_loss),
        "ece": Measure(metrics.ece_loss, averaged=False),
        "calibration_slope": Measure(lambda y, p: metrics.calibration_line(y, p).slope, averaged=False),
        "calibration_intercept": Measure(lambda y, p: metrics.calibration_line(y, p).intercept, averaged=False),
        "mean_predicted_over_actual": Measure(metrics.total_ratio, weighted.ratio, averaged=False),
    }


def _value_measures() -> dict[str, Measure]:
    return {
        "normalised_gini": _known("normalised_gini", metrics.normalised_gini_score),
        "spearman": Measure(metrics.spearman_score),
        "mean_absolute_error": _known("mean_absolute_error", metrics.mean_absolute_loss),
        "rmse": Measure(metrics.root_mean_squared_loss),
        "top_share": Measure(metrics.top_share_score, partial(weighted.capture, fraction=0.1)),
        "total_ratio": Measure(metrics.total_ratio, weighted.ratio, averaged=False),
        "decile_calibration": Measure(metrics.decile_calibration_loss, averaged=False),
    }


def _known(name: str, rated: Rated) -> Measure:
    return Measure(rated, weighted.WEIGHTED[name])


def money(y: Floats, p: Floats, value: Floats, *, terms: Terms, fraction: float) -> dict[str, float]:
    """Return what lists by a churn score would have earned at one cut-off, each customer with a value of their own.

    The order of contact is by ``expected_gain``, as on the lists: risk times value, the contact's cost deducted.

    Parameters
    ----------
    y, p, value : ndarray, shape (n_customers,)
        Churned, probability of it, and what leaves with the customer, in currency; below 0 counts as 0.
    terms : Terms
    fraction : float
        Share of customers contacted.

    Returns
    -------
    dict
        ``empc`` and ``empb`` per customer, ``empc_share`` of customers to contact for ``empc``, ``savings`` as a share
        of what was lost by doing nothing, ``profit_per_contact``.

    Raises
    ------
    ValueError
        If there is one class only, or nothing to lose.
    """
    worth = np.maximum(value, 0.0)
    gain = metrics.expected_gain(p, worth, effect=terms.effect, cost=terms.cost)
    alpha = TRIALS * min(terms.effect, 0.999)
    accepted = {"alpha": alpha, "beta": TRIALS - alpha, "contact_cost": terms.cost}
    places = max(1, math.floor(fraction * y.size + 1e-9))
    profit = metrics.profit_at_capacity_score(y, gain, worth, effect=terms.effect, cost=terms.cost, capacity=places)
    best = metrics.empc_maximum(y, gain, worth, incentive_cost=0.0, **accepted)
    return {
        "empc": best.profit,
        "empc_share": best.fraction,
        "empb": metrics.empb_score(y, gain, worth, incentive_fraction=INCENTIVE_SHARE, **accepted),
        "savings": metrics.savings_score(y, gain, worth, effect=terms.effect, cost=terms.cost, capacity=places),
        "profit_per_contact": profit / places,
    }


def intervals(y: Floats, low: Floats, high: Floats) -> Mapping[str, float]:
    """Return how the value model's intervals did: coverage, width, and Winkler's loss that weighs both."""
    return {
        "interval_coverage": metrics.interval_coverage_score(y, low, high),
        "interval_width": metrics.interval_width_loss(low, high),
        "winkler": metrics.winkler_loss(y, low, high, confidence=CONFIDENCE),
    }


def safely(compute: Callable[..., float], *arguments: Floats) -> float | None:
    """Return a finite number, or None where there is none, as in a cut-off with one class."""
    try:
        value = compute(*arguments)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
