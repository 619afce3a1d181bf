"""The churn model: boosted trees of several kinds and a logistic regression, joined by rows none of them had seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from churnml.errors import DataError, ModelError
from churnml.estimators import boosting
from churnml.estimators.blend import blend_weights
from churnml.estimators.boosting import Floats, Matrix, Splits
from churnml.estimators.calibrator import PlattCalibrator, fit_level, fit_platt, logit
from churnml.estimators.carry import Carry
from churnml.estimators.hazard import HazardModel
from churnml.estimators.held_out import churn_splits, has_both_classes
from churnml.estimators.inputs import labels_to_learn, matrix_to_learn, matrix_to_predict, weights_to_learn
from churnml.estimators.leaving import LeavingModel
from churnml.estimators.linear import LogisticPart, fit_logistic
from churnml.estimators.merged import merged
from churnml.estimators.partner import HazardPartner
from churnml.estimators.trees import MAIN_PART, churn_settings, fit_trees, tree_parts
from churnml.estimators.walk import raw_scores

__all__ = ["MIN_ROWS_OF_RARER_CLASS", "ChurnClassifier", "check_labels"]

MIN_ROWS_OF_RARER_CLASS = 20
_LOGISTIC, _HAZARD, _LEAVING = "logistic", "hazard", "leaving"
_MAX_HAZARD_COLUMNS = 60
_PRIOR_OTHER = 0.2
"""Weight of the logistic part beforehand, and of the hazard; the kinds of trees share the rest."""


@dataclass(kw_only=True, eq=False, repr=False)
class ChurnClassifier(ClassifierMixin, BaseEstimator):
    """Probability that a customer churns within the horizon.

    Parts are boosted trees of up to three kinds, each averaged over seeds, a regularised logistic regression on
    rank-normal columns and, where there are dates, a hazard that also knows the newest periods. Their log odds are
    joined with weights found on rows that no part had seen, later in time where the history is long enough; the sum of
    all trees is again one booster.

    Parameters
    ----------
    seed : int
        Seed of every random draw.
    threads : int
        Threads of LightGBM; the result is the same for any number.
    max_rounds : int
        At most this many trees a part; fewer where the log loss of held-out rows gets no better.
    overrides : mapping, optional
        LightGBM parameters that replace those chosen by table size, in all kinds of trees.
    tuned : mapping, optional
        LightGBM parameters of the first kind of trees, found by :func:`churnml.estimators.tuning.search`.
    monotone : mapping of int to int, optional
        Matrix columns whose effect may only go up (1) or down (-1).
    min_rows_of_class : int
        Fewer rows of the rarer class are refused.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        0 and 1, or the labels learned from; the second means churned.
    booster_ : lightgbm.Booster
        The trees of all parts with their weights, fitted on all rows given to :meth:`fit`.
    logistic_ : LogisticPart or None
        None where it has no weight.
    hazard_ : HazardModel or None
        When the event comes; it may be there without a weight.
    leaving_ : LeavingModel or None
        What of the churn can still be prevented; None until it is set.
    weights_ : dict of str to float
        Weight of each part.
    calibrator_ : PlattCalibrator
        Fitted on rows unseen by the parts that scored them.
    settings_ : dict
        LightGBM parameters of the first part.
    carry_ : Carry
        To a horizon longer than the labels'; nothing until it is set.
    n_rounds_ : int
        Number of trees.
    """

    seed: int = 1
    threads: int = 1
    max_rounds: int = 600
    overrides: Mapping[str, Any] | None = None
    tuned: Mapping[str, Any] | None = None
    monotone: Mapping[int, int] | None = None
    min_rows_of_class: int = MIN_ROWS_OF_RARER_CLASS

    def __sklearn_tags__(self) -> Tags:
        """Return what the model can take: missing values, and two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(
        self,
        X: Matrix,
        y: npt.NDArray[Any],
        *,
        categorical: Sequence[int] = (),
        sample_weight: Floats | None = None,
        groups: npt.NDArray[Any] | None = None,
        dates: npt.NDArray[np.int64] | None = None,
        valid: npt.NDArray[np.bool_] | None = None,
        between: npt.NDArray[np.bool_] | None = None,
        partner: HazardPartner | None = None,
    ) -> Self:
        """Learn from rows in a fixed order; the same rows in another order give another model.

        Numbers of trees, weights and calibration come from rows held out: those marked ``valid`` (later in time).
        Where nothing is settled before those, each customer's newest row is held out in turn, and other customers'
        older rows learn. Without dates, or with too few outcomes for that, customers are left out in turn. Then every
        part is fitted on all rows.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            NaN = missing; categories as level numbers.
        y : ndarray of {0, 1}, shape (n_rows,)
            1 = churned. Of any other two labels the greater one means churned.
        categorical : sequence of int
            Columns of ``X`` that hold level numbers.
        sample_weight : ndarray, shape (n_rows,), optional
            Weights, for example more for newer snapshots.
        groups : ndarray, shape (n_rows,), optional
            Customer of each row; without it each row is a customer.
        dates : ndarray of int64, shape (n_rows,), optional
            Observation dates.
        valid : ndarray of bool, shape (n_rows,), optional
            Rows to stop and calibrate on, later than all unmarked rows.
        between : ndarray of bool, shape (n_rows,), optional
            Rows whose outcome was not known at the date of ``valid``: used for the final fits.
        partner : HazardPartner, optional
            What a hazard is learned from; it is weighed where all rows held out are ``valid`` ones.

        Raises
        ------
        DataError
            If there are more than two labels, one only, or too few rows of the rarer one.
        """
        X = matrix_to_learn(self, X, y)
        self.classes_, truth = labels_to_learn(X, y)
        sample_weight = weights_to_learn(sample_weight, n_rows=truth.size)
        check_labels(truth if sample_weight is None else truth[sample_weight > 0], least=self.min_rows_of_class)
        customer = np.arange(truth.size) if groups is None else np.asarray(groups)
        splits = churn_splits(truth, customer, dates=dates, valid=valid, between=between, seed=self.seed)
        checked = np.concatenate([check for _, check in splits])
        weight = np.ones(truth.size) if sample_weight is None else sample_weight
        parts, unseen = self._fit_trees(X, truth, splits, customer, categorical, sample_weight)
        logistic, by_logistic = fit_logistic(
            X, truth, splits, categorical=categorical, weight=weight, barred=self.monotone or {}
        )
        said = {**unseen, _LOGISTIC: by_logistic}
        telling = _telling(parts["trees"][0])
        is_later = valid is not None and bool(valid[checked].all())
        by_hazard = partner.unseen(X[checked], columns=telling) if partner and is_later else None
        if by_hazard is not None:
            said[_HAZARD] = by_hazard
        scores = np.column_stack(list(said.values()))
        share = (1.0 - _PRIOR_OTHER * (len(said) - len(unseen))) / len(unseen)
        prior = np.array([share if name in unseen else _PRIOR_OTHER for name in said])
        found = blend_weights(scores, truth[checked], prior=prior, sample_weight=weight[checked])
        if not found[: len(unseen)].any():
            # The trees are what is explained and stored: they never leave the model altogether.
            found = 0.95 * found + 0.05 * prior
        self.weights_ = dict(zip(said, found.tolist(), strict=True))
        is_wanted = partner is not None and (partner.is_kept or self.weights_.get(_HAZARD, 0.0) > 0.0)
        self.hazard_ = partner.fitted(columns=telling) if partner and is_wanted else None
        if self.hazard_ is None:
            self._without_hazard()
        self._join(parts, logistic)
        self._calibrate(X, truth, scores @ found, checked, valid)
        self.carry_ = Carry()
        self.leaving_: LeavingModel | None = None
        return self

    def _without_hazard(self) -> None:
        """Give what a hazard would say to the other parts."""
        weight = self.weights_.pop(_HAZARD, 0.0)
        if 0.0 < weight < 1.0:
            self.weights_ = {name: share / (1.0 - weight) for name, share in self.weights_.items()}

    def _fit_trees(
        self,
        X: Matrix,
        truth: Floats,
        splits: Splits,
        customer: npt.NDArray[Any],
        categorical: Sequence[int],
        sample_weight: Floats | None,
    ) -> tuple[dict[str, list[lgb.Booster]], dict[str, Floats]]:
        size = (truth.size, np.unique(customer).size, X.shape[1])
        base = churn_settings(*size, seed=self.seed, threads=self.threads)
        if self.monotone:
            base["monotone_constraints"] = [self.monotone.get(place, 0) for place in range(X.shape[1])]
        parts: dict[str, list[lgb.Booster]] = {}
        scores: dict[str, Floats] = {}
        tuned = {MAIN_PART: self.tuned or {}}
        self.settings_ = {**base, **(self.overrides or {}), **tuned[MAIN_PART]}
        for part in tree_parts(*size):
            parts[part.name], unseen = fit_trees(
                X,
                truth,
                splits,
                {**base, **part.changes, **(self.overrides or {}), **tuned.get(part.name, {})},
                n_seeds=part.n_seeds,
                categorical=categorical,
                weight=sample_weight,
                max_rounds=self.max_rounds,
            )
            scores[part.name] = unseen.raw_score
        return parts, scores

    def _join(self, parts: Mapping[str, Sequence[lgb.Booster]], logistic: LogisticPart) -> None:
        used = [
            (self.weights_[name] / len(boosters), booster)
            for name, boosters in parts.items()
            if self.weights_[name]
            for booster in boosters
        ]
        self.booster_ = merged(used)
        self.n_rounds_ = self.booster_.num_trees()
        self.logistic_ = logistic if self.weights_[_LOGISTIC] else None

    def _calibrate(
        self,
        X: Matrix,
        truth: Floats,
        unseen: Floats,
        checked: npt.NDArray[np.int64],
        valid: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Fit the slope on rows the parts had not seen; the level is that of the newest known outcomes.

        The final parts have learned the newest rows too, so their level differs from that of the parts that were
        checked: it is set on the final scores of the newest rows, whose mean does not suffer from having been learned.
        A hazard foretells the level of the next horizon from periods newer than that, and weighs what it saw before: it
        counts for two thirds, since neither is always nearer.
        """
        self.calibrator_ = fit_platt(unseen, truth[checked].astype(np.int8))
        newest = np.zeros(0, dtype=np.int64) if valid is None else np.flatnonzero(valid)
        if newest.size and has_both_classes(truth[newest]):
            score = self.calibrator_.slope * self.raw_score(X[newest])
            levels = [fit_level(score, truth[newest])]
            if self.hazard_ is not None:
                levels += 2 * [fit_level(score, self.hazard_.risk(X[newest], [self.hazard_.horizon_days])[:, 0])]
            self.calibrator_ = PlattCalibrator(self.calibrator_.slope, float(np.mean(levels)))

    def raw_score(self, X: Matrix) -> Floats:
        """Return the joined log odds before calibration, shape (n_rows,).

        Raises
        ------
        ModelError
            If the number of features differs from training.
        """
        X = matrix_to_predict(self, X)
        raw = raw_scores(self.booster_, X, threads=self.threads)
        if self.logistic_ is not None:
            raw = raw + self.weights_[_LOGISTIC] * self.logistic_.raw_score(X)
        if self.hazard_ is not None and self.weights_.get(_HAZARD):
            risk = self.hazard_.risk(X, [self.hazard_.horizon_days])[:, 0]
            raw = raw + self.weights_[_HAZARD] * logit(risk)
        return raw

    def extra_contributions(self, X: Matrix) -> Floats | None:
        """Return what each column adds beside the trees, shape (n_rows, n_features); None = nothing."""
        found: Floats | None = None
        if self.logistic_ is not None:
            found = self.weights_[_LOGISTIC] * self.logistic_.contributions(X)
        if self.hazard_ is not None and self.weights_.get(_HAZARD):
            by_hazard: Floats = self.weights_[_HAZARD] * self.hazard_.contributions(X)
            found = by_hazard if found is None else found + by_hazard
        return found

    def churn_probability(self, X: Matrix) -> Floats:
        """Return the probability of churn, shape (n_rows,); errors as :meth:`raw_score`."""
        score = self.raw_score(X)
        return self.carry_(self.calibrator_.predict(score))

    def predict_proba(self, X: Matrix) -> Floats:
        """Return the probabilities of staying and of churn, shape (n_rows, 2), in the order of ``classes_``."""
        p = self.churn_probability(X)
        return np.column_stack([1.0 - p, p])

    def predict(self, X: Matrix) -> npt.NDArray[Any]:
        """Return the label of churn where it is more likely than not, else the other one, shape (n_rows,)."""
        likely = self.churn_probability(X) > 0.5
        return np.asarray(self.classes_[likely.astype(np.intp)])

    def boosters(self) -> dict[str, lgb.Booster]:
        """Return every booster by the name of its part, the main one first."""
        found = {boosting.MAIN: self.booster_}
        if self.hazard_ is not None:
            found[_HAZARD] = self.hazard_.booster_
        if self.leaving_ is not None:
            found[_LEAVING] = self.leaving_.booster
        return found

    def state(self) -> dict[str, Any]:
        """Return what stands beside the trees, as plain values.

        Raises
        ------
        ModelError
            If the labels are others than 0 and 1: a stored model has no place for them.
        """
        if not np.array_equal(self.classes_, [0, 1]):
            raise ModelError("labels other than 0 and 1 cannot be stored", rule="model.labels", column="is_churned")
        return {
            "calibrator": {"slope": self.calibrator_.slope, "intercept": self.calibrator_.intercept},
            "carry": self.carry_.state(),
            "weights": self.weights_,
            "logistic": None if self.logistic_ is None else self.logistic_.state(),
            "hazard": None if self.hazard_ is None else self.hazard_.state(),
            "leaving": None if self.leaving_ is None else self.leaving_.state(),
        }

    @classmethod
    def from_state(cls, boosters: Mapping[str, lgb.Booster], state: Mapping[str, Any], *, threads: int) -> Self:
        """Rebuild a fitted model from its :meth:`boosters` and :meth:`state`."""
        model = cls(threads=threads)
        model.booster_ = boosters[boosting.MAIN]
        model.n_features_in_, model.classes_ = model.booster_.num_feature(), np.array([0, 1], dtype=np.int8)
        model.calibrator_ = PlattCalibrator(**state["calibrator"])
        model.carry_ = Carry.from_state(state["carry"])
        model.weights_ = dict(state["weights"])
        model.logistic_ = None if state["logistic"] is None else LogisticPart.from_state(state["logistic"])
        hazard = state["hazard"]
        model.hazard_ = hazard and HazardModel.from_state(boosters[_HAZARD], hazard, threads=threads)
        leaving = state.get("leaving")
        model.leaving_ = leaving and LeavingModel(boosters[_LEAVING], PlattCalibrator(**leaving), threads)
        return model


def _telling(booster: lgb.Booster) -> npt.NDArray[np.int64]:
    """Return the columns by which the trees gained most, ascending: a hazard of many periods has no time for others."""
    gain = booster.feature_importance("gain")
    return np.sort(np.argsort(-gain, kind="stable")[:_MAX_HAZARD_COLUMNS]).astype(np.int64)


def check_labels(y: Floats, *, least: int = MIN_ROWS_OF_RARER_CLASS) -> None:
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
    if n_rarer < least:
        raise DataError(
            f"{counts}: at least {least} of each class are needed",
            rule="data.too_few_of_class",
            column="is_churned",
            count=n_rarer,
            next_step="Use more snapshots, a longer history or another horizon.",
        )
