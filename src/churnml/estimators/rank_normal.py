"""Columns replaced by the normal score of their rank: no scale, no tail, nothing missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["RankNormal"]

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

N_KNOTS = 100
MAX_ONE_HOT_LEVELS = 20


class RankNormal:
    """Numbers as the normal score of their rank, missing as 0 with a flag, small categories by one-hot.

    Ranks take away the scale and the tail of money and counts; a tied value, such as many zeros, gets the score of
    its middle rank. Values beyond those seen get the outermost score.

    Parameters
    ----------
    categorical : sequence of int
        Matrix columns that hold level numbers; the first 20 levels, the most frequent ones, get a column.

    Attributes
    ----------
    source, is_flag : list
        Of each design column the matrix column it is made of, and whether it only says "missing".
    """

    def __init__(self, categorical: Sequence[int]) -> None:
        self.categorical = sorted(categorical)

    def fit(self, X: Matrix) -> Self:
        """Learn the knots of each numeric column, which columns have missing values, and how many levels there are."""
        numbers = [j for j in range(X.shape[1]) if j not in set(self.categorical)]
        self.knots_ = {j: _knots(X[:, j]) for j in numbers}
        self.flagged_ = [j for j in numbers if np.isnan(X[:, j]).any()]
        self.levels_ = {j: _n_levels(X[:, j]) for j in self.categorical}
        return self

    @property
    def source(self) -> list[int]:
        """Return the matrix column of each design column."""
        return [*self.knots_, *self.flagged_, *(j for j, n in self.levels_.items() for _ in range(n))]

    @property
    def is_flag(self) -> list[bool]:
        """Return for each design column whether it marks missing values."""
        n_hot = sum(self.levels_.values())
        return [False] * len(self.knots_) + [True] * len(self.flagged_) + [False] * n_hot

    def transform(self, X: Matrix) -> Matrix:
        """Return the design matrix, shape (n_rows, n_design)."""
        design = np.empty((X.shape[0], len(self.source)), dtype=np.float32, order="F")
        for place, (j, knots) in enumerate(self.knots_.items()):
            design[:, place] = np.nan_to_num(np.interp(X[:, j], *knots))
        for place, j in enumerate(self.flagged_, start=len(self.knots_)):
            design[:, place] = np.isnan(X[:, j])
        place = len(self.knots_) + len(self.flagged_)
        for j, n in self.levels_.items():
            for level in range(n):
                design[:, place] = X[:, j] == level
                place += 1
        return design

    def state(self) -> dict[str, Any]:
        """Return plain values."""
        knots = {str(j): [picked.tolist(), score.tolist()] for j, (picked, score) in self.knots_.items()}
        levels = {str(j): n for j, n in self.levels_.items()}
        return {"knots": knots, "flagged": self.flagged_, "levels": levels}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`state`."""
        # JSON sorts its keys as text; the design's order is that of the numbers.
        levels = sorted((int(j), int(n)) for j, n in state["levels"].items())
        knots = sorted((int(j), (np.array(p), np.array(s))) for j, (p, s) in state["knots"].items())
        columns = cls([j for j, _ in levels])
        columns.levels_, columns.knots_ = dict(levels), dict(knots)
        columns.flagged_ = [int(j) for j in state["flagged"]]
        return columns


def _n_levels(values: Matrix) -> int:
    known = values[~np.isnan(values)]
    return min(int(known.max()) + 1, MAX_ONE_HOT_LEVELS) if known.size else 0


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
