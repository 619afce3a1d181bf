"""The probability of leaving that can still be prevented: trees on who was there and left within the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.estimators.boosting import Floats, Matrix, settings_for, splits_by_customer, train
from churnml.estimators.calibrator import PlattCalibrator, fit_platt
from churnml.estimators.walk import raw_scores

__all__ = ["MIN_LEFT", "LeavingModel"]

MIN_LEFT = 100
"""Rows of customers who left, below which nothing is learned."""
_MAX_ROUNDS = 600


@dataclass(frozen=True, eq=False)
class LeavingModel:
    """Probability that a customer who is there leaves within the horizon.

    Parameters
    ----------
    booster : lightgbm.Booster
        Sees the churn model's features.
    calibrator : PlattCalibrator
        Fitted on customers that the trees had not seen.
    threads : int
    """

    booster: lgb.Booster
    calibrator: PlattCalibrator
    threads: int = 1

    @classmethod
    def fitted(
        cls,
        X: Matrix,
        left: Floats,
        *,
        customers: npt.NDArray[np.int64],
        categorical: Sequence[int],
        seed: int,
        threads: int,
    ) -> Self | None:
        """Learn from rows in a fixed order; None where too few left.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
        left : ndarray of {0, 1}, shape (n_rows,)
        customers : ndarray of int64, shape (n_rows,)
        categorical : sequence of int
        seed, threads : int
        """
        if min(left.sum(), len(left) - left.sum()) < MIN_LEFT:
            return None
        # Few leave, and by chance: trees are smaller and slower than a table of this size would get otherwise.
        size = (len(left), int(left.sum()), X.shape[1])
        settings: dict[str, Any] = settings_for(*size, seed=seed, threads=threads) | {"objective": "binary"}
        splits = splits_by_customer(left, customers, seed=seed)
        booster, unseen = train(
            X, left, splits, settings, categorical=categorical, sample_weight=None, max_rounds=_MAX_ROUNDS
        )
        return cls(booster, fit_platt(unseen.raw_score, left[unseen.rows].astype(np.int8)), threads)

    def probability(self, X: Matrix) -> Floats:
        """Return the probability of leaving within the horizon, shape (n_rows,)."""
        raw = raw_scores(self.booster, X, threads=self.threads)
        return self.calibrator.predict(raw)

    def state(self) -> dict[str, float]:
        """Return what stands beside the trees."""
        return {"slope": self.calibrator.slope, "intercept": self.calibrator.intercept}
