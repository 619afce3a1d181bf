"""How much each feature raises or lowers a customer's risk: exact Shapley contributions, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from churnml.errors import ModelError
from churnml.estimators.shapley import TreeExplainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import lightgbm as lgb

__all__ = ["contributions", "contributions_in_batches", "spread_rows"]

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[Any]


def contributions(
    booster: lgb.Booster, X: Matrix, *, names: Sequence[str], batch_rows: int = 16_384, threads: int = 1
) -> Floats:
    """Return the contribution of every feature to every prediction, in the model's raw score (log-odds for churn).

    They are the values of LightGBM's ``pred_contrib``, computed by :mod:`churnml.estimators.shapley`.

    Parameters
    ----------
    booster : lightgbm.Booster
    X : ndarray, shape (n_rows, n_features)
        The matrix that is given to the booster for its predictions; NaN = missing.
    names : sequence of str
        Features of the columns of X, in order.
    batch_rows : int, optional
        Rows explained at once; it bounds memory and changes nothing else.
    threads : int, optional
        The result is the same for any number.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_features)
        With the model's constant part added, each row sums to the raw score.

    Raises
    ------
    ModelError
        If the columns are not the model's features.
    """
    batches = contributions_in_batches(booster, X, names=names, batch_rows=batch_rows, threads=threads)
    parts = [part for _, part in batches]
    return np.concatenate(parts) if parts else np.empty((0, len(names)))


def contributions_in_batches(
    booster: lgb.Booster,
    X: Matrix,
    *,
    names: Sequence[str],
    batch_rows: int = 16_384,
    threads: int = 1,
    besides: Callable[[Matrix], Floats | None] | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """Yield the rows of X in slices with their contributions; parameters as in :func:`contributions`.

    ``besides`` returns what each column adds beside the trees, of the same shape as the rows it is given.
    """
    _check(booster, X, names)
    explained = TreeExplainer.of(booster)
    for start in range(0, len(X), batch_rows):
        rows = slice(start, min(start + batch_rows, len(X)))
        found = explained(X[rows], threads=threads)
        more = besides(X[rows]) if besides else None
        yield rows, found if more is None else found + more


def spread_rows(n_rows: int, *, n_wanted: int) -> npt.NDArray[np.int64]:
    """Return at most so many row numbers, evenly spread."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, n_wanted)).astype(np.int64))


def _check(booster: lgb.Booster, X: Matrix, names: Sequence[str]) -> None:
    model_names = booster.feature_name()
    # A booster trained on a bare matrix names its columns itself; then only their number can be compared.
    is_unnamed = all(name == f"Column_{place}" for place, name in enumerate(model_names))
    # LightGBM writes blanks in names as underscores.
    is_other = not is_unnamed and [name.replace(" ", "_") for name in names] != list(model_names)
    if X.ndim != 2 or X.shape[1] != len(names) or len(names) != booster.num_feature() or is_other:
        raise ModelError(
            "the matrix does not have the model's features in their order",
            rule="model.features",
            count=abs(booster.num_feature() - len(names)) or None,
            next_step="Build the matrix from the model's own feature list.",
        )
