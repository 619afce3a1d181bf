"""The value model: several predictions joined, brought to the newest level, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags

from churnml.errors import DataError
from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix
from churnml.estimators.extension import carried_factor
from churnml.estimators.held_out import MIN_ROWS_WITH_VALUE, has_value, value_splits
from churnml.estimators.inputs import matrix_to_learn, matrix_to_predict, values_to_learn, weights_to_learn
from churnml.estimators.interval import ValueInterval, fit_interval
from churnml.estimators.value_blend import blend_weights, fit_line, shrunk_ratio
from churnml.estimators.value_parts import (
    BOTH,
    EXPECTED,
    MAIN,
    TWO,
    ValueRows,
    capped,
    column_logarithm,
    final_booster,
    part_settings,
    search,
    tree_parts,
    value_settings,
)
from churnml.estimators.walk import raw_scores

__all__ = ["MIN_ROWS_WITH_VALUE", "ValueForecast", "ValueRegressor", "check_values", "value_roles"]

_MAX_LEVEL = 10.0
_MAX_ROWS_FOR_LEVEL = 100_000
_MAX_DRIFT = 1.5
_MOST_GIVEN_BACK = 0.25


class ValueForecast(NamedTuple):
    """Predicted value and the ends of its 80 % interval, each of shape (n_rows,), in the unit of the target."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(kw_only=True, eq=False, repr=False)
