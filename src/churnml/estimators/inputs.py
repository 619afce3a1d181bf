"""What goes into a model, as scikit-learn's contract has it: arrays of the right shape and type, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from churnml.errors import DataError, ModelError
from churnml.estimators.boosting import Floats, Matrix, check_matrix

__all__ = ["labels_to_learn", "matrix_to_learn", "matrix_to_predict", "values_to_learn", "weights_to_learn"]

_MATRIX: dict[str, Any] = {"dtype": np.float32, "ensure_all_finite": "allow-nan", "ensure_min_samples": 0}
"""A matrix of float32 passes as it is, without a copy; missing values are allowed, infinite ones are not."""


def matrix_to_learn(model: BaseEstimator, X: npt.ArrayLike, y: npt.ArrayLike | None) -> Matrix:
    """Return features to be learned from, and note their number in the model as ``n_features_in_``.

    Parameters
    ----------
    model : BaseEstimator
    X : array_like, shape (n_rows, n_features)
    y : array_like, shape (n_rows,)
        Only asked for whether it is there.

    Raises
    ------
    ValueError
        If ``X`` is no matrix of numbers, or infinite somewhere, or there is no ``y``.
    DataError
        If there is one row only.
    """
    matrix: Matrix = validate_data(model, X, **({"y": y} if y is None else {}), **_MATRIX)
    if matrix.shape[0] == 1:
        raise DataError("nothing can be learned from 1 sample", rule="data.no_rows", count=1)
    return matrix


def values_to_learn(X: Matrix, y: npt.ArrayLike) -> Floats:
    """Return outcomes that are numbers, shape (n_rows,).

    Raises
    ------
    ValueError
        If ``y`` has another shape.
    DataError
        If ``X`` and ``y`` differ in length, or an outcome is missing, infinite or no number.
    """
    try:
        truth: Floats = _column(y).astype(np.float64)
    except ValueError:
        raise DataError("outcomes that are no numbers", rule="data.outcome_type", column="y") from None
    check_matrix(X, truth)
    return truth


def labels_to_learn(X: Matrix, y: npt.ArrayLike) -> tuple[npt.NDArray[Any], Floats]:
    """Return the labels there are, ascending, and of each row whether it has the last one; 0 and 1 need not be there.

    Raises
    ------
    ValueError
        If ``y`` has another shape.
    DataError
        If ``X`` and ``y`` differ in length, a label is missing, or there are more than two.
    """
    labels = _column(y)
    check_matrix(X, labels if labels.dtype.kind == "f" else np.zeros(labels.shape))
    kind = type_of_target(labels, input_name="y")
    if kind != "binary":
        raise DataError(
            f"labels other than 0 and 1. Only binary classification is supported; Unknown label type: {kind}",
            rule="data.label",
            count=labels.size,
        )
    classes = np.unique(labels)
    if np.isin(labels, [0, 1]).all():
        return np.array([0, 1], dtype=np.int8), labels.astype(np.float64)
    return classes, (labels == classes[-1]).astype(np.float64)


def weights_to_learn(sample_weight: npt.ArrayLike | None, *, n_rows: int) -> Floats | None:
    """Return the weights of the rows, shape (n_rows,), or None where all count the same.

    Raises
    ------
    DataError
        If there is not one for each row, or one is negative or not finite, or all are zero.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_rows,):
        raise DataError("not one weight a row", rule="data.length", column="sample_weight", count=weight.size)
    n_odd = int(np.count_nonzero(~(np.isfinite(weight) & (weight >= 0))))
    if n_odd:
        raise DataError("weights that are no numbers from 0", rule="data.weight", column="sample_weight", count=n_odd)
    if not weight.any():
        raise DataError("every weight is zero", rule="data.weight", column="sample_weight", count=n_rows)
    return weight


def matrix_to_predict(model: BaseEstimator, X: npt.ArrayLike) -> Matrix:
    """Return the features of rows to predict for.

    Raises
    ------
    NotFittedError
        If the model has not learned yet.
    ModelError
        If the number of features differs from training.
    ValueError
        If ``X`` is no matrix of numbers, or infinite somewhere.
    """
    check_is_fitted(model)
    matrix: Matrix = check_array(X, **_MATRIX)
    if matrix.shape[1] != model.n_features_in_:
        # The words are those that scikit-learn's own estimators use.
        raise ModelError(
            f"X has {matrix.shape[1]} features, but {type(model).__name__} is expecting {model.n_features_in_} "
            "features as input",
            rule="model.features_differ",
        )
    return matrix


def _column(y: npt.ArrayLike) -> npt.NDArray[Any]:
    array = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, ensure_min_samples=0)
    return np.asarray(column_or_1d(array, warn=True))
