"""The parts of the value model: boosted trees with several losses, and expected value from buy-till-you-die models.

Every part predicts the logarithm of the expected value in units of the mean positive value; how they are joined is
decided in :mod:`churnml.estimators.value_blend`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix, Splits

__all__ = [
    "BOTH",
    "EXPECTED",
    "MAIN",
    "TWO",
    "TreePart",
    "ValueRows",
    "capped",
    "column_logarithm",
    "final_booster",
    "part_settings",
    "search",
    "splits_by_customer",
    "tree_parts",
    "value_settings",
]

MAIN, TWO, EXPECTED = "tweedie", "two", "expected"
BOTH = ("any", "size")
"""The boosters whose product is the part *two*."""
FEW_PARTS_FROM_ROWS = 200_000
SMALL_TREES_BELOW_ROWS = 100_000
_LEAST = 1e-3
"""A customer from whom nothing is expected is taken for one from whom a thousandth of the mean is."""
_POWER = {"amount": (1.5, 1.2), "count": (1.2, 1.5)}
"""Tweedie variance powers of the first and the second part: 1 would be Poisson, 2 gamma (never zero)."""
_PATIENCE = 2.0
_N_FOLDS = 3
_CAP_QUANTILE = 0.999


@dataclass(frozen=True, slots=True)
class ValueRows:
    """What all parts learn from.

    Parameters
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
    target : ndarray, shape (n_rows,)
        Value >= 0 in units of the mean positive one.
    weight : ndarray, shape (n_rows,), or None
    categorical : sequence of int
        Columns of ``X`` with level numbers.
    expected : ndarray, shape (n_rows,), or None
        Logarithm of the value a buy-till-you-die model expects, in the same units.
    splits : list of (learn, check)
        Row numbers.
    """

    X: Matrix
    target: Floats
    weight: Floats | None
    categorical: Sequence[int]
    expected: Floats | None
    splits: Splits

    def checked(self) -> npt.NDArray[np.int64]:
        """Return the rows that are checked on, in the order of the splits."""
        return np.concatenate([check for _, check in self.splits])


@dataclass(frozen=True, slots=True)
class TreePart:
    """One booster: its loss, and which rows it sees.

    Parameters
    ----------
    name : str
    objective : {"tweedie", "binary", "gamma"}
        ``binary`` learns whether there is any value, ``gamma`` how much there is where there is any.
    settings : mapping
        What differs from :func:`value_settings`.
    is_offset : bool
        Whether the trees correct the expected value instead of starting from a constant.
    """

    name: str
    objective: str
    settings: Mapping[str, Any]
    is_offset: bool = False


def tree_parts(
    measure: str, *, n_rows: int, has_expected: bool, tuned: Mapping[str, Any] | None = None
) -> tuple[TreePart, ...]:
    """Return the boosters of a table's size: one of each kind, and a single one on large tables.

    Large tables leave little noise to average away, and a booster more costs minutes there. Only the first, main one
    takes parameters that a search has found.
    """
    first, second = _POWER[measure]
    main = TreePart(MAIN, "tweedie", {"tweedie_variance_power": first, **(tuned or {})})
    if n_rows >= FEW_PARTS_FROM_ROWS:
        return (main,)
    parts = [
        main,
        TreePart("random", "tweedie", {"tweedie_variance_power": second, "extra_trees": True}),
        TreePart("any", "binary", {}),
        TreePart("size", "gamma", {}),
    ]
    if has_expected:
        parts.append(TreePart("offset", "tweedie", {"tweedie_variance_power": first}, is_offset=True))
    return tuple(parts)


def splits_by_customer(target: Floats, customers: npt.NDArray[Any], *, seed: int) -> Splits:
    """Split by customer: three pairs on small tables, one on large ones; every part is fitted on each."""
    fold = boosting.grouped_folds(target > 0, customers, n_folds=_N_FOLDS, seed=seed)
    n_splits = max(1, min(_N_FOLDS, boosting.ONE_SPLIT_FROM_ROWS // target.size))
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]


def value_settings(n_rows: int, n_customers: int, n_features: int, *, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM settings; totals are noisier than yes or no, so trees stay smaller than those of churn.

    Parameters as :func:`churnml.estimators.boosting.settings_for`.
    """
    settings = boosting.settings_for(n_rows, n_customers, n_features, seed=seed, threads=threads)
    n_effective = min(n_rows, boosting.ROWS_PER_CUSTOMER * n_customers)
    if n_effective >= SMALL_TREES_BELOW_ROWS:
        return settings
    per_leaf = n_rows / n_effective * n_effective**0.5 / 1.5
    return settings | {
        "num_leaves": 5 if n_effective < 10_000 else 8,
        "learning_rate": 0.08 if n_effective < 2_000 else 0.1,
        "min_data_in_leaf": int(np.clip(round(per_leaf), 10, 500)),
        "lambda_l2": 20.0,
        "feature_fraction": 0.8 if n_features < 20 else 0.4 if n_features < boosting.VERY_WIDE else 0.2,
    }


