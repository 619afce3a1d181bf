"""How far a figure may be from the truth: Wilson and Newcombe for shares of customers, resampled customers else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

__all__ = ["NOTHING", "Grouped", "Range", "change_of_shares", "quantile_range", "resampled_sums", "share_range"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_CHUNK = 4096


class Range(NamedTuple):
    """The ends of an interval; NaN where there is none."""

    low: float
    high: float


NOTHING = Range(np.nan, np.nan)


def share_range(count: int, n: int, *, confidence: float) -> Range:
    """Return the Wilson interval of a share of customers, each counted once.

    References
    ----------
    .. [1] Wilson (1927). Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.

    Examples
    --------
    >>> low, high = share_range(10, 100, confidence=0.95)
    >>> round(low, 4), round(high, 4)
    (0.0552, 0.1744)
    """
    if n <= 0:
        return NOTHING
    low, high = proportion_confint(count, n, alpha=1 - confidence, method="wilson")
    return Range(float(low), float(high))


def change_of_shares(count: int, n: int, count_before: int, n_before: int, *, confidence: float) -> Range:
    """Return Newcombe's interval of the difference of two shares, now less before.

    The two sets of customers are taken as independent; where the same customers are in both, it is a little wide.

    References
    ----------
    .. [1] Newcombe (1998). Interval estimation for the difference between independent proportions. Statistics in
       Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> low, high = change_of_shares(56, 70, 48, 80, confidence=0.95)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    if n <= 0 or n_before <= 0:
        return NOTHING
    low, high = confint_proportions_2indep(
        count, n, count_before, n_before, method="newcomb", compare="diff", alpha=1 - confidence
    )
    return Range(float(low), float(high))


class Grouped(NamedTuple):
    """Columns to be summed by group.

    Parameters
    ----------
    columns : ndarray of float64, shape (n_customers, n_columns)
        Whole numbers below 2**53 in all, so that sums are the same whatever the order.
    codes : ndarray of int64, shape (n_customers,)
        Group of each customer, -1 = in none.
    n_groups : int
    """

    columns: Floats
    codes: Ints
    n_groups: int


def resampled_sums(tables: Sequence[Grouped], *, n_repetitions: int, seed: int) -> list[Floats]:
    """Return the sums of columns by group when customers are drawn anew: each counts Poisson(1) times.

    Parameters
    ----------
    tables : sequence of Grouped
        All of the same customers, in the same order: each customer is drawn alike in all of them.
    n_repetitions, seed : int
        The same seed draws the same customers, whatever the groups.

    Returns
    -------
    list of ndarray of float64, shape (n_repetitions, n_groups, n_columns)

    References
    ----------
    .. [1] Hanley, MacGibbon (2006). Creating non-parametric bootstrap samples using Poisson frequencies. Computer
       Methods and Programs in Biomedicine 83, 57-62.
    """
    rng = np.random.default_rng(seed)
    sums = [np.zeros((n_repetitions, t.n_groups, t.columns.shape[1])) for t in tables]
    for first in range(0, len(tables[0].codes) if tables else 0, _CHUNK):
        rows = slice(first, first + _CHUNK)
        times = rng.poisson(1.0, (len(tables[0].codes[rows]), n_repetitions)).astype(np.float64)
        for total, table in zip(sums, tables, strict=True):
            part, group = table.columns[rows], table.codes[rows]
            for g in np.unique(group[group >= 0]).tolist():
                chosen = group == g
                total[:, g] += times[chosen].T @ part[chosen]
    return sums


def quantile_range(values: Floats, *, confidence: float) -> Range:
    """Return the percentile interval of resampled figures; none where more than half could not be computed."""
    finite = values[np.isfinite(values)]
    if 2 * len(finite) < len(values) or not len(finite):
        return NOTHING
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Range(float(low), float(high))
