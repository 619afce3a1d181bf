"""The value model: LightGBM with a Tweedie loss for many zeros and a heavy tail, levelled and with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.errors import DataError, ModelError
from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix
from churnml.estimators.interval import ValueInterval, fit_interval

__all__ = ["MIN_ROWS_WITH_VALUE", "ValueForecast", "ValueRegressor", "check_values"]

MIN_ROWS_WITH_VALUE = 20
_POWER = {"amount": 1.5, "count": 1.2}
"""Tweedie variance powers: 1 would be Poisson (counts), 2 gamma (amounts that are never zero)."""
_MAX_LEVEL = 10.0
_CAP_QUANTILE = 0.999
_MOST_GIVEN_BACK = 0.25


class ValueForecast(NamedTuple):
    """Predicted value and the ends of its 80 % interval, each of shape (n_rows,), in the unit of the target."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(kw_only=True)
class ValueRegressor:
    """Value of a customer in the horizon: money (``amount``) or a number of events (``count``).

    The loss cannot take negative totals, so the trees learn ``max(value, 0)``, cut at the 99.9 % quantile of the
    positive values; the level factor then makes the predicted total equal the actual one on held-out rows,
    refunds and giants included.

    Parameters
    ----------
    measure : {"amount", "count"}
        What the target is.
    seed : int
        Seed of every random draw.
    threads : int
        Threads of LightGBM; the result is the same for any number.
    max_rounds : int
        At most this many trees; fewer where the Tweedie deviance of held-out rows gets no better.
    overrides : mapping, optional
        LightGBM parameters that replace those chosen by table size.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        Fitted on all rows given to :meth:`fit`, in units of ``unit_``.
    unit_ : float
        Mean positive value in training: makes the fit independent of the currency.
    level_ : float
        Actual over predicted total of the held-out rows, at most 10, and 1 where the actual total is not positive.
    interval_ : ValueInterval
        From the held-out rows.
    settings_, n_rounds_
        LightGBM parameters used; number of trees.
    """

    measure: Literal["amount", "count"] = "amount"
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
        y: Floats,
        *,
        categorical: Sequence[int] = (),
        sample_weight: Floats | None = None,
        groups: npt.NDArray[Any] | None = None,
        valid: npt.NDArray[np.bool_] | None = None,
        between: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from rows in a fixed order; parameters as :meth:`churnml.estimators.churn.ChurnClassifier.fit`.

        Raises
        ------
        DataError
            If a value is not finite, fewer than 20 rows have a positive value, or all values are equal.
        """
        actual = np.asarray(y, dtype=np.float64)
        boosting.check_matrix(X, actual)
        check_values(actual)
        customer = np.arange(actual.size) if groups is None else np.asarray(groups)
        splits = None if valid is None else boosting.splits_by_time(valid, between)
        if splits is None or not all(_is_enough(actual[rows]) for rows in splits[0]):
            splits = boosting.splits_by_customer(actual > 0, customer, seed=self.seed)
        positive = actual[actual > 0]
        self.unit_ = float(positive.mean())
        target = np.clip(actual, 0.0, np.quantile(positive, _CAP_QUANTILE)) / self.unit_
        self.settings_ = self._settings(actual.size, np.unique(customer).size, X.shape[1])
        self.booster_, unseen = boosting.train(
            X,
            target,
            splits,
            self.settings_,
            categorical=categorical,
            sample_weight=sample_weight,
            max_rounds=self.max_rounds,
        )
        self.n_rounds_ = unseen.n_rounds
        newest = unseen.on(valid, if_enough=lambda rows: _is_enough(actual[rows]))
        self._settle(self.unit_ * np.exp(newest.raw_score), actual[newest.rows])
        return self

    def _settings(self, n_rows: int, n_customers: int, n_features: int) -> dict[str, Any]:
        return {
            **boosting.settings_for(n_rows, n_customers, n_features, seed=self.seed, threads=self.threads),
            "objective": "tweedie",
            "metric": "tweedie",
            "tweedie_variance_power": _POWER[self.measure],
            **self.overrides,
        }

    def _settle(self, predicted: Floats, actual: Floats) -> None:
        """Set the level and the interval from held-out rows."""
        total = float(actual.sum())
        self.level_ = min(total / float(predicted.sum()), _MAX_LEVEL) if total > 0 else 1.0
        self.interval_ = fit_interval(self.level_ * predicted, actual)

    def forecast(self, X: Matrix, *, horizon_factor: Floats | float = 1.0) -> ValueForecast:
        """Return value and interval.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            As in training.
        horizon_factor : float or ndarray, shape (n_rows,)
            Value in the wanted horizon over value in the labelled one, for horizons longer than any label.

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
        value: Floats = self.level_ * self.unit_ * np.exp(np.asarray(raw, dtype=np.float64))
        low, high = self.interval_.predict(value)
        return ValueForecast(value * horizon_factor, low * horizon_factor, high * horizon_factor)

    def predict(self, X: Matrix, *, horizon_factor: Floats | float = 1.0) -> Floats:
        """Return the predicted value alone, shape (n_rows,); see :meth:`forecast`."""
        return self.forecast(X, horizon_factor=horizon_factor).value

    def state(self) -> dict[str, Any]:
        """Return what stands beside the trees, as plain values."""
        level = {"measure": self.measure, "unit": self.unit_, "level": self.level_}
        return {**level, "interval": self.interval_.state()}

    @classmethod
    def from_state(cls, booster: lgb.Booster, state: Mapping[str, Any], *, threads: int) -> Self:
        """Rebuild a fitted model from its trees and :meth:`state`."""
        model = cls(threads=threads, measure=state["measure"])
        model.booster_ = booster
        model.unit_, model.level_ = float(state["unit"]), float(state["level"])
        model.interval_ = ValueInterval.from_state(state["interval"])
        return model


def check_values(y: Floats) -> None:
    """Refuse targets with nothing to learn from, or more money given back than the loss can pass over.

    The loss takes no negative totals: they are learned as zero, and the level of the predictions makes up for it. Where
    they weigh more than a quarter of the positive ones, this would move value from some customers to others.

    Raises
    ------
    DataError
        Naming the counts, and for negative totals the setting to change.
    """
    n_positive = int(np.count_nonzero(y > 0))
    if float(y.min()) == float(y.max()):
        raise DataError("every value is the same", rule="data.constant_target", column="value", count=y.size)
    if n_positive < MIN_ROWS_WITH_VALUE:
        raise DataError(
            f"{n_positive} rows with a positive value: at least {MIN_ROWS_WITH_VALUE} are needed",
            rule="data.too_few_values",
            column="value",
            count=n_positive,
            next_step="Use more snapshots, a longer history or a longer clv.horizon_days.",
        )
    given_back = -float(y[y < 0].sum())
    if given_back > _MOST_GIVEN_BACK * float(y[y > 0].sum()):
        raise DataError(
            f"negative totals weigh {given_back / float(y[y > 0].sum()):.0%} of the positive ones, and the loss takes "
            f"at most {_MOST_GIVEN_BACK:.0%}",
            rule="data.negative_totals",
            file="params.yaml",
            column="clv.refunds",
            count=int(np.count_nonzero(y < 0)),
            next_step="Set clv.refunds to ignore, clv.measure to count, or lengthen clv.horizon_days.",
        )


def _is_enough(y: Floats) -> bool:
    return bool(np.count_nonzero(y > 0) >= MIN_ROWS_WITH_VALUE)
