"""How sure an area under the ROC curve is, and whether two of the same customers differ."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from churnml.metrics.arrays import Floats, as_amounts, as_labels, same_length

__all__ = ["AreaDifference", "delong_interval", "delong_test"]

Flags = npt.NDArray[np.bool_]


class AreaDifference(NamedTuple):
    """Two areas under ROC curves of the same customers.

    Parameters
    ----------
    difference : float
        The first area minus the second.
    low, high : float
        Its confidence interval.
    p_value : float
        Probability of a difference at least as large, either way, if there were none.
    """

    difference: float
    low: float
    high: float
    p_value: float


def delong_interval(y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of `roc_auc_score`, without assumption on the scores' distribution.

    Parameters
    ----------
    y_true, y_score : array_like, shape (n_customers,)
        1 = churned within the horizon; any score that grows with risk.
    confidence : float
        In (0, 1).

    Returns
    -------
    low, high : float
        Symmetric around the area, cut to [0, 1]; of width zero where the classes are separated completely.

    Raises
    ------
    ValueError
        If a class has fewer than two customers, or as `roc_auc_score`.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver
       operating characteristic curves. Biometrics 44(3), 837-845.
    .. [2] Sun, Xu (2014). Fast implementation of DeLong's algorithm. IEEE Signal Processing Letters 21(11).

    Examples
    --------
    >>> low, high = delong_interval([1, 0, 1, 0, 1], [0.9, 0.5, 0.5, 0.1, 0.4])
    >>> round(low, 3), round(high, 3)
    (0.184, 1.0)
    """
    if not 0 < confidence < 1:
        raise ValueError("confidence is not in (0, 1)")
    (area,), error = _areas(y_true, y_score)
    reach = float(norm.ppf(0.5 + confidence / 2) * error)
    return max(0.0, area - reach), min(1.0, area + reach)


def delong_test(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, y_score_other: npt.ArrayLike, *, confidence: float = 0.95
) -> AreaDifference:
    """Compare the `roc_auc_score` of two scores of the same customers, which are correlated.

    Parameters
    ----------
    y_true, y_score, y_score_other : array_like, shape (n_customers,)
        1 = churned within the horizon; two scores that grow with risk.
    confidence : float
        In (0, 1).

    Returns
    -------
    AreaDifference
        The p-value is two-sided. Where the difference has no variance (equal order, or both rank without error of
        sampling) it is 1 for no difference and 0 for any.

    Raises
    ------
    ValueError
        If a class has fewer than two customers, or as `roc_auc_score`.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver
       operating characteristic curves. Biometrics 44(3), 837-845.

    Examples
    --------
    >>> found = delong_test([1, 1, 1, 0, 0, 0], [6, 5, 2, 4, 3, 1], [5, 1, 4, 3, 6, 2])
    >>> round(found.difference, 4), round(found.p_value, 4)
    (0.3333, 0.4386)
    """
    if not 0 < confidence < 1:
        raise ValueError("confidence is not in (0, 1)")
    (area, other), error = _areas(y_true, y_score, y_score_other)
    difference = area - other
    reach = float(norm.ppf(0.5 + confidence / 2) * error)
    # Rounding leaves about 1e-16 where nothing varies.
    if error < 1e-12:
        p_value = 1.0 if abs(difference) < 1e-12 else 0.0
    else:
        p_value = float(2 * norm.sf(abs(difference) / error))
    return AreaDifference(difference, max(-1.0, difference - reach), min(1.0, difference + reach), p_value)


def _areas(y_true: npt.ArrayLike, *y_scores: npt.ArrayLike) -> tuple[list[float], float]:
    """Return the area of each score, and the standard error of the first less the second, if there is one."""
    labels, scores = as_labels(y_true), [as_amounts(score, name="y_score") for score in y_scores]
    same_length(labels, *scores)
    churned = labels == 1
    if min(churned.sum(), (~churned).sum()) < 2:
        raise ValueError("a class has fewer than two customers")
    placed = [_placements(score, churned) for score in scores]
    above, below = (
        parts[0] if len(parts) == 1 else parts[0] - parts[1] for parts in ([p[i] for p in placed] for i in (0, 1))
    )
    # Sorted, so that no sum depends on the order of the rows.
    spread = [float(np.var(np.sort(part), ddof=1)) / part.size for part in (above, below)]
    return [float(np.mean(np.sort(p[0]))) for p in placed], math.sqrt(sum(spread))


def _placements(score: Floats, churned: Flags) -> tuple[Floats, Floats]:
    """Return the share of stayers below each churner and of churners above each stayer, ties counting one half."""
    order = np.argsort(score)
    ordered = score[order]
    edges = np.append(np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])), score.size)
    n_churned = np.append(0, np.cumsum(churned[order]))[edges]
    churned_below = (n_churned[:-1] + n_churned[1:]) / 2
    stayed_below = (edges[:-1] + edges[1:]) / 2 - churned_below
    of_row = np.empty(score.size, np.intp)
    of_row[order] = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    above = stayed_below[of_row[churned]] / (score.size - n_churned[-1])
    return above, 1 - churned_below[of_row[~churned]] / n_churned[-1]
