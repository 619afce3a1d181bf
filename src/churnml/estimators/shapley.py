"""Exact Shapley contributions of every feature to a booster's raw score, many times faster than LightGBM's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.estimators.shapley_kernel import ROWS, explain_rows
from churnml.estimators.shapley_plan import Plan, plan_of
from churnml.estimators.tree_text import Trees, trees_of

__all__ = ["TreeExplainer"]

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TreeExplainer:
    """A booster made ready to be explained: path-dependent TreeSHAP, the values of LightGBM's ``pred_contrib``.

    Parameters
    ----------
    trees : Trees
    plan : Plan
    points : tuple of ndarray
        Points and weights of the quadrature in [0, 1], by number of points.

    References
    ----------
    .. [1] Lundberg et al. (2020). From local explanations to global understanding with explainable AI for trees.
       Nature Machine Intelligence 2.
    .. [2] Yu et al. (2022). Linear TreeShap. NeurIPS.
    """

    trees: Trees
    plan: Plan
    points: tuple[Floats, Floats]

    @classmethod
    def of(cls, booster: lgb.Booster) -> TreeExplainer:
        """Make a finished booster ready, once.

        Raises
        ------
        ModelError
            If its trees are not of the kind that is explained here.
        """
        if booster not in _READY:
            trees = trees_of(booster)
            plan = plan_of(trees)
            _READY[booster] = cls(trees, plan, _quadratures(int(plan.n_nodes.max(initial=1))))
        return _READY[booster]

    def __call__(self, X: Matrix, *, threads: int = 1) -> Floats:
        """Return what every column adds to the raw score, shape (n_rows, n_features), without the constant part.

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_features)
            As given to the booster; NaN = missing.
        threads : int
            The result is the same for any number, and however rows are batched.
        """
        trees = self.trees
        splits = (trees.feature, trees.threshold, trees.nan_left, trees.zero_left, trees.first_word, trees.words)
        out = np.empty((X.shape[0], trees.n_features))
        size = max(ROWS, -(-X.shape[0] // (4 * threads * ROWS)) * ROWS)
        starts = range(0, X.shape[0], size)

        def explain(start: int) -> None:
            explain_rows(X, start, min(start + size, X.shape[0]), self.plan, splits, self.points, out)

        if threads == 1 or len(starts) < 2:
            for start in starts:
                explain(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(explain, starts))
        return out


_READY: WeakKeyDictionary[lgb.Booster, TreeExplainer] = WeakKeyDictionary()


def _quadratures(most: int) -> tuple[Floats, Floats]:
    points, weights = np.zeros((most + 1, most)), np.zeros((most + 1, most))
    for n in range(1, most + 1):
        at, weight = np.polynomial.legendre.leggauss(n)
        points[n, :n], weights[n, :n] = (at + 1.0) / 2.0, weight / 2.0
    return points, weights
