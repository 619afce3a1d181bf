"""Two-by-two tests over many groups at once, with the share of false findings held down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests

__all__ = ["Compared", "Standardised", "compare", "compare_within", "false_discovery"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Compared:
    """A group beside everybody else: how many were hit, out of how many, on both sides, and the p-value."""

    count: int
    n: int
    count_rest: int
    n_rest: int
    p_value: float


def compare(
    inside: Bools, hit: Bools, among: Bools, *, alternative: Literal["two-sided", "greater", "less"]
) -> Compared:
    """Return how often something happened in a group and among the others, with Fisher's exact test.

    Parameters
    ----------
    inside, hit, among : ndarray of bool, shape (n_customers,)
        Who is in the group, to whom it happened, and who is looked at.
    alternative : {"two-sided", "greater", "less"}

    Examples
    --------
    >>> inside = np.repeat([True, False], [10, 30])
    >>> hit = np.tile([True, False], 20)
    >>> found = compare(inside, hit, np.ones(40, bool), alternative="two-sided")
    >>> found.count, found.n, found.count_rest, found.n_rest, found.p_value
    (5, 10, 15, 30, 1.0)
    """
    n, n_rest = int((inside & among).sum()), int((~inside & among).sum())
    count, count_rest = int((inside & among & hit).sum()), int((~inside & among & hit).sum())
    if not n or not n_rest:
        return Compared(count, n, count_rest, n_rest, 1.0)
    table = [[count, n - count], [count_rest, n_rest - count_rest]]
    p_value = min(1.0, float(fisher_exact(table, alternative=alternative).pvalue))
    return Compared(count, n, count_rest, n_rest, p_value)


@dataclass(frozen=True, slots=True)
class Standardised:
    """A group beside the others of the same kind: counts, what was to be expected, p-value."""

    count: int
    n: int
    count_rest: int
    n_rest: int
    expected: float
    p_value: float


def compare_within(inside: Bools, hit: Bools, among: Bools, kind: Ints) -> Standardised:
    """Return how often something happened in a group, and how often it would have by the others of the same kind.

    Parameters
    ----------
    inside, hit, among : ndarray of bool, shape (n_customers,)
        Who is in the group, to whom it happened, and who is looked at.
    kind : ndarray of int64, shape (n_customers,)
        Only customers of one kind are compared with each other.

    Notes
    -----
    ``expected`` is the indirectly standardised number: the rates of the others, kind by kind, for as many customers as
    the group has of each; a kind without others expects what the group had. The test is that of Cochran, Mantel and
    Haenszel with continuity correction.

    References
    ----------
    .. [1] Mantel, Haenszel (1959). Statistical aspects of the analysis of data from retrospective studies of disease.
       JNCI 22, 719-748.
    """
    kinds, place = np.unique(kind[among], return_inverse=True)
    cell = 4 * place + 2 * ~inside[among] + ~hit[among]
    # Of each kind: hit and not, in the group and among the others.
    tables = np.bincount(cell, minlength=4 * len(kinds)).reshape(-1, 2, 2).astype(np.float64)
    n, n_rest = tables[:, 0].sum(axis=1), tables[:, 1].sum(axis=1)
    alike = np.where(n_rest > 0, n * tables[:, 1, 0] / np.maximum(n_rest, 1), tables[:, 0, 0])
    (count, no), (count_rest, no_rest) = tables.sum(axis=0).astype(np.int64).tolist()
    told = [t for t in tables if t.sum(axis=0).min() > 0 and t.sum(axis=1).min() > 0]
    return Standardised(count, count + no, count_rest, count_rest + no_rest, float(alike.sum()), _haenszel(told))


def _haenszel(tables: Sequence[Floats]) -> float:
    """Return the p-value of no relation within any kind; 1 where nothing varies."""
    if not tables:
        return 1.0
    p_value = float(StratifiedTable(tables).test_null_odds(correction=True).pvalue)
    return p_value if np.isfinite(p_value) else 1.0


def false_discovery(p_values: Sequence[float]) -> Floats:
    """Return the share of false findings one accepts by calling each a finding, by Benjamini and Hochberg.

    References
    ----------
    .. [1] Benjamini, Hochberg (1995). Controlling the false discovery rate. JRSS B 57, 289-300.

    Examples
    --------
    >>> false_discovery([0.01, 0.5, 0.02]).round(3).tolist()
    [0.03, 0.5, 0.03]
    """
    if not len(p_values):
        return np.empty(0)
    adjusted: Floats = multipletests(np.asarray(p_values), method="fdr_bh")[1]
    return adjusted
