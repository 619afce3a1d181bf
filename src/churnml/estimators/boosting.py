"""What the churn and the value model share: LightGBM settings by table size, number of rounds, the final fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.errors import DataError

__all__ = [
    "MAIN",
    "Floats",
    "Matrix",
    "Splits",
    "Unseen",
    "booster_text",
    "check_matrix",
    "grouped_folds",
    "refit",
    "searched",
    "settings_for",
    "splits_by_customer",
    "splits_by_time",
    "splits_forward",
    "train",
]

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Splits = list[tuple[Rows, Rows]]
"""Pairs of row numbers (learn, check), ascending: one pair by time, or several by customer."""

MAIN = "main"
"""Name of the booster that every model has."""

ROWS_PER_CUSTOMER = 3
"""Repeated snapshots of one customer tell less than new customers: at most this many count for the model's size."""
ONE_SPLIT_FROM_ROWS = 40_000
N_FOLDS = 5
MIN_ROUNDS = 5
WIDE = 64
VERY_WIDE = 200
_PATIENCE = 2.0
"""Stop when trees with this sum of learning rates brought nothing: 40 trees at 0.05."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Raw scores of rows by trees that had not seen them, and the number of rounds found on the way."""

    rows: Rows
    raw_score: Floats
    n_rounds: int

    def on(self, chosen: npt.NDArray[np.bool_] | None, *, if_enough: Callable[[Rows], bool]) -> Unseen:
        """Return the part on chosen rows, the newest ones, if that is enough for a level; else all."""
        if chosen is None:
            return self
        inside = chosen[self.rows]
        return (
            Unseen(self.rows[inside], self.raw_score[inside], self.n_rounds) if if_enough(self.rows[inside]) else self
        )


