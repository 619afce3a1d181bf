"""Which rows a model holds out to find its number of trees, its weights and its calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Splits
from churnml.estimators.value_parts import splits_by_customer

__all__ = ["MIN_ROWS_WITH_VALUE", "churn_splits", "has_both_classes", "has_value", "value_splits"]

Mask = npt.NDArray[np.bool_]
MIN_ROWS_WITH_VALUE = 20
_MIN_OF_CLASS = 15
"""A validation set with fewer rows of the rarer class is too small to stop and calibrate on."""


def churn_splits(
    y: Floats,
    customers: npt.NDArray[Any],
    *,
    dates: npt.NDArray[np.int64] | None,
    valid: Mask | None,
    between: Mask | None,
    seed: int,
) -> Splits:
    """Return the pairs (learn, check) of a churn model.

    By time as ``valid`` says; where too little is settled before it, forward in time and by customer; else by customer.

    Parameters
    ----------
    y : ndarray of {0, 1}, shape (n_rows,)
    customers, dates, valid, between : ndarray, shape (n_rows,)
        See :meth:`churnml.estimators.churn.ChurnClassifier.fit`.
    seed : int
    """
    tried: list[Splits] = []
    if valid is not None:
        tried.append(boosting.splits_by_time(valid, between))
        if dates is not None:
            tried.append(boosting.splits_forward(y, customers, valid, dates, seed=seed))
    for splits in tried:
        if splits and all(has_both_classes(y[rows]) for pair in splits for rows in pair):
            return splits
    return boosting.splits_by_customer(y, customers, seed=seed)


def value_splits(
    y: Floats, customers: npt.NDArray[Any], *, valid: Mask | None, between: Mask | None, seed: int
) -> Splits:
    """Return the pairs (learn, check) of a value model: by time where that leaves enough, else by customer.

    Parameters as :func:`churn_splits`.
    """
    splits = None if valid is None else boosting.splits_by_time(valid, between)
    if splits is None or not all(has_value(y[rows]) for rows in splits[0]):
        return splits_by_customer(y, customers, seed=seed)
    return splits


def has_both_classes(y: Floats) -> bool:
    """Return whether there are enough rows of each class to stop and calibrate on."""
    return bool(min(y.sum(), y.size - y.sum()) >= _MIN_OF_CLASS)


def has_value(y: Floats) -> bool:
    """Return whether there are enough rows with a positive value."""
    return bool(np.count_nonzero(y > 0) >= MIN_ROWS_WITH_VALUE)
