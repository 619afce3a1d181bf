"""Pairs of customers ordered rightly, counted in one pass: the compiled part of `survival`."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats

__all__ = ["count_pairs"]

Int64s = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def count_pairs(duration: Floats, rank: Int64s, is_churned: npt.NDArray[np.bool_]) -> tuple[int, int, int]:
    """Count comparable pairs, those with the earlier churner ranked higher, and those with equal ranks.

    Parameters
    ----------
    duration : ndarray, shape (n_customers,)
        Falling; of equal ones those who did not churn come first, since they outlast it.
    rank : ndarray of int64, shape (n_customers,)
        Number of the score, from 0, equal for equal scores.
    is_churned : ndarray of bool, shape (n_customers,)

    Returns
    -------
    n_comparable, n_right, n_tied : int
    """
    n = rank.size
    tree, at_rank = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    comparable, right, tied, later = 0, 0, 0, 0
    start = 0
    while start < n:
        end = start
        while end < n and duration[end] == duration[start] and is_churned[end] == is_churned[start]:
            end += 1
        if is_churned[start]:
            for row in range(start, end):
                node = rank[row]
                while node > 0:
                    right += tree[node]
                    node -= node & -node
                tied += at_rank[rank[row]]
            comparable += later * (end - start)
        for row in range(start, end):
            at_rank[rank[row]] += 1
            node = rank[row] + 1
            while node <= n:
                tree[node] += 1
                node += node & -node
        later += end - start
        start = end
    return comparable, right, tied
