"""The compiled walk: Shapley contributions of a few rows at once to the sum of all trees.

A leaf of value ``v`` below features ``1 ... d``, of which a row meets the conditions (``o = 1``) or not (``o = 0``),
and which a share ``z`` of the learned rows meets, contributes of feature ``i``

    ``v (o_i - z_i) * integral over x in [0, 1] of the product over j != i of (o_j x + z_j (1 - x))``,

since ``|S|! (d - 1 - |S|)! / d!`` is the integral of ``x^|S| (1 - x)^(d - 1 - |S|)``. The integrand is a polynomial of
degree ``d - 1``: Gauss's quadrature on ``d / 2`` points is exact. At each point the product is passed down the tree and
its sum over leaves is passed up, so that a branch costs a few multiplications a point, however many leaves lie below.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from churnml.estimators.shapley_plan import Plan

__all__ = ["ROWS", "explain_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Splits = tuple[Ints, Floats, Ints, Ints, Ints, npt.NDArray[np.uint32]]
Memory = tuple[Floats, Floats, Floats, Floats, Floats, Ints]
Factors = tuple[float, float, float, float, float]

ROWS = 256
"""Rows walked together; each goes through the same sums alone, so the number changes no bit."""
_ZERO = float(np.float32(1e-35))
"""LightGBM takes what is this small for zero."""


@numba.njit(cache=True, nogil=True)
def explain_rows(
    X: npt.NDArray[Any], start: int, stop: int, plan: Plan, splits: Splits, points: tuple[Floats, Floats], out: Floats
) -> None:
    """Write the contributions of the rows ``start`` to ``stop`` of X into the same rows of ``out``."""
    n_features = X.shape[1]
    deepest, most = 1, 1
    for branch in range(len(plan.level)):
        deepest = max(deepest, plan.level[branch])
    for tree in range(len(plan.n_nodes)):
        most = max(most, plan.n_nodes[tree])
    down, up = np.empty((deepest + 1, most, ROWS)), np.empty((deepest + 1, most, ROWS))
    goes, meets = np.empty((deepest + 1, ROWS)), np.empty((deepest + 1, ROWS))
    edges, open_branch = np.empty((deepest + 1, most)), np.empty(deepest + 1, np.int64)
    columns, found = np.zeros((n_features, ROWS)), np.empty((n_features, ROWS))
    for begin in range(start, stop, ROWS):
        n_rows = min(ROWS, stop - begin)
        for row in range(n_rows):
            for column in range(n_features):
                value = X[begin + row, column]
                columns[column, row] = 0.0 if abs(value) <= _ZERO else value
        found[:] = 0.0
        for tree in range(len(plan.root)):
            if plan.root[tree] >= 0:
                _walk(tree, columns, plan, splits, points, (down, up, goes, meets, edges, open_branch), found)
        for row in range(n_rows):
            for column in range(n_features):
                out[begin + row, column] = found[column, row]


@numba.njit(cache=True, nogil=True)
def _walk(
    tree: int, columns: Floats, plan: Plan, splits: Splits, points: tuple[Floats, Floats], memory: Memory, found: Floats
) -> None:
    down, up, goes, meets, edges, open_branch = memory
    n_points = plan.n_nodes[tree]
    down[0, :n_points], up[0, :n_points] = 1.0, 0.0
    _decide(plan.root[tree], columns, splits, goes[0])
    for branch in range(plan.first[tree], plan.first[tree + 1]):
        level, earlier = plan.level[branch], plan.earlier[branch]
        before = plan.level[earlier] if earlier >= 0 else 0
        _meet(goes[level - 1], plan.side[branch], meets[before], before > 0, meets[level])
        for point in range(n_points):
            factors = _factors(branch, plan, points[0][n_points, point], points[1][n_points, point])
            edges[level, point] = factors[3]
            earlier_edge = edges[before, point] if before > 0 else 0.0
            if plan.split[branch] >= 0:
                _go_down(down[level - 1, point], meets[before], meets[level], before > 0, factors, down[level, point])
                up[level, point, :] = 0.0
            else:
                _leaf(
                    down[level - 1, point], meets[before], meets[level], before > 0, factors, earlier_edge,
                    plan.value[branch], up[level - 1, point], found[plan.feature[branch]],
                )  # fmt: skip
        if plan.split[branch] >= 0:
            open_branch[level] = branch
            _decide(plan.split[branch], columns, splits, goes[level])
        else:
            for closed in range(level - 1, level - 1 - plan.closes[branch], -1):
                _close(open_branch[closed], closed, plan, points, n_points, memory, found)


@numba.njit(cache=True, nogil=True, inline="always")
def _factors(branch: int, plan: Plan, x: float, weight: float) -> Factors:
    """Return by what a branch multiplies, and what its sums are weighed with, at one point.

    Of a row that did not take the branch: ``never``, by which the product is multiplied if an earlier branch of the
    feature was not taken either, ``lost`` if it was (then this is the feature's whole factor where there is none);
    ``kept`` of a row that takes it; ``(1 - z) / factor`` and ``-z / factor``, its weights.
    """
    earlier, z, rest = plan.earlier[branch], plan.z[branch], 1.0 - x
    before = x + plan.z[earlier] * rest if earlier >= 0 else 1.0
    lost, kept = z * rest / before, (x + z * rest) / before
    return plan.share[branch], lost, kept, weight * (1.0 - z) / (x + z * rest), -weight / rest


@numba.njit(cache=True, nogil=True, inline="always")
def _go_down(above: Floats, met_before: Floats, met: Floats, is_again: bool, factors: Factors, below: Floats) -> None:
    never, lost, kept, _, _ = factors
    gain, loss = kept - lost, lost - never
    if is_again:
        for row in range(ROWS):
            below[row] = above[row] * (never + met_before[row] * loss + met[row] * gain)
    else:
        for row in range(ROWS):
            below[row] = above[row] * (lost + met[row] * gain)


@numba.njit(cache=True, nogil=True, inline="always")
def _leaf(
    above: Floats,
    met_before: Floats,
    met: Floats,
    is_again: bool,
    factors: Factors,
    earlier_edge: float,
    value: float,
    summed: Floats,
    total: Floats,
) -> None:
    never, lost, kept, once, none = factors
    gain, loss, step, turned = kept - lost, lost - never, once - none, none - earlier_edge
    if is_again:
        for row in range(ROWS):
            passed = value * (above[row] * (never + met_before[row] * loss + met[row] * gain))
            summed[row] += passed
            total[row] += passed * (met_before[row] * turned + met[row] * step)
    else:
        for row in range(ROWS):
            passed = value * (above[row] * (lost + met[row] * gain))
            summed[row] += passed
            total[row] += passed * (none + met[row] * step)


@numba.njit(cache=True, nogil=True)
def _close(
    branch: int, level: int, plan: Plan, points: tuple[Floats, Floats], n_points: int, memory: Memory, found: Floats
) -> None:
    """Add what a branch contributes, and hand what lies below it to the branch above."""
    _, up, _, meets, edges, _ = memory
    total, met, earlier = found[plan.feature[branch]], meets[level], plan.earlier[branch]
    before = plan.level[earlier] if earlier >= 0 else 0
    for point in range(n_points):
        none, once = -points[1][n_points, point] / (1.0 - points[0][n_points, point]), edges[level, point]
        summed, above, step = up[level, point], up[level - 1, point], once - none
        if before == 0:
            for row in range(ROWS):
                above[row] += summed[row]
                total[row] += summed[row] * (none + met[row] * step)
        else:
            met_before, turned = meets[before], none - edges[before, point]
            for row in range(ROWS):
                above[row] += summed[row]
                total[row] += summed[row] * (met_before[row] * turned + met[row] * step)


@numba.njit(cache=True, nogil=True)
def _meet(goes_left: Floats, side: int, met_before: Floats, is_again: bool, met: Floats) -> None:
    """Say which rows take a branch, and took all earlier ones of the same feature (1 or 0)."""
    base, sign = (0.0, 1.0) if side == 1 else (1.0, -1.0)
    if is_again:
        for row in range(ROWS):
            met[row] = met_before[row] * (base + sign * goes_left[row])
    else:
        for row in range(ROWS):
            met[row] = base + sign * goes_left[row]


@numba.njit(cache=True, nogil=True)
def _decide(split: int, columns: Floats, splits: Splits, goes_left: Floats) -> None:
    """Say which rows go left (1 or 0), as LightGBM does."""
    feature, threshold, nan_left, zero_left, first_word, words = splits
    column, limit, of_nan, of_zero = columns[feature[split]], threshold[split], nan_left[split], zero_left[split]
    first, last = first_word[split], first_word[split + 1]
    if last > first:
        beyond = 32.0 * (last - first)
        for row in range(ROWS):
            # Cut towards zero, as LightGBM does: what lies between -1 and 0 is level 0.
            is_level = (column[row] > -1.0) & (column[row] < beyond)
            level = np.uint32(column[row] if is_level else 0.0)
            bit = (words[first + (level >> np.uint32(5))] >> (level & np.uint32(31))) & np.uint32(1)
            goes_left[row] = bit if is_level else 0.0
    elif of_zero < 0:
        for row in range(ROWS):
            value = column[row]
            goes_left[row] = 1.0 if (value <= limit) | ((value != value) & (of_nan == 1)) else 0.0
    else:
        for row in range(ROWS):
            value = column[row]
            is_none = (value != value) | (value == 0.0)
            goes_left[row] = of_zero if is_none else (1 if value <= limit else 0)
