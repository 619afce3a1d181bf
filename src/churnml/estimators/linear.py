"""A regularised logistic regression on rank-normal columns: a part of the churn model, plain numbers once fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from churnml.estimators.boosting import Floats, Matrix, Splits
from churnml.estimators.rank_normal import RankNormal

Rows = npt.NDArray[np.int64]

__all__ = ["LogisticPart", "fit_logistic"]

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
MAX_ROWS = 15_000
MAX_ROWS_TO_CHOOSE = 8_000
BATCH_ROWS = 32_768
"""The design is about twice as wide as the matrix: it is made of so many rows at once."""
MIN_OF_CLASS = 500
"""So many rows of each class are kept, as far as there are, however few of all rows are."""


class LogisticPart:
    """Log odds as a sum over columns.

    Parameters
    ----------
    columns : RankNormal
        How the matrix becomes a design.
    coef : ndarray, shape (n_design,)
    intercept : float
    centre : ndarray, shape (n_design,)
        Mean of the design over the training rows: what a contribution is compared with.
    """

    def __init__(self, columns: RankNormal, coef: Floats, intercept: float, centre: Floats) -> None:
        self.columns, self.coef, self.intercept, self.centre = columns, coef, intercept, centre

    def raw_score(self, X: Matrix) -> Floats:
        """Return log odds, shape (n_rows,)."""
        total = np.full(X.shape[0], self.intercept)
        for start in range(0, X.shape[0], BATCH_ROWS):
            design = self.columns.transform(X[start : start + BATCH_ROWS])
            # A plain loop over columns adds up in one order on every machine and for every number of rows.
            for place, weight in enumerate(self.coef.tolist()):
                if weight:
                    total[start : start + BATCH_ROWS] += weight * design[:, place]
        return total

    def contributions(self, X: Matrix) -> Floats:
        """Return what each matrix column adds to the log odds beyond the mean customer, shape (n_rows, n_features).

        For a sum these are the exact Shapley values of independent columns.
        """
        design = self.columns.transform(X)
        found = np.zeros(X.shape)
        for place, source in enumerate(self.columns.source):
            if self.coef[place]:
                found[:, source] += self.coef[place] * (design[:, place] - self.centre[place])
        return found

    def state(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "columns": self.columns.state(),
            "coef": self.coef.tolist(),
            "intercept": self.intercept,
            "centre": self.centre.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`state`."""
        columns = RankNormal.from_state(state["columns"])
        return cls(columns, np.array(state["coef"]), float(state["intercept"]), np.array(state["centre"]))


def fit_logistic(
    X: Matrix, y: Floats, splits: Splits, *, categorical: Sequence[int], weight: Floats, barred: Mapping[int, int]
) -> tuple[LogisticPart, Floats]:
    """Choose the strength of the penalty on the splits, then fit all rows; at most about 15,000, evenly spaced.

    Parameters
    ----------
    X, y : ndarray
        Rows in a fixed order.
    splits : list of (ndarray, ndarray)
        Rows to learn from and to check on.
    categorical : sequence of int
        Columns of level numbers.
    weight : ndarray, shape (n_rows,)
    barred : mapping of int to int
        Matrix columns whose effect may only go up (1) or down (-1); those that would go the other way are left out.

    Returns
    -------
    part : LogisticPart
    unseen : ndarray
        Log odds of the checked rows of all splits, in their order, by models that had not seen them.
    """
    columns = RankNormal(categorical).fit(X)
    checked = np.concatenate([check for _, check in splits])
    with threadpool_limits(limits=1):
        tried = [_by_strength(columns, X, y, weight, learn, check) for learn, check in splits]
        unseen = [np.concatenate(parts) for parts in zip(*tried, strict=True)]
        truth = y[checked]
        best = int(np.argmin([np.mean(np.logaddexp(0.0, z) - truth * z) for z in unseen]))
        sample = _thinned(np.arange(y.size), y, MAX_ROWS)
        design, share = columns.transform(X[sample.rows]), weight[sample.rows] * sample.stands_for
        model = _fitted(design, y[sample.rows], share, STRENGTHS[best])
        against = _against(columns, model.coef_[0], barred)
        if against:
            design[:, against] = 0.0
            model = _fitted(design, y[sample.rows], share, STRENGTHS[best])
    coef = np.asarray(model.coef_[0], dtype=np.float64)
    coef[_against(columns, coef, barred)] = 0.0
    centre = np.array([np.average(design[:, place], weights=sample.stands_for) for place in range(design.shape[1])])
    return LogisticPart(columns, coef, float(model.intercept_[0]), centre), unseen[best]


def _by_strength(columns: RankNormal, X: Matrix, y: Floats, weight: Floats, learn: Rows, check: Rows) -> list[Floats]:
    """Return the log odds of the checked rows by a model of each strength."""
    sample = _thinned(learn, y, MAX_ROWS_TO_CHOOSE)
    design, share = columns.transform(X[sample.rows]), weight[sample.rows] * sample.stands_for
    models = [_fitted(design, y[sample.rows], share, strength) for strength in STRENGTHS]
    parts = [check[start : start + BATCH_ROWS] for start in range(0, check.size, BATCH_ROWS)]
    designs = (columns.transform(X[part]) for part in parts)
    found = [[model.decision_function(part) for model in models] for part in designs]
    return [np.concatenate(scores) for scores in zip(*found, strict=True)]


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows to fit, and how many each stands for."""

    rows: Rows
    stands_for: Floats


def _thinned(rows: Rows, y: Floats, most: int) -> _Sample:
    """Return rows evenly spaced; where that would leave few of a class, more of it that stand for less each."""
    step = -(-rows.size // most)
    kept, stands_for = np.zeros(rows.size, dtype=bool), np.ones(rows.size)
    for outcome in (0.0, 1.0):
        of_class = np.flatnonzero(y[rows] == outcome)
        even = of_class[of_class % step == 0]
        if even.size < min(MIN_OF_CLASS, of_class.size):
            own = max(1, of_class.size // MIN_OF_CLASS)
            even = of_class[::own]
            stands_for[even] = own / step
        kept[even] = True
    return _Sample(rows[kept], stands_for[kept])


def _against(columns: RankNormal, coef: Floats, barred: Mapping[int, int]) -> list[int]:
    return [
        place
        for place, source in enumerate(columns.source)
        if source in barred and (coef[place] * barred[source] < 0 or columns.is_flag[place])
    ]


def _fitted(design: Matrix, y: Floats, share: Floats, strength: float) -> LogisticRegression:
    model = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=50)
    return model.fit(design, y.astype(np.int8), sample_weight=share / share.mean())
