"""Who answers surveys and who does not, and what the scores would be if everybody had answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu

from churnml.relationship.assessment.groups import Way
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.intervals import change_of_shares

__all__ = ["RISK_CLASSES", "non_response", "risk_way", "weighted_score"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
RISK_CLASSES = ("lowest", "low", "middle", "high", "highest", "left")
"""Fifths of the predicted risk, and customers of the period who are not at risk any more."""
_LEAST_ANSWERS = 5
"""A class of fewer answers is joined with its neighbour: its mean says too little to stand for the class."""


def risk_way(p_churn: Floats, inside: Bools) -> Way:
    """Return customers by fifths of the predicted risk; those without one have left.

    Parameters
    ----------
    p_churn : ndarray, shape (n_customers,)
        NaN = not at risk.
    inside : ndarray of bool, shape (n_customers,)
    """
    known = inside & np.isfinite(p_churn)
    edges = np.quantile(p_churn[known], (0.2, 0.4, 0.6, 0.8)) if known.any() else np.zeros(4)
    codes = np.where(known, np.searchsorted(edges, np.nan_to_num(p_churn), side="left"), 5)
    present = [at for at in range(6) if (codes[inside] == at).any()]
    place = {at: number for number, at in enumerate(present)}
    return Way(
        "risk",
        tuple(RISK_CLASSES[at] for at in present),
        np.where(inside, np.array([place.get(at, -1) for at in codes.tolist()], dtype=np.int64), -1),
    )


def weighted_score(top: Int64s, base: Int64s, classes: Int64s, inside: Bools, *, unit: float) -> dict[str, Any] | None:
    """Return a score with every class of customers counted as often as it is among all, not among those who answered.

    Parameters
    ----------
    top, base : ndarray of int64, shape (n_customers,)
        Sum of the scores and number of answers of each customer.
    classes : ndarray of int64, shape (n_customers,)
        Ordered classes (risk within segment); neighbours with few answers are joined.
    inside : ndarray of bool, shape (n_customers,)
        Customers of the period.
    unit : float
        What the score is multiplied with.

    Returns
    -------
    dict or None
        ``value``, ``low``, ``high`` (95 %, by the variance within classes), ``n_classes``; None without answers.

    References
    ----------
    .. [1] Little, Rubin (2019). Statistical analysis with missing data. Wiley, 3.3.2 (weighting class adjustment).
    """
    answered = inside & (base > 0)
    if not answered.any():
        return None
    joined = _joined(classes, answered, inside)
    ratio = np.where(answered, top / np.maximum(base, 1), 0.0)
    total, value, variance = float(inside.sum()), 0.0, 0.0
    names = np.unique(joined[inside])
    for name in names.tolist():
        share = float((inside & (joined == name)).sum()) / total
        scores = ratio[answered & (joined == name)]
        value += share * float(scores.mean())
        variance += share**2 * float(scores.var(ddof=1)) / len(scores) if len(scores) > 1 else 0.0
    half = 1.959963984540054 * variance**0.5
    return {
        "value": rounded(value * unit),
        "low": rounded((value - half) * unit),
        "high": rounded((value + half) * unit),
        "n_classes": len(names),
    }


def _joined(classes: Int64s, answered: Bools, inside: Bools) -> Int64s:
    """Return classes joined with the next until each has enough answers; the last joins the one before."""
    joined, current, waiting = np.full(len(classes), -1, dtype=np.int64), 0, 0
    for name in np.unique(classes[inside]).tolist():
        joined[classes == name] = current
        waiting += int((answered & (classes == name)).sum())
        if waiting >= _LEAST_ANSWERS:
            current, waiting = current + 1, 0
    if current:
        joined[joined == current] = current - 1
    return joined


def non_response(columns: Mapping[str, Int64s], p_churn: Floats, before: Mapping[str, Int64s] | None) -> dict[str, Any]:
    """Return whether those who do not answer are more at risk than those who do.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Of the period.
    p_churn : ndarray, shape (n_customers,)
        Predicted risk at its end; NaN = not at risk or not known.
    before : mapping of str to ndarray, optional
        Of the period before: who answered then, compared with who churned since.

    Returns
    -------
    dict
        ``predicted``: the probability that a customer who did not answer has the higher risk (0.5 = no relation), and
        its p-value by Mann and Whitney. ``observed``: churn since, of those who had answered and those who had not,
        with Newcombe's interval of the difference. ``is_related``: whether one of them is beyond noise.
    """
    found: dict[str, Any] = {"predicted": None, "observed": None, "is_related": False}
    inside = (columns["base"] > 0) & np.isfinite(p_churn)
    silent, answered = p_churn[inside & (columns["responded"] == 0)], p_churn[inside & (columns["responded"] > 0)]
    if len(silent) >= 10 and len(answered) >= 10:
        test = mannwhitneyu(silent, answered, alternative="two-sided", method="asymptotic")
        above = float(test.statistic) / (len(silent) * len(answered))
        found["predicted"] = {
            "p_higher": rounded(above),
            "p_value": rounded(float(test.pvalue)),
            "n_silent": len(silent),
            "n_answered": len(answered),
        }
        found["is_related"] = bool(test.pvalue < 0.05 and above > 0.5)
    if before is not None and "at_risk" in columns:
        found["observed"] = _churn_since(columns, before)
        if found["observed"] is not None and (found["observed"]["low"] or 0.0) > 0:
            found["is_related"] = True
    return found


def _churn_since(columns: Mapping[str, Int64s], before: Mapping[str, Int64s]) -> dict[str, Any] | None:
    exposed = (columns["at_risk"] > 0) & (before["base"] > 0)
    sides = [exposed & (before["responded"] == 0), exposed & (before["responded"] > 0)]
    if min(int(side.sum()) for side in sides) < 10:
        return None
    (silent, n_silent), (answered, n_answered) = ((int(columns["churned"][s].sum()), int(s.sum())) for s in sides)
    ends = change_of_shares(silent, n_silent, answered, n_answered, confidence=0.95)
    return {
        "silent": {"count": silent, "n": n_silent, "value": rounded(silent / n_silent)},
        "answered": {"count": answered, "n": n_answered, "value": rounded(answered / n_answered)},
        "difference": rounded(silent / n_silent - answered / n_answered),
        "low": rounded(ends.low),
        "high": rounded(ends.high),
    }
