"""What the walk over trees does, in order: one step for each branch, with everything that does not depend on a row."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from churnml.estimators.tree_text import Trees

__all__ = ["Plan", "plan_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """Branches of all trees in the order in which a walk from the root meets them.

    A branch leads from a split to one of its children. ``z`` is the share of the learned rows that take it; of a
    feature asked again on the same path, the product of its shares.

    Parameters
    ----------
    first : ndarray of int64, shape (n_trees + 1,)
        Where a tree's branches begin.
    root : ndarray of int64, shape (n_trees,)
        First split of the tree; -1 = a single leaf.
    n_nodes : ndarray of int64, shape (n_trees,)
        Points of the quadrature that is exact for the tree.
    level : ndarray of int64, shape (n_branches,)
        1 = from the root.
    side : ndarray of int64
        1 = the left child.
    feature : ndarray of int64
    split : ndarray of int64
        Split the branch leads to; -1 = a leaf.
    closes : ndarray of int64
        How many branches above a leaf the walk leaves after it.
    earlier : ndarray of int64
        Branch above on the same path that asks the same feature; -1 = none.
    z, share : ndarray of float64
        Share of the rows: of the feature on the path so far, and of this branch alone.
    value : ndarray of float64
        Of the leaf.
    """

    first: Ints
    root: Ints
    n_nodes: Ints
    level: Ints
    side: Ints
    feature: Ints
    split: Ints
    closes: Ints
    earlier: Ints
    z: Floats
    share: Floats
    value: Floats


def plan_of(trees: Trees) -> Plan:
    """Return the walk over all trees."""
    n_trees, n_branches = len(trees.first_leaf) - 1, 2 * len(trees.feature)
    ints, floats = np.zeros((6, n_branches), np.int64), np.zeros((3, n_branches))
    per_tree = np.zeros(n_trees + 1, np.int64), np.full(n_trees, -1, np.int64), np.ones(n_trees, np.int64)
    plan = Plan(*per_tree, *ints, *floats)
    longest = int(np.diff(trees.first_split).max(initial=0)) + 2
    _fill(
        plan,
        (trees.first_split, trees.first_leaf, trees.feature, trees.left, trees.right),
        (trees.n_split, trees.n_leaf, trees.value),
        longest,
    )
    return plan


@numba.njit(cache=True, nogil=True)
def _fill(
    plan: Plan, shape: tuple[Ints, Ints, Ints, Ints, Ints], rows: tuple[Floats, Floats, Floats], longest: int
) -> None:
    """Walk every tree from its root, the left child first, and write down each branch."""
    first_split, first_leaf, feature, left, right = shape
    n_split, n_leaf, value = rows
    waiting_split, waiting_side = np.empty(2 * longest, np.int64), np.empty(2 * longest, np.int64)
    waiting_level, path = np.empty(2 * longest, np.int64), np.empty(longest + 1, np.int64)
    at = 0
    for tree in range(len(first_leaf) - 1):
        splits, leaves = first_split[tree], first_leaf[tree]
        plan.first[tree] = at
        if first_split[tree + 1] == splits:
            continue
        plan.root[tree] = splits
        most, n_waiting = 1, 2
        for place in range(2):
            waiting_split[place], waiting_side[place], waiting_level[place] = splits, place, 1
        while n_waiting:
            n_waiting -= 1
            parent, side, level = waiting_split[n_waiting], waiting_side[n_waiting], waiting_level[n_waiting]
            child = left[parent] if side == 1 else right[parent]
            is_leaf = child < 0
            n_rows = n_leaf[leaves - child - 1] if is_leaf else n_split[splits + child]
            share = n_rows / n_split[parent] if n_split[parent] > 0 else 0.0
            earlier, n_asked = -1, level
            for above in range(1, level):
                if plan.feature[path[above]] == feature[parent]:
                    earlier = path[above]
                n_asked -= plan.earlier[path[above]] >= 0
            plan.level[at], plan.side[at], plan.feature[at], plan.earlier[at] = level, side, feature[parent], earlier
            plan.share[at], plan.z[at] = share, share * (plan.z[earlier] if earlier >= 0 else 1.0)
            most = max(most, n_asked - (earlier >= 0))
            path[level] = at
            if is_leaf:
                plan.split[at], plan.value[at] = -1, value[leaves - child - 1]
                plan.closes[at] = level - (waiting_level[n_waiting - 1] if n_waiting else 1)
            else:
                plan.split[at] = splits + child
                for place in range(2):
                    waiting_split[n_waiting], waiting_side[n_waiting] = splits + child, place
                    waiting_level[n_waiting] = level + 1
                    n_waiting += 1
            at += 1
        plan.n_nodes[tree] = (most + 1) // 2
    plan.first[len(first_leaf) - 1] = at
