"""Logistic regression on rank-normal columns: the strongest of the simple models on small tables."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from churnml.estimators.boosting import grouped_folds
from churnml.estimators.matrix import FeatureSpec, to_matrix

__all__ = ["LogisticBaseline", "RankNormal"]

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

N_KNOTS = 100
MAX_ONE_HOT_LEVELS = 20
STRENGTHS = (0.003, 0.03, 0.3)
MAX_ROWS = 15_000
MAX_ROWS_TO_CHOOSE = 8_000


class RankNormal:
    """Columns replaced by the normal score of their rank, missing by 0 with a flag, small categories by one-hot.

    Ranks take away the scale and the tail of money and counts; a tied value, such as many zeros, gets the score of
    its middle rank.

    Parameters
    ----------
    categorical : list of int
        Matrix columns that hold level numbers.
    n_levels : list of int
        Number of levels of each of them; columns with more than 20 keep the 20 most frequent.
    """

    def __init__(self, categorical: list[int], n_levels: list[int]) -> None:
        self.levels = {place: min(n, MAX_ONE_HOT_LEVELS) for place, n in zip(categorical, n_levels, strict=True)}

    def fit(self, X: Matrix) -> Self:
        """Learn the knots of each numeric column, and which columns have missing values."""
        self.knots_ = {j: _knots(X[:, j]) for j in range(X.shape[1]) if j not in self.levels}
        self.flagged_ = [j for j in self.knots_ if np.isnan(X[:, j]).any()]
        return self

    def transform(self, X: Matrix) -> Matrix:
        """Return the design matrix, shape (n_rows, n_design)."""
        ranks = (np.nan_to_num(np.interp(X[:, j], *knots)) for j, knots in self.knots_.items())
        flags = (np.isnan(X[:, j]) for j in self.flagged_)
        hot = (X[:, j] == level for j, n in self.levels.items() for level in range(n))
        return np.column_stack([column.astype(np.float32) for column in (*ranks, *flags, *hot)])


def _knots(values: Matrix) -> tuple[Floats, Floats]:
    """Return distinct values and the normal score of the middle of their ranks."""
    known = np.sort(values[~np.isnan(values)].astype(np.float64))
    if known.size == 0:
        return np.zeros(1), np.zeros(1)
    picked = np.unique(known[np.linspace(0, known.size - 1, N_KNOTS).astype(np.int64)])
    middle = 0.5 * (np.searchsorted(known, picked, "left") + np.searchsorted(known, picked, "right")) / known.size
    normal = NormalDist()
    edge = 0.5 / known.size
    return picked, np.array([normal.inv_cdf(float(np.clip(share, edge, 1.0 - edge))) for share in middle])


@dataclass
class LogisticBaseline:
    """L2-regularised logistic regression on all features.

    Parameters
    ----------
    spec : FeatureSpec
        Features by name.
    seed : int
        Seed of the customer folds by which small tables choose the strength of regularisation.
    """

    spec: FeatureSpec
    seed: int = 1
    name: str = "logistic"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Fit on at most 15,000 rows, evenly spaced; smaller tables choose the strength on held-out customers."""
        step = -(-y.size // MAX_ROWS)
        table, y = table.take(np.arange(0, y.size, step)), y[::step]
        X = to_matrix(table, self.spec)
        n_levels = [len(self.spec.levels[self.spec.names[place]]) for place in self.spec.categorical]
        self.columns_ = RankNormal(self.spec.categorical, n_levels).fit(X)
        design = self.columns_.transform(X)
        self.strength_ = STRENGTHS[1]
        if y.size <= MAX_ROWS_TO_CHOOSE:
            ids = table.column("customer_id").to_numpy() if "customer_id" in table.column_names else np.arange(y.size)
            held = grouped_folds(y, ids, n_folds=4, seed=self.seed) == 0
            losses = [self._loss(design, y, held, strength) for strength in STRENGTHS]
            self.strength_ = STRENGTHS[int(np.argmin(losses))]
        self.model_ = _fitted(design, y, self.strength_)
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of churn."""
        with threadpool_limits(limits=1):
            design = self.columns_.transform(to_matrix(table, self.spec))
            return np.asarray(self.model_.predict_proba(design)[:, 1], dtype=np.float64)

    def _loss(self, design: Matrix, y: Floats, held: npt.NDArray[np.bool_], strength: float) -> float:
        model = _fitted(design[~held], y[~held], strength)
        p = np.clip(model.predict_proba(design[held])[:, 1], 1e-9, 1.0 - 1e-9)
        return float(-np.mean(y[held] * np.log(p) + (1.0 - y[held]) * np.log1p(-p)))


def _fitted(design: Matrix, y: Floats, strength: float) -> LogisticRegression:
    """Fit in one thread: sums over several come out in another order, and with other last digits."""
    with threadpool_limits(limits=1):
        return LogisticRegression(C=strength, solver="newton-cholesky", max_iter=50).fit(design, y.astype(np.int8))
