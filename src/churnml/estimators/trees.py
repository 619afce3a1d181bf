"""The boosted parts of a churn model: which there are by table size, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix, Splits

__all__ = ["MAIN_PART", "TreePart", "churn_settings", "fit_trees", "tree_parts"]

MAIN_PART = "trees"
_SMALL_TABLE = 30_000
_MEDIUM_TABLE = 200_000
_FEW_ROWS = 12_000
"""Below this the seed alone moves a ranking visibly: every kind is averaged over three."""


@dataclass(frozen=True, slots=True)
class TreePart:
    """One way to boost trees.

    Parameters
    ----------
    name : str
        ``trees``, ``small_trees`` (strongly regularised) or ``random_trees`` (split points drawn at random).
    changes : mapping
        LightGBM parameters that differ from those chosen by table size.
    n_seeds : int
        Fits that are averaged; all with the number of rounds found by the first.
    """

    name: str
    changes: Mapping[str, Any]
    n_seeds: int


def tree_parts(n_rows: int, n_customers: int, n_features: int) -> list[TreePart]:
    """Return the parts for a table's size: small tables gain from several kinds and seeds, large ones need one.

    Parameters
    ----------
    n_rows, n_customers, n_features : int
        Size of the training table.
    """
    n_effective = min(n_rows, boosting.ROWS_PER_CUSTOMER * n_customers)
    repeated = n_rows / n_effective
    size = "small" if n_effective < _SMALL_TABLE else "medium" if n_effective < _MEDIUM_TABLE else "large"
    fraction = 0.5 if n_features >= 20 else 0.7
    small = {
        "num_leaves": 5,
        "learning_rate": 0.06,
        "min_data_in_leaf": int(np.clip(round(repeated * n_effective**0.5 / 1.5), 15, 500)),
        "lambda_l2": 20.0,
        "feature_fraction": fraction,
    }
    drawn = {"extra_trees": True, "num_leaves": 15, "feature_fraction": fraction}
    n_seeds = 3 if n_effective < _FEW_ROWS else 1
    parts = [TreePart(MAIN_PART, {}, 1 if size == "large" else max(2, n_seeds))]
    if size != "large":
        parts.append(TreePart("small_trees", small, n_seeds))
    if size == "small":
        parts.append(TreePart("random_trees", drawn, n_seeds))
    return parts


def churn_settings(n_rows: int, n_customers: int, n_features: int, *, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM settings of the first part; parameters as :func:`churnml.estimators.boosting.settings_for`."""
    chosen = boosting.settings_for(n_rows, n_customers, n_features, seed=seed, threads=threads)
    return {**chosen, "objective": "binary", "metric": "binary_logloss"}


def fit_trees(
    X: Matrix,
    y: Floats,
    splits: Splits,
    settings: dict[str, Any],
    *,
    n_seeds: int,
    categorical: Sequence[int],
    weight: Floats | None,
    max_rounds: int,
) -> tuple[list[lgb.Booster], boosting.Unseen]:
    """Find the rounds on the splits, then fit all rows with several seeds.

    Returns
    -------
    boosters : list of lightgbm.Booster
    unseen : Unseen
        Raw scores of the checked rows by trees that had not seen them.
    """
    first, unseen = boosting.train(
        X, y, splits, settings, categorical=categorical, sample_weight=weight, max_rounds=max_rounds
    )
    others = [
        boosting.refit(X, y, {**settings, "seed": settings["seed"] + 1000 * k}, unseen.n_rounds, categorical, weight)
        for k in range(1, n_seeds)
    ]
    return [first, *others], unseen
