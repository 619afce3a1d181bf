"""How exactly a model could be measured with so many customers, before there is a model."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["Precision", "auc_standard_error", "precision_at", "share_interval", "top_rate"]


class Precision(NamedTuple):
    """The interval in which a figure would be measured.

    Parameters
    ----------
    expected, low, high : float
    """

    expected: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Return half the width of the interval."""
        return (self.high - self.low) / 2


def auc_standard_error(auc: float, *, n_churned: int, n_stayed: int) -> float:
    """Return the standard error of an area under the ROC curve, from the area and the counts alone.

    Parameters
    ----------
    auc : float
        Area, in (0, 1).
    n_churned, n_stayed : int
        Customers of each outcome, at least one.

    Returns
    -------
    float
        Without unit. For negative exponential scores; for others it is close, and rather too large.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Hanley, McNeil (1982). The meaning and use of the area under a ROC curve. Radiology 143(1), 29-36.

    Examples
    --------
    >>> round(auc_standard_error(0.8, n_churned=100, n_stayed=400), 4)
    0.0279
    """
    if not 0 < auc < 1 or min(n_churned, n_stayed) < 1:
        raise ValueError("auc must lie in (0, 1), and both outcomes must be there")
    both_churned, both_stayed = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc)
    variance += (n_churned - 1) * (both_churned - auc**2) + (n_stayed - 1) * (both_stayed - auc**2)
    return math.sqrt(variance / (n_churned * n_stayed))


def precision_at(auc: float, *, n_churned: int, n_stayed: int, confidence: float = 0.95) -> Precision:
    """Return the interval in which a true area would be measured; raises as :func:`auc_standard_error`.

    Parameters
    ----------
    auc : float
        The true area, in (0, 1).
    n_churned, n_stayed : int
    confidence : float, optional
        In (0, 1).
    """
    half = stats.norm.ppf(0.5 + confidence / 2) * auc_standard_error(auc, n_churned=n_churned, n_stayed=n_stayed)
    return Precision(auc, max(0.0, float(auc - half)), min(1.0, float(auc + half)))


def top_rate(auc: float, *, base_rate: float, fraction: float = 0.1) -> float:
    """Return the churn rate among the highest scores of a model with a given area.

    Scores of both outcomes are taken as normal with equal spread, so the area alone says how far apart they lie.

    Parameters
    ----------
    auc : float
        In [0.5, 1).
    base_rate : float
        Overall churn rate, in (0, 1).
    fraction : float, optional
        Share of customers at the top, in (0, 1).

    Returns
    -------
    float
        In [base_rate, 1).

    Examples
    --------
    >>> round(top_rate(0.5, base_rate=0.2), 3), round(top_rate(0.8, base_rate=0.2), 3)
    (0.2, 0.626)
    """
    apart = math.sqrt(2) * float(stats.norm.ppf(auc))
    low, high = -10.0, 10.0 + apart
    for _ in range(80):
        edge = (low + high) / 2
        above = base_rate * stats.norm.sf(edge - apart) + (1 - base_rate) * stats.norm.sf(edge)
        low, high = (edge, high) if above > fraction else (low, edge)
    return float(base_rate * stats.norm.sf(low - apart) / fraction)


def share_interval(share: float, *, n: int, confidence: float = 0.95) -> Precision:
    """Return the interval in which a true share would be measured among n customers (Wilson).

    Parameters
    ----------
    share : float
        In [0, 1].
    n : int
        At least one.

    References
    ----------
    .. [1] Wilson (1927). Probable inference, the law of succession, and statistical inference. JASA 22(158).

    Examples
    --------
    >>> [round(each, 3) for each in share_interval(0.5, n=100)]
    [0.5, 0.404, 0.596]
    """
    if n < 1 or not 0 <= share <= 1:
        raise ValueError("n must be at least one, and the share a share")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Precision(share, *(float(np.clip(each, 0.0, 1.0)) for each in (middle - half, middle + half)))
