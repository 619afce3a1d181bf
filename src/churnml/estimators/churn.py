"""The churn model: LightGBM for the ranking, Platt scaling on unseen rows for the probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.errors import DataError, ModelError
from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix
from churnml.estimators.calibrator import PlattCalibrator, fit_platt

__all__ = ["MIN_ROWS_OF_RARER_CLASS", "ChurnClassifier"]

MIN_ROWS_OF_RARER_CLASS = 20
_MIN_PER_SPLIT = 15
"""A validation set with fewer rows of the rarer class is too small to stop and calibrate on."""


@dataclass(kw_only=True)
class ChurnClassifier:
    """Probability that a customer churns within the horizon.

    Parameters
    ----------
    seed : int
        Seed of every random draw.
    threads : int
        Threads of LightGBM; the result is the same for any number.
    max_rounds : int
        At most this many trees; fewer where the log loss of held-out rows gets no better.
    overrides : mapping, optional
        LightGBM parameters that replace those chosen by table size.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        Fitted on all rows given to :meth:`fit`.
    calibrator_ : PlattCalibrator
        Fitted on rows unseen by the trees that scored them.
    settings_ : dict
        LightGBM parameters used.
    n_rounds_ : int
        Number of trees.
    """

    seed: int = 1
    threads: int = 1
    max_rounds: int = 600
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments."""
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(
        self,
        X: Matrix,
        y: npt.NDArray[Any],
        *,
        categorical: Sequence[int] = (),
        sample_weight: Floats | None = None,
        groups: npt.NDArray[Any] | None = None,
        valid: npt.NDArray[np.bool_] | None = None,
        between: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from rows in a fixed order; the same rows in another order give another model.

        The number of trees and the calibration come from rows held out: those marked ``valid`` (later in time),
        or, where none are marked, or too few churn there or before, customers left out in turn (calibrated on
        their ``valid`` rows all the same). Then the trees are grown on all rows.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            NaN = missing; categories as level numbers.
        y : ndarray of {0, 1}, shape (n_rows,)
            1 = churned.
        categorical : sequence of int
            Columns of ``X`` that hold level numbers.
        sample_weight : ndarray, shape (n_rows,), optional
            Weights, for example more for newer snapshots.
        groups : ndarray, shape (n_rows,), optional
            Customer of each row; without it each row is a customer.
        valid : ndarray of bool, shape (n_rows,), optional
            Rows to stop and calibrate on, later than all unmarked rows.
        between : ndarray of bool, shape (n_rows,), optional
            Rows whose outcome was not known at the date of ``valid``: used for the final trees only.

        Raises
        ------
        DataError
            If a label is not 0 or 1, only one class is there, or the rarer one has fewer than 20 rows.
        """
        truth = np.asarray(y, dtype=np.float64)
        boosting.check_matrix(X, truth)
        check_labels(truth)
        customer = np.arange(truth.size) if groups is None else np.asarray(groups)
        splits = None if valid is None else boosting.splits_by_time(valid, between)
        if splits is None or not all(_is_enough(truth[rows]) for rows in splits[0]):
            splits = boosting.splits_by_customer(truth, customer, seed=self.seed)
        size = (truth.size, np.unique(customer).size, X.shape[1])
        self.settings_ = {
            **boosting.settings_for(*size, seed=self.seed, threads=self.threads),
            "objective": "binary",
            "metric": "binary_logloss",
            **self.overrides,
        }
        self.booster_, unseen = boosting.train(
            X,
            truth,
            splits,
            self.settings_,
            categorical=categorical,
            sample_weight=sample_weight,
            max_rounds=self.max_rounds,
        )
        self.n_rounds_ = unseen.n_rounds
        newest = unseen.on(valid, if_enough=lambda rows: _is_enough(truth[rows]))
        self.calibrator_ = fit_platt(newest.raw_score, truth[newest.rows].astype(np.int8))
        return self

    def predict_proba(self, X: Matrix) -> Floats:
        """Return the probability of churn, shape (n_rows,).

        Raises
        ------
        ModelError
            If the number of features differs from training.
        """
        if X.shape[1] != self.booster_.num_feature():
            raise ModelError(
                f"{X.shape[1]} features where the model has {self.booster_.num_feature()}", rule="model.features_differ"
            )
        raw = self.booster_.predict(X, raw_score=True, num_threads=self.threads)
        return self.calibrator_.predict(np.asarray(raw, dtype=np.float64))

    def predict(self, X: Matrix) -> npt.NDArray[np.int8]:
        """Return 1 where churn is more likely than not, shape (n_rows,)."""
        return (self.predict_proba(X) > 0.5).astype(np.int8)

    def state(self) -> dict[str, Any]:
        """Return what stands beside the trees, as plain values."""
        return {"calibrator": {"slope": self.calibrator_.slope, "intercept": self.calibrator_.intercept}}

    @classmethod
    def from_state(cls, booster: lgb.Booster, state: Mapping[str, Any], *, threads: int) -> Self:
        """Rebuild a fitted model from its trees and :meth:`state`."""
        model = cls(threads=threads)
        model.booster_ = booster
        model.calibrator_ = PlattCalibrator(**state["calibrator"])
        return model


def check_labels(y: Floats) -> None:
    """Refuse labels that are not 0 or 1, a single class, and too few rows of the rarer one.

    Raises
    ------
    DataError
        Naming the counts.
    """
    n_odd = int(np.count_nonzero((y != 0) & (y != 1)))
    if n_odd:
        raise DataError("labels other than 0 and 1", rule="data.label", column="is_churned", count=n_odd)
    n_churned = int(y.sum())
    n_rarer = min(n_churned, y.size - n_churned)
    counts = f"{n_churned} churned and {y.size - n_churned} stayed"
    if n_rarer == 0:
        raise DataError(
            f"only one class to learn from: {counts}",
            rule="data.one_class",
            column="is_churned",
            count=y.size,
            next_step="Check churn.definition and churn.horizon_days, or deliver a longer history.",
        )
    if n_rarer < MIN_ROWS_OF_RARER_CLASS:
        raise DataError(
            f"{counts}: at least {MIN_ROWS_OF_RARER_CLASS} of each are needed",
            rule="data.too_few_of_class",
            column="is_churned",
            count=n_rarer,
            next_step="Use more snapshots, a longer history or another horizon.",
        )


def _is_enough(y: Floats) -> bool:
    return bool(min(y.sum(), y.size - y.sum()) >= _MIN_PER_SPLIT)