class ValueRegressor(RegressorMixin, BaseEstimator):
    """Value of a customer in the horizon: money (``amount``) or a number of events (``count``).

    Several parts are joined by a geometric mean: Tweedie trees with two variance powers, trees for whether there is any
    value times trees for how much, and, where the features hold what a buy-till-you-die model expects, that
    expectation alone and trees that correct it. Weights come from rows the trees had not seen
    (:func:`churnml.estimators.value_blend.blend_weights`). Large tables have one booster, and the expectation.

    The losses cannot take negative totals, so the parts learn ``max(value, 0)``, cut at the 99.9 % quantile of the
    positive values; the level then makes the predicted total equal the actual one, refunds and giants included.

    Parameters
    ----------
    measure : {"amount", "count"}
        What the target is.
    seed : int
        Seed of every random draw.
    threads : int
        Threads of LightGBM; the result is the same for any number.
    max_rounds : int
        At most this many trees a booster; fewer where the loss of held-out rows gets no better.
    overrides : mapping, optional
        LightGBM parameters that replace those chosen by table size, in all boosters.
    tuned : mapping, optional
        LightGBM parameters of the Tweedie trees, found by :func:`churnml.estimators.tuning.search`.
    min_rows_with_value : int
        Fewer rows with a positive value are refused.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The Tweedie trees, fitted on all rows given to :meth:`fit`, in units of ``unit_``.
    others_ : dict of str to lightgbm.Booster
        The other boosters with a weight.
    weights_ : dict of str to float
        Exponent of each part in the geometric mean: ``tweedie``, ``random``, ``two`` (any x size), ``offset``,
        ``expected``; parts without weight are left out.
    unit_ : float
        Mean positive value in training: makes the fit independent of the currency.
    base_ : float
        Actual total of all rows over that of the joined parts.
    level_ : float
        What the newest rows' total then still asks for, drawn towards 1 by as much as chance explains.
    interval_ : ValueInterval
        From the held-out rows.
    settings_, n_rounds_
        LightGBM parameters and number of trees of ``booster_``.
    """

    measure: Literal["amount", "count"] = "amount"
    seed: int = 1
    threads: int = 1
    max_rounds: int = 600
    overrides: Mapping[str, Any] | None = None
    tuned: Mapping[str, Any] | None = None
    min_rows_with_value: int = MIN_ROWS_WITH_VALUE

    def __sklearn_tags__(self) -> Tags:
        """Return what the model can take: missing values, and totals that are positive on the whole."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.positive_only = True
        return tags

    def fit(
        self,
        X: Matrix,
        y: Floats,
        *,
        categorical: Sequence[int] = (),
        sample_weight: Floats | None = None,
        groups: npt.NDArray[Any] | None = None,
        dates: npt.NDArray[np.int64] | None = None,
        valid: npt.NDArray[np.bool_] | None = None,
        between: npt.NDArray[np.bool_] | None = None,
        roles: Mapping[str, int] | None = None,
    ) -> Self:
        """Learn from rows in a fixed order; parameters as :meth:`churnml.estimators.churn.ChurnClassifier.fit`.

        Parameters
        ----------
        roles : mapping of str to int, optional
            Columns of ``X`` by what they hold, see :func:`value_roles`.

        Raises
        ------
        DataError
            If a value is not finite, too few rows have a positive one, or all are equal.
        """
        X = matrix_to_learn(self, X, y)
        actual = values_to_learn(X, y)
        sample_weight = weights_to_learn(sample_weight, n_rows=actual.size)
        check_values(actual, least=self.min_rows_with_value)
        customer = np.arange(actual.size) if groups is None else np.asarray(groups)
        splits = value_splits(actual, customer, valid=valid, between=between, seed=self.seed)
        target, self.unit_ = capped(actual)
        self.roles_ = dict(roles or {})
        rows = ValueRows(X, target, sample_weight, categorical, self._expected(X), splits)
        self._fit_parts(rows, actual, valid, n_customers=np.unique(customer).size)
        return self

    def _expected(self, X: Matrix) -> Floats | None:
        column = self.roles_.get("expected")
        return None if column is None else column_logarithm(X, column, unit=self.unit_)

    def _fit_parts(
        self, rows: ValueRows, actual: Floats, valid: npt.NDArray[np.bool_] | None, *, n_customers: int
    ) -> None:
        """Search, weigh and fit the parts; then level and interval."""
        size = (actual.size, n_customers, rows.X.shape[1])
        common = {**value_settings(*size, seed=self.seed, threads=self.threads), **(self.overrides or {})}
        has_expected = rows.expected is not None
        parts = tree_parts(self.measure, n_rows=actual.size, has_expected=has_expected, tuned=self.tuned)
        searched = {part.name: search(part, rows, common, max_rounds=self.max_rounds) for part in parts}
        unseen = _joined_two({name: raw for name, (raw, _) in searched.items()})
        if rows.expected is not None:
            unseen[EXPECTED] = _expected_unseen(rows, rows.expected)
        place = _newest(rows.checked(), actual, valid)
        logarithms = np.column_stack([raw[place] for raw in unseen.values()])
        held = rows.checked()[place]
        weights = blend_weights(logarithms, rows.target[held])
        self.weights_ = {name: float(w) for name, w in zip(unseen, weights, strict=True) if w > 0}
        fitted = {
            part.name: final_booster(part, rows, common, n_rounds=searched[part.name][1])
            for part in parts
            if part.name == MAIN or (TWO if part.name in BOTH else part.name) in self.weights_
        }
        self.booster_, self.n_rounds_ = fitted.pop(MAIN), searched[MAIN][1]
        self.others_, self.settings_ = fitted, {**common, **part_settings(parts[0])}
        self.line_ = None if rows.expected is None else fit_line(rows.expected, rows.target, rows.weight)
        self._set_level(rows, actual, valid)
        blended = self.unit_ * np.exp(logarithms @ weights)
        found = actual[held].clip(min=0.0).sum() / blended.sum()
        blended *= found
        levelled = shrunk_ratio(actual[held], blended, most=_MAX_LEVEL) * blended
        # The next window's level will differ by as much as this one's did, upwards or downwards.
        drift = float(np.clip(found, 1 / _MAX_DRIFT, _MAX_DRIFT))
        twice = np.concatenate([levelled * drift, levelled / drift])
        self.interval_ = fit_interval(twice, np.tile(actual[held], 2))

    def _set_level(self, rows: ValueRows, actual: Floats, valid: npt.NDArray[np.bool_] | None) -> None:
        """Bring the total of all rows to the actual one, then, as far as chance allows, that of the newest."""
        some = np.arange(0, actual.size, -(-actual.size // _MAX_ROWS_FOR_LEVEL))
        weight = np.ones(some.size) if rows.weight is None else rows.weight[some]
        raw = self.unit_ * np.exp(self._logarithm(rows.X[some]))
        total = float(weight @ actual[some])
        self.base_ = total / float(weight @ raw) if total > 0 else 1.0
        newest = np.ones(some.size, dtype=np.bool_) if valid is None else valid[some]
        self.level_ = 1.0
        if has_value(actual[some][newest]):
            self.level_ = shrunk_ratio(actual[some][newest], self.base_ * raw[newest], most=_MAX_LEVEL)

    def _logarithm(self, X: Matrix) -> Floats:
        """Return the weighted mean of the parts' logarithms, in units."""
        expected = self._expected(X)
        total = np.zeros(X.shape[0])
        for name, weight in self.weights_.items():
            total += weight * self._part(name, X, expected)
        return total

    def _part(self, name: str, X: Matrix, expected: Floats | None) -> Floats:
        if name == TWO:
            p, size = (self._raw(self.others_[which], X) for which in BOTH)
            return size - np.logaddexp(0.0, -p)
        if name == EXPECTED and expected is not None and self.line_ is not None:
            return self.line_[0] + self.line_[1] * expected
        raw = self._raw(self.booster_ if name == MAIN else self.others_[name], X)
        return raw + expected if name == "offset" and expected is not None else raw

    def _raw(self, booster: lgb.Booster, X: Matrix) -> Floats:
        return raw_scores(booster, X, threads=self.threads)

    def forecast(self, X: Matrix, *, horizon_factor: Floats | float | None = None) -> ValueForecast:
        """Return value and interval.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            As in training.
        horizon_factor : float or ndarray, shape (n_rows,), optional
            Value in the wanted horizon over value in the labelled one, for horizons longer than any label. By default
            what the columns ``expected_far`` and ``expected`` say, or 1 without them.

        Raises
        ------
        ModelError
            If the number of features differs from training.
        """
        X = matrix_to_predict(self, X)
        factor = self._carried(X) if horizon_factor is None else horizon_factor
        value: Floats = self.level_ * self.base_ * self.unit_ * np.exp(self._logarithm(X))
        low, high = self.interval_.predict(value)
        return ValueForecast(value * factor, low * factor, high * factor)

    def _carried(self, X: Matrix) -> Floats | float:
        if not {"expected", "expected_far"} <= set(self.roles_):
            return 1.0
        near, far = (X[:, self.roles_[role]].astype(np.float64) for role in ("expected", "expected_far"))
        return carried_factor(near, far)

    def predict(self, X: Matrix, *, horizon_factor: Floats | float | None = None) -> Floats:
        """Return the predicted value alone, shape (n_rows,); see :meth:`forecast`."""
        return self.forecast(X, horizon_factor=horizon_factor).value

    def boosters(self) -> dict[str, lgb.Booster]:
        """Return every booster by the name of its part, the main one first."""
        return {boosting.MAIN: self.booster_, **self.others_}

    def state(self) -> dict[str, Any]:
        """Return what stands beside the trees, as plain values."""
        level = {"measure": self.measure, "unit": self.unit_, "base": self.base_, "level": self.level_}
        line = None if self.line_ is None else list(self.line_)
        parts = {"weights": dict(self.weights_), "roles": dict(self.roles_), "line": line}
        return {**level, **parts, "interval": self.interval_.state()}

    @classmethod
    def from_state(cls, boosters: Mapping[str, lgb.Booster], state: Mapping[str, Any], *, threads: int) -> Self:
        """Rebuild a fitted model from its :meth:`boosters` and :meth:`state`."""
        model = cls(threads=threads, measure=state["measure"])
        model.booster_ = boosters[boosting.MAIN]
        model.n_features_in_ = model.booster_.num_feature()
        model.others_ = {name: booster for name, booster in boosters.items() if name != boosting.MAIN}
        model.unit_, model.base_, model.level_ = (float(state[key]) for key in ("unit", "base", "level"))
        model.weights_, model.roles_ = dict(state["weights"]), dict(state["roles"])
        model.line_ = None if state["line"] is None else (float(state["line"][0]), float(state["line"][1]))
        model.interval_ = ValueInterval.from_state(state["interval"])
        return model


