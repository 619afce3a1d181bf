"""The search for parameters, within the rows that one fold learns from: no tested row is looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.estimators.boosting import Matrix
from churnml.estimators.churn import check_labels
from churnml.estimators.clv import check_values
from churnml.estimators.held_out import churn_splits, value_splits
from churnml.estimators.matrix import FeatureSpec, spec_of, to_matrix
from churnml.estimators.trees import churn_settings
from churnml.estimators.trial_runner import SearchRows
from churnml.estimators.tuning import Found, search
from churnml.estimators.value_parts import capped, part_settings, tree_parts, value_settings
from churnml.evaluation.backtest import HALF_LIFE_DAYS
from churnml.evaluation.folds import Fold, LearningRows, OrderedRows

__all__ = ["search_churn", "search_value"]


def search_churn(
    features: pa.Table,
    y: npt.ArrayLike,
    fold: Fold,
    *,
    n_trials: int,
    seed: int,
    threads: int,
    folder: Path | None = None,
    forbidden: Collection[str] = (),
    monotone: Mapping[str, int] | None = None,
    half_life_days: float | None = HALF_LIFE_DAYS,
) -> Found:
    """Search parameters of the churn model's main trees, on the same held-out rows that the model itself would use.

    Parameters
    ----------
    features, y, fold, seed, forbidden, monotone, half_life_days
        As :func:`churnml.evaluation.backtest.fit_final_churn`.
    n_trials, threads, folder
        As :func:`churnml.estimators.tuning.search`.

    Raises
    ------
    DataError
        If there is too little to learn from.
    """
    learning = OrderedRows.of(features, y).learning(fold, half_life_days=half_life_days)
    check_labels(learning.y)
    held = {"valid": learning.valid, "between": learning.between}
    splits = churn_splits(learning.y, learning.customers, dates=learning.dates, seed=seed, **held)
    X, spec, size = _matrix(learning, forbidden=forbidden)
    settings = churn_settings(*size, seed=seed, threads=1)
    if monotone:
        settings["monotone_constraints"] = [monotone.get(name, 0) for name in spec.names]
    rows = SearchRows(X, learning.y, learning.weight, learning.customers, spec.categorical, splits)
    return search(rows, settings, n_trials=n_trials, seed=seed, threads=threads, folder=folder)


def search_value(
    features: pa.Table,
    y: npt.ArrayLike,
    fold: Fold,
    *,
    n_trials: int,
    seed: int,
    threads: int,
    measure: Literal["amount", "count"] = "amount",
    folder: Path | None = None,
    forbidden: Collection[str] = (),
    half_life_days: float | None = HALF_LIFE_DAYS,
) -> Found:
    """Search parameters of the value model's Tweedie trees; parameters and errors as :func:`search_churn`."""
    learning = OrderedRows.of(features, y).learning(fold, half_life_days=half_life_days)
    check_values(learning.y)
    held = {"valid": learning.valid, "between": learning.between}
    splits = value_splits(learning.y, learning.customers, seed=seed, **held)
    X, spec, size = _matrix(learning, forbidden=forbidden)
    main = tree_parts(measure, n_rows=size[0], has_expected=False)[0]
    settings = {**value_settings(*size, seed=seed, threads=1), **part_settings(main)}
    target, _ = capped(learning.y)
    rows = SearchRows(X, target, learning.weight, learning.customers, spec.categorical, splits)
    return search(rows, settings, n_trials=n_trials, seed=seed, threads=threads, folder=folder)


def _matrix(learning: LearningRows, *, forbidden: Collection[str]) -> tuple[Matrix, FeatureSpec, tuple[int, int, int]]:
    """Return the matrix, its columns, and the size that settings are chosen by."""
    spec = spec_of(learning.table, forbidden=forbidden)
    X = to_matrix(learning.table, spec)
    return X, spec, (len(learning.y), np.unique(learning.customers).size, X.shape[1])