def capped(actual: Floats) -> tuple[Floats, float]:
    """Return what the losses can take, in units, and the unit: the mean positive value.

    Negative totals count as none, and no value is more than the 99.9 % quantile of the positive ones.
    """
    positive = actual[actual > 0]
    unit = float(positive.mean())
    return np.clip(actual, 0.0, np.quantile(positive, _CAP_QUANTILE)) / unit, unit


def column_logarithm(X: Matrix, column: int, *, unit: float) -> Floats:
    """Return the logarithm of an expected value in units; missing and tiny ones count as a thousandth."""
    return np.log(np.maximum(np.nan_to_num(X[:, column].astype(np.float64)) / unit, _LEAST))


def part_settings(part: TreePart) -> dict[str, Any]:
    """Return the LightGBM parameters that are a part's own."""
    metric = {"tweedie": "tweedie", "binary": "binary_logloss", "gamma": "gamma"}[part.objective]
    return {"objective": part.objective, "metric": metric, **part.settings}


def _seen(part: TreePart, rows: ValueRows) -> npt.NDArray[np.int64]:
    return np.flatnonzero(rows.target > 0) if part.objective == "gamma" else np.arange(rows.target.size)


def _dataset(part: TreePart, rows: ValueRows, seen: npt.NDArray[np.int64], settings: dict[str, Any]) -> lgb.Dataset:
    label = (rows.target > 0).astype(np.float64) if part.objective == "binary" else rows.target
    is_all = seen.size == rows.target.size
    start = rows.expected if part.is_offset else None
    return lgb.Dataset(
        rows.X if is_all else rows.X[seen],
        label=label[seen],
        weight=None if rows.weight is None else rows.weight[seen],
        init_score=None if start is None else start[seen],
        categorical_feature=list(rows.categorical),
        params=settings,
    )


def search(part: TreePart, rows: ValueRows, common: Mapping[str, Any], *, max_rounds: int) -> tuple[Floats, int]:
    """Find the number of trees of a part.

    Returns
    -------
    raw : ndarray, shape (n_checked,)
        Raw scores of :meth:`ValueRows.checked` by trees that had not seen them, offset included.
    n_rounds : int
    """
    settings, seen = {**common, **part_settings(part)}, _seen(part, rows)
    place = np.full(rows.target.size, -1, dtype=np.int64)
    place[seen] = np.arange(seen.size)
    folds = [(place[a][place[a] >= 0], place[b][place[b] >= 0]) for a, b in rows.splits]
    found = lgb.cv(
        settings,
        _dataset(part, rows, seen, settings).construct(),
        num_boost_round=max_rounds,
        folds=folds,
        stratified=False,
        callbacks=[lgb.early_stopping(round(_PATIENCE / settings["learning_rate"]), verbose=False)],
        return_cvbooster=True,
    )["cvbooster"]
    searched = cast(lgb.CVBooster, found)
    n_rounds = max(int(searched.best_iteration), boosting.MIN_ROUNDS)
    raw = [
        booster.predict(rows.X[check], raw_score=True, num_iteration=n_rounds, num_threads=settings["num_threads"])
        for booster, (_, check) in zip(searched.boosters, rows.splits, strict=True)
    ]
    score = np.concatenate(raw).astype(np.float64)
    return (score + rows.expected[rows.checked()] if part.is_offset and rows.expected is not None else score), n_rounds


def final_booster(part: TreePart, rows: ValueRows, common: Mapping[str, Any], *, n_rounds: int) -> lgb.Booster:
    """Grow a part's trees on all rows."""
    settings, seen = {**common, **part_settings(part)}, _seen(part, rows)
    return lgb.train(settings, _dataset(part, rows, seen, settings), num_boost_round=n_rounds)