def value_roles(
    names: Sequence[str], *, source: str, measure: Literal["amount", "count"], horizon_days: float, asked_days: float
) -> dict[str, int]:
    """Return which features are expectations of buy-till-you-die models, by their names.

    Parameters
    ----------
    names : sequence of str
        Features in matrix order.
    source : str
        Table of the events that value is made of.
    measure : {"amount", "count"}
        Expected value, or expected purchases.
    horizon_days, asked_days : float
        Labelled horizon and the one to predict.

    Returns
    -------
    dict
        ``expected``: the column of the horizon nearest to the labelled one; ``expected_far``: that of the asked one,
        where it is longer and both are there exactly. Empty without such columns.
    """
    stem = f"{source}_expected_{'value' if measure == 'amount' else 'purchases'}_"
    found = {}
    for place, name in enumerate(names):
        days = name.removeprefix(stem).removesuffix("d")
        if name.startswith(stem) and days.replace(".", "", 1).isdigit():
            found[float(days)] = place
    if not found:
        return {}
    nearest = min(found, key=lambda days: (abs(np.log(days / horizon_days)), days))
    roles = {"expected": found[nearest]}
    if asked_days > horizon_days and {horizon_days, asked_days} <= set(found):
        roles["expected_far"] = found[asked_days]
    return roles


def check_values(y: Floats, *, least: int = MIN_ROWS_WITH_VALUE) -> None:
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
    if n_positive < least:
        raise DataError(
            f"{n_positive} rows with a positive value: at least {least} are needed",
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


def _joined_two(raw: Mapping[str, Floats]) -> dict[str, Floats]:
    """Replace the raw scores of *any* and *size* by the logarithm of their product."""
    joined = {name: score for name, score in raw.items() if name not in BOTH}
    if set(BOTH) <= set(raw):
        joined[TWO] = raw["size"] - np.logaddexp(0.0, -raw["any"])
    return joined


def _expected_unseen(rows: ValueRows, expected: Floats) -> Floats:
    parts = []
    for learn, check in rows.splits:
        weight = None if rows.weight is None else rows.weight[learn]
        intercept, slope = fit_line(expected[learn], rows.target[learn], weight)
        parts.append(intercept + slope * expected[check])
    return np.concatenate(parts)


def _newest(checked: npt.NDArray[np.int64], actual: Floats, valid: npt.NDArray[np.bool_] | None) -> npt.NDArray[Any]:
    """Return the places of the newest among the checked rows, or all where these are too few."""
    if valid is None:
        return np.arange(checked.size)
    inside = np.flatnonzero(valid[checked])
    return inside if has_value(actual[checked[inside]]) else np.arange(checked.size)
