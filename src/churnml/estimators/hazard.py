"""When: a discrete-time hazard, from which risks over all horizons follow and agree."""

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
from churnml.estimators.calibrator import sigmoid
from churnml.estimators.durations import Durations
from churnml.estimators.hazard_fit import Stacked, fit_trees, stacked
from churnml.estimators.hazard_level import expected_level, level_by_bin, period_and_calendar
from churnml.estimators.person_periods import MIN_EVENTS, PersonPeriods, at_period, period_edges, stack_periods
from churnml.estimators.shapley import TreeExplainer
from churnml.estimators.survival import SurvivalCurves
from churnml.estimators.walk import raw_scores

__all__ = ["HazardModel"]

_FASTEST = 0.05
"""Rate of learning at most: under drift few trees are wanted, and those should not be coarse ones."""


@dataclass(kw_only=True)
class HazardModel:
    """Probability of the event in each period after a snapshot, given none before it.

    Each snapshot is learned from once for every period in which it was at risk, with its features at *t*, the begin of
    the period, and what moves by itself moved there; so the newest snapshots count although no whole horizon has
    passed since. What all customers share at a time is kept apart from the trees and foretold by itself.

    Parameters
    ----------
    horizon_days : float
        The horizon that decides the periods; risks can be asked for any other.
    is_return : bool
        The event is that a customer comes back: risk is the probability that it does **not** happen.
    half_life_days : float or None
        A period that began this much earlier than the newest counts half; None: all count the same.
    max_rows : int
        About so many rows of the stacked table at most, and not more than four times the snapshots where that is
        above 200,000: whole customers are left out by a hash.
    seed : int
        Seed of every random draw.
    threads : int
        Threads of LightGBM; the result is the same for any number.
    max_rounds : int
        At most this many trees; fewer where later periods are foretold no better.
    overrides : mapping, optional
        LightGBM parameters that replace those chosen by table size; ``monotone_constraints`` name the features only.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        Its last feature is the begin of the period, days.
    edges_ : ndarray, shape (n_periods + 1,)
        Days after ``t + lead``.
    offsets_ : ndarray, shape (n_periods,)
        Log odds of each period, to which those of the trees and the level are added.
    slope_ : float
        By how much what the trees say is stretched; above 1 where they were stopped early.
    level_ : float
        Log odds that the expected level of the next horizon adds.
    columns_ : ndarray of int64
        Columns of the matrix that are looked at.
    advancing_ : dict of int to int
        Which of them move by themselves.
    settings_ : dict
        LightGBM parameters used.
    n_rounds_ : int
        Number of trees.

    References
    ----------
    .. [1] Singer and Willett (1993). It's about time: using discrete-time survival analysis to study duration and the
       timing of events. J. Educational Statistics 18(2).
    .. [2] van Houwelingen (2007). Dynamic prediction by landmarking in event history analysis. Scand. J. Statistics
       34(1).
    """

    horizon_days: float = 90.0
    is_return: bool = False
    half_life_days: float | None = 365.0
    max_rows: int = 2_000_000
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
        durations: Durations,
        *,
        dates: Floats,
        categorical: Sequence[int] = (),
        advancing: Mapping[int, int] | None = None,
        sample_weight: Floats | None = None,
        groups: npt.NDArray[Any] | None = None,
        columns: Sequence[int] | npt.NDArray[np.int64] | None = None,
        monotone: Mapping[int, int] | None = None,
    ) -> Self:
        """Learn from rows in a fixed order; the same rows in another order give another model.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            Features at *t*; NaN = missing; categories as level numbers.
        durations : Durations
            Rows of which nothing was observed are passed over.
        dates : ndarray, shape (n_rows,)
            Days at which the outcome of each row begins, ``t + lead``, from any common origin.
        categorical : sequence of int
            Columns of ``X`` that hold level numbers.
        advancing : mapping of int to {1, -1}, optional
            Columns that grow (ages) or shrink (days to a planned end) by a day a day, see
            :func:`churnml.estimators.person_periods.advancing_columns`.
        sample_weight : ndarray, shape (n_rows,), optional
            Weights, beside those of ``half_life_days``.
        groups : ndarray of int, shape (n_rows,), optional
            Customer of each row; without it each row is a customer.
        columns : sequence of int, optional
            Columns of ``X`` that are looked at, ascending; by default all.
        monotone : mapping of int to {1, -1}, optional
            Columns whose effect on the risk of churn may only go up or down.

        Raises
        ------
        DataError
            If lengths differ, a duration is impossible, or fewer than 20 events, or 20 periods without one, were seen.
        """
        boosting.check_matrix(X, np.asarray(dates, dtype=np.float64))
        durations.check(X.shape[0])
        self.n_features_in_ = X.shape[1]
        self.columns_ = np.arange(X.shape[1]) if columns is None else np.asarray(columns, dtype=np.int64)
        place = {int(column): at for at, column in enumerate(self.columns_)}
        self.advancing_ = {place[c]: int(sign) for c, sign in sorted((advancing or {}).items()) if c in place}
        categorical = [place[column] for column in categorical if column in place]
        self.edges_ = period_edges(durations, horizon_days=self.horizon_days)
        periods = stack_periods(durations, self.edges_)
        _check_events(periods, durations)
        customer = np.arange(X.shape[0]) if groups is None else np.unique(groups, return_inverse=True)[1]
        rows = stacked(
            periods,
            self.edges_,
            dates=np.asarray(dates, dtype=np.float64),
            customer=customer,
            max_rows=self.max_rows,
            seed=self.seed,
        )
        weight = rows.weights(sample_weight, half_life_days=self.half_life_days)
        design = at_period(X[np.ix_(rows.row, self.columns_)], self.edges_[rows.period], self.advancing_)
        self.settings_ = self._settings(rows, n_features=design.shape[1])
        barred = {place[c]: -sign if self.is_return else sign for c, sign in (monotone or {}).items() if c in place}
        if barred:
            self.settings_["monotone_constraints"] = [barred.get(at, 0) for at in range(design.shape[1])]
        fitted = fit_trees(design, rows, weight, self.settings_, categorical=categorical, max_rounds=self.max_rounds)
        self.booster_, self.n_rounds_, self.slope_ = fitted.booster, fitted.n_rounds, fitted.slope
        raw = raw_scores(self.booster_, design, threads=self.threads)
        self.offsets_, self.level_ = _offsets_and_level(self.slope_ * raw, rows)
        return self

    def _settings(self, rows: Stacked, *, n_features: int) -> dict[str, Any]:
        """Return settings for the table's size, with trees half as large: hazards are near to additive."""
        size = (rows.row.size, np.unique(rows.customer).size, n_features)
        chosen = boosting.settings_for(*size, seed=self.seed, threads=self.threads)
        given = dict(self.overrides)
        if "monotone_constraints" in given:
            given["monotone_constraints"] = [*given["monotone_constraints"], 0]
        chosen["num_leaves"] = max(4, chosen["num_leaves"] // 2)
        chosen["learning_rate"] = min(_FASTEST, chosen["learning_rate"])
        return {**chosen, "objective": "binary", "metric": "binary_logloss", **given}

    def curves(self, X: Matrix) -> SurvivalCurves:
        """Return every row's curve from ``t + lead`` on; errors as :meth:`survival`."""
        if X.shape[1] != self.n_features_in_:
            raise ModelError(
                f"{X.shape[1]} features where the model has {self.n_features_in_}",
                rule="model.features_differ",
            )
        X, hazard = self._seen(X), np.empty((X.shape[0], len(self.offsets_)))
        for period, start in enumerate(self.edges_[:-1]):
            design = at_period(X, float(start), self.advancing_)
            raw = raw_scores(self.booster_, design, threads=self.threads)
            hazard[:, period] = sigmoid(self.slope_ * raw + self.offsets_[period] + self.level_)
        return SurvivalCurves(self.edges_, hazard)

    def survival(self, X: Matrix, days: Sequence[float]) -> Floats:
        """Return the probability that no event comes within so many days after ``t + lead``.

        Inside a period the hazard is constant; after the last one its hazard goes on.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
        days : sequence of float
            Not negative.

        Returns
        -------
        ndarray, shape (n_rows, n_days)

        Raises
        ------
        ModelError
            If the number of features differs from training.
        """
        return self.curves(X).at(days)

    def risk(self, X: Matrix, days: Sequence[float]) -> Floats:
        """Return the probability of churn within so many days, shape (n_rows, n_days).

        It grows with the days. Where the event is a return, churn is silence during all of them: it falls.
        """
        survival = self.survival(X, days)
        return survival if self.is_return else 1.0 - survival

    def predict_proba(self, X: Matrix) -> Floats:
        """Return the probability of churn within the horizon, shape (n_rows,)."""
        return self.risk(X, [self.horizon_days])[:, 0]

    def contributions(self, X: Matrix) -> Floats:
        """Return what each column adds to the log odds of churn, shape (n_rows, n_features), in the middle period.

        Exact for that period's hazard, which stands for the horizon's risk; of a return the sign is turned.
        """
        middle = float(self.edges_[:-1][len(self.offsets_) // 2])
        design = at_period(self._seen(X), middle, self.advancing_)
        found = np.zeros((X.shape[0], self.n_features_in_))
        by_column = TreeExplainer.of(self.booster_)(design, threads=self.threads)
        found[:, self.columns_] = by_column[:, : len(self.columns_)]
        return (-self.slope_ if self.is_return else self.slope_) * found

    def _seen(self, X: Matrix) -> Matrix:
        return X if len(self.columns_) == self.n_features_in_ else X[:, self.columns_]

    def expected_days(self, X: Matrix, *, cap_days: float) -> Floats:
        """Return the expected days to the event, those beyond the cap counted as the cap (restricted mean)."""
        return self.curves(X).restricted_mean(cap_days)

    def contact_by(self, X: Matrix, *, share: float = 0.5, horizon_days: float | None = None) -> Floats:
        """Return within how many days after *t* to contact, shape (n_rows,).

        A share of the events to be expected within the horizon has come by this day after ``t + lead``; taking off
        the lead, in which the contact takes effect, leaves the same number of days after *t*. Where the event is a
        return, that share of those who come back at all have come back by then.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
        share : float
            In (0, 1].
        horizon_days : float, optional
            Default: that of the model.
        """
        return self.curves(X).quantile(share, within_days=horizon_days or self.horizon_days)

    def state(self) -> dict[str, Any]:
        """Return what stands beside the trees, as plain values."""
        return {
            "horizon_days": float(self.horizon_days),
            "is_return": bool(self.is_return),
            "edges_days": self.edges_.tolist(),
            "offsets": self.offsets_.tolist(),
            "slope": self.slope_,
            "level": self.level_,
            "n_features": int(self.n_features_in_),
            "columns": self.columns_.tolist(),
            "advancing": [[column, sign] for column, sign in self.advancing_.items()],
        }

    @classmethod
    def from_state(cls, booster: lgb.Booster, state: Mapping[str, Any], *, threads: int) -> Self:
        """Rebuild a fitted model from its trees and :meth:`state`."""
        model = cls(horizon_days=state["horizon_days"], is_return=state["is_return"], threads=threads)
        model.booster_, model.slope_, model.level_ = booster, float(state["slope"]), float(state["level"])
        model.edges_, model.offsets_ = np.array(state["edges_days"]), np.array(state["offsets"])
        model.n_features_in_, model.columns_ = int(state["n_features"]), np.array(state["columns"], dtype=np.int64)
        model.advancing_ = {int(column): int(sign) for column, sign in state["advancing"]}
        return model


def _offsets_and_level(score: Floats, rows: Stacked) -> tuple[Floats, float]:
    """Return the log odds of the periods, once the trees are known, and the level to expect of the calendar.

    The periods are fitted anew: trees stopped early leave some of what they have in common to them, and not the same
    in short periods as in long ones.
    """
    offsets, _ = period_and_calendar(rows.period, rows.place, rows.is_event, score=score)
    inside = rows.is_in_horizon if rows.is_in_horizon.any() else np.ones(rows.row.size, dtype=bool)
    found = level_by_bin((score + offsets[rows.period])[inside], rows.is_event[inside], rows.place[inside])
    return offsets, expected_level(*found, horizon_bins=rows.bins_in_horizon)


def _check_events(periods: PersonPeriods, durations: Durations) -> None:
    """Refuse to learn when from hardly any event, or from nothing else."""
    n_events = int(periods.is_event.sum())
    n_rarer = min(n_events, periods.row.size - n_events)
    counts = f"{n_events} periods with an event and {periods.row.size - n_events} without"
    counts += f", from {int(durations.is_observed.sum())} snapshots"
    if n_rarer < MIN_EVENTS:
        raise DataError(
            f"too little to learn from when it happens: {counts}, at least {MIN_EVENTS} of each are needed",
            rule="data.no_events" if n_rarer == 0 else "data.too_few_events",
            column="event_days",
            count=n_rarer,
            next_step="Check churn.definition and churn.horizon_days, or deliver a longer history.",
        )
