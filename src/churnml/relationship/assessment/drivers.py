"""Which parts of service go with dissatisfaction and with leaving, other things being equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from churnml.relationship.assessment.findings import false_discovery
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.least_squares import effect_of

__all__ = ["Outcome", "before_and_after", "drivers"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_LEAST = 30
"""Fewer customers than this on either side say nothing once other things are held equal."""


class Outcome(NamedTuple):
    """Something that should not happen, what came before it, and what is held equal.

    Parameters
    ----------
    name : str
        ``csat`` (dissatisfied) or ``churn``.
    happened : ndarray of float64, shape (n_customers,)
        1, 0, or NaN where the customer is not looked at.
    measures : mapping of str to ndarray of float64
        Of the days before; NaN = it does not apply.
    equal : ndarray of float64, shape (n_customers, n_columns)
        Tenure, activity, value, segment.
    """

    name: str
    happened: Floats
    measures: Mapping[str, Floats]
    equal: Floats


def drivers(outcomes: Sequence[Outcome], *, minimum: int, fdr: float) -> list[dict[str, Any]]:
    """Rank measures of service by how surely, and for how many, they go with what should not happen.

    Parameters
    ----------
    outcomes : sequence of Outcome
    minimum : int
        Fewest customers that are shown.
    fdr : float
        Share of false findings that is accepted among all findings.

    Returns
    -------
    list of dict
        ``measure``, ``outcome``, ``n``, ``n_exposed``, shares with and without it, ``effect`` (points of probability,
        other things being equal, for each unit: yes against no, or a day of 24 hours longer) with its interval,
        ``p_value``, ``q_value``, ``is_found``; ranked by findings first, then by effect times share of customers.

    Notes
    -----
    A linear model of the probability with White's standard errors (HC1): its coefficient is a difference in points,
    and it can be computed where a logistic one separates. Each measure stands in a model of its own with tenure,
    activity, value and segment; it is an association, not the effect of a change.

    References
    ----------
    .. [1] White (1980). A heteroskedasticity-consistent covariance matrix estimator. Econometrica 48, 817-838.
    .. [2] Angrist, Pischke (2009). Mostly harmless econometrics. Princeton, 3.4.2.
    """
    rows = [
        row
        for outcome in outcomes
        for name in sorted(outcome.measures)
        if (row := _association(outcome, name, minimum=minimum)) is not None
    ]
    for row, q in zip(rows, false_discovery([row["p_value"] for row in rows]), strict=True):
        row |= {"q_value": rounded(float(q)), "is_found": bool(q <= fdr), "p_value": rounded(row["p_value"])}
    rows.sort(key=lambda r: (not r["is_found"], -abs(r["effect"]) * r["share_exposed"], r["measure"], r["outcome"]))
    return rows


def _association(outcome: Outcome, name: str, *, minimum: int) -> dict[str, Any] | None:
    measure = outcome.measures[name]
    chosen = np.isfinite(outcome.happened) & np.isfinite(measure) & np.isfinite(outcome.equal).all(axis=1)
    x, y = measure[chosen], outcome.happened[chosen]
    exposed = x > 0 if _is_yes_no(x) else x > np.median(x)
    sides = int(exposed.sum()), int((~exposed).sum())
    if min(sides) < max(_LEAST, minimum) or not 0 < y.sum() < len(y):
        return None
    effect, low, high, p_value = effect_of(y, x, outcome.equal[chosen])
    if not np.isfinite(p_value):
        return None
    return {
        "measure": name,
        "outcome": outcome.name,
        "is_yes_no": _is_yes_no(x),
        "n": len(x),
        "n_exposed": sides[0],
        "share_exposed": rounded(sides[0] / len(x)),
        "with": rounded(float(y[exposed].mean())),
        "without": rounded(float(y[~exposed].mean())),
        "effect": rounded(effect),
        "low": rounded(low),
        "high": rounded(high),
        "p_value": p_value,
    }


def _is_yes_no(values: Floats) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def before_and_after(
    measure: str, now: Sequence[Outcome], before: Sequence[Outcome], *, minimum: int
) -> list[dict[str, Any]]:
    """Return how common a measure was in the period before and is now, and what went with it each time.

    Returns
    -------
    list of dict
        One for each outcome; sides of fewer customers than the minimum are held back together with the other side.
    """
    found = []
    for new in now:
        old = next((each for each in before if each.name == new.name), None)
        if measure in new.measures:
            sides = {
                "before": None if old is None else _side(old, measure, minimum),
                "now": _side(new, measure, minimum),
            }
            found.append({"outcome": new.name, **sides})
    return found


def _side(outcome: Outcome, measure: str, minimum: int) -> dict[str, Any] | None:
    values = outcome.measures.get(measure)
    if values is None:
        return None
    chosen = np.isfinite(outcome.happened) & np.isfinite(values)
    x, y = values[chosen], outcome.happened[chosen]
    if len(x) < minimum:
        return None
    side: dict[str, Any] = {"n": len(x), "mean": rounded(float(x.mean())), "share": rounded(float(y.mean()))}
    if not _is_yes_no(x):
        return side
    exposed = x > 0
    if min(int(exposed.sum()), int((~exposed).sum())) >= minimum:
        side |= {
            "n_exposed": int(exposed.sum()),
            "with": rounded(float(y[exposed].mean())),
            "without": rounded(float(y[~exposed].mean())),
        }
    else:
        side["mean"] = None
    return side