def settings_for(n_rows: int, n_customers: int, n_features: int, *, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM settings for a table's size: small tables get small, strongly regularised trees.

    Parameters
    ----------
    n_rows, n_customers, n_features : int
        Size of the training table.
    seed, threads : int
        Seed of the column and row draws; number of threads (does not change the result).
    """
    n_effective = min(n_rows, ROWS_PER_CUSTOMER * n_customers)
    repeated = n_rows / n_effective
    return {
        "learning_rate": 0.03 if n_effective < 2_000 else 0.05 if n_effective < 10_000 else 0.08,
        "num_leaves": int(np.clip(round(0.65 * n_effective ** (1 / 3)), 4, 63)),
        "min_data_in_leaf": int(np.clip(round(repeated * n_effective**0.5 / 3), 10, 500)),
        "lambda_l2": 10.0 if n_effective < 2_000 else 4.0,
        "feature_fraction": 0.8 if n_features < 20 else 0.5 if n_features < VERY_WIDE else 0.3,
        "bagging_fraction": 0.8 if n_rows < 20_000 else 0.5,
        "bagging_freq": 1,
        "max_bin": 127 if n_rows < 20_000 else 63,
        "bin_construct_sample_cnt": 10_000,
        "cat_smooth": 100.0,
        "cat_l2": 50.0,
        "deterministic": True,
        # Both are exact and deterministic; on wide tables the first is about twice as fast.
        "force_col_wise": n_features >= WIDE,
        "force_row_wise": n_features < WIDE,
        "seed": seed,
        "num_threads": threads,
        "verbosity": -1,
    }


def check_matrix(X: Matrix, y: Floats) -> None:
    """Refuse what LightGBM would train on without a word.

    Raises
    ------
    DataError
        If there are no rows, lengths differ, or an outcome is not finite.
    """
    if X.ndim != 2 or X.shape[0] == 0 or X.shape[1] == 0:
        raise DataError("no rows or no features to learn from", rule="data.no_rows", count=X.size)
    if y.shape != (X.shape[0],):
        raise DataError("features and outcomes differ in length", rule="data.length", count=abs(len(y) - X.shape[0]))
    n_bad = int(np.count_nonzero(~np.isfinite(y)))
    if n_bad:
        raise DataError("outcomes that are not finite numbers", rule="data.outcome_not_finite", count=n_bad)


def grouped_folds(y: npt.NDArray[Any], groups: npt.NDArray[Any], *, n_folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Deal customers into folds so that all rows of one are together and each fold has its share of outcomes.

    Parameters
    ----------
    y : ndarray, shape (n_rows,)
        Outcomes; customers are dealt out in the order of their mean outcome.
    groups : ndarray, shape (n_rows,)
        Customer of each row.
    n_folds, seed : int
        Number of folds; seed of the order among equals.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
        Fold of each row, 0 to n_folds - 1. Does not depend on the order of the rows.
    """
    _, code = np.unique(groups, return_inverse=True)
    mean = np.bincount(code, weights=y) / np.bincount(code)
    order = np.lexsort((np.random.default_rng(seed).random(mean.size), mean))
    fold = np.empty(mean.size, dtype=np.int64)
    fold[order] = np.arange(mean.size) % n_folds
    return fold[code]


def splits_by_customer(y: npt.NDArray[Any], groups: npt.NDArray[Any], *, seed: int) -> Splits:
    """Split by customer: five pairs on small tables, one on large ones."""
    fold = grouped_folds(y, groups, n_folds=N_FOLDS, seed=seed)
    n_splits = max(1, min(N_FOLDS, ONE_SPLIT_FROM_ROWS // y.size))
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]


def splits_forward(
    y: npt.NDArray[Any],
    groups: npt.NDArray[Any],
    valid: npt.NDArray[np.bool_],
    dates: npt.NDArray[np.int64],
    *,
    seed: int,
) -> Splits:
    """Split by customer and forward in time, for histories too short for outcomes that do not overlap.

    Learned are the other customers at the older half of the dates, checked the customers of a fold at the newest date:
    what drifts with time (tenure, counts since the beginning) then counts against a part as it will later. That
    outcomes of different customers overlap in time tells nothing of any one of them.

    Parameters
    ----------
    y, groups : ndarray, shape (n_rows,)
        Outcomes; customer of each row.
    valid : ndarray of bool, shape (n_rows,)
        Rows of the newest date.
    dates : ndarray of int64, shape (n_rows,)
        Observation dates.
    seed : int

    Returns
    -------
    list of (ndarray, ndarray)
        Empty where all rows are of one date.
    """
    newest, oldest = int(dates[valid].min()), int(dates.min())
    early = dates <= newest - (newest - oldest) // 2
    if oldest == newest:
        return []
    fold = grouped_folds(y, groups, n_folds=N_FOLDS, seed=seed)
    return [(np.flatnonzero(early & (fold != k)), np.flatnonzero(valid & (fold == k))) for k in range(N_FOLDS)]


def splits_by_time(valid: npt.NDArray[np.bool_], between: npt.NDArray[np.bool_] | None) -> Splits:
    """Split as told: learn on the rows before, check on ``valid``; rows ``between`` wait for the final fit."""
    held = valid if between is None else valid | between
    return [(np.flatnonzero(~held), np.flatnonzero(valid))]


def searched(
    whole: lgb.Dataset,
    X: Matrix,
    splits: Splits,
    settings: dict[str, Any],
    *,
    max_rounds: int,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> tuple[Floats, int]:
    """Find the number of rounds on the splits.

    Returns
    -------
    raw_score : ndarray, shape (n_checked,)
        Of the checked rows, in the order of the splits, by trees that had not seen them.
    n_rounds : int
    """
    stop = lgb.early_stopping(round(_PATIENCE / settings["learning_rate"]), verbose=False)
    found = lgb.cv(
        settings,
        whole,
        num_boost_round=max_rounds,
        folds=splits,
        stratified=False,
        callbacks=[*callbacks, stop],
        return_cvbooster=True,
    )["cvbooster"]
    models = cast(lgb.CVBooster, found)
    n_rounds = max(int(models.best_iteration), MIN_ROUNDS)
    # The number of threads is one for the whole process: a prediction without it would change that of other fits.
    n_threads = settings["num_threads"]
    raw = [
        booster.predict(X[check], raw_score=True, num_iteration=n_rounds, num_threads=n_threads)
        for booster, (_, check) in zip(models.boosters, splits, strict=True)
    ]
    return np.concatenate(raw), n_rounds


def train(
    X: Matrix,
    target: Floats,
    splits: Splits,
    settings: dict[str, Any],
    *,
    categorical: Sequence[int],
    sample_weight: Floats | None,
    max_rounds: int,
) -> tuple[lgb.Booster, Unseen]:
    """Find the number of rounds on the splits, then fit all rows with it.

    Rows must come in a fixed order: LightGBM's result depends on it. Bins are made from all rows at once, which
    uses features only, never an outcome.
    """
    whole = lgb.Dataset(
        X, label=target, weight=sample_weight, categorical_feature=list(categorical), params=settings
    ).construct()
    raw, n_rounds = searched(whole, X, splits, settings, max_rounds=max_rounds)
    unseen = Unseen(np.concatenate([check for _, check in splits]), raw, n_rounds)
    return lgb.train(settings, whole, num_boost_round=n_rounds), unseen


def refit(
    X: Matrix,
    target: Floats,
    settings: dict[str, Any],
    n_rounds: int,
    categorical: Sequence[int],
    sample_weight: Floats | None,
) -> lgb.Booster:
    """Fit all rows with a number of rounds that is known."""
    whole = lgb.Dataset(X, label=target, weight=sample_weight, categorical_feature=list(categorical), params=settings)
    return lgb.train(settings, whole, num_boost_round=n_rounds)


def booster_text(booster: lgb.Booster) -> str:
    """Return a booster's native text without what depends on the machine: the number of threads."""
    lines = booster.model_to_string(num_iteration=-1).split("\n")
    return "\n".join("[num_threads: 0]" if line.startswith("[num_threads:") else line for line in lines)
