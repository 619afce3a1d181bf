"""Backtests: model and simple rules learn from the same rows and are scored on the same later ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

from churnml.errors import ChurnmlError, DataError
from churnml.estimators.baselines import Baseline, churn_baselines, value_baselines
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.matrix import KEYS, FeatureSpec, spec_of, to_matrix
from churnml.evaluation.folds import Fold, LearningRows, OrderedRows
from churnml.evaluation.hazard_rows import HazardRows
from churnml.evaluation.slices import describing_columns

__all__ = [
    "HALF_LIFE_DAYS",
    "MODEL",
    "TOO_LITTLE",
    "Predictions",
    "backtest_churn",
    "backtest_value",
    "fit_final_churn",
    "fit_final_value",
]

Floats = npt.NDArray[np.float64]
MODEL = "churnml"
HALF_LIFE_DAYS = 365.0
TOO_LITTLE = {"data.one_class", "data.too_few_of_class", "data.constant_target", "data.too_few_values"}
"""An early fold may hold too little to learn from; the others are evaluated all the same."""
_RULES = {
    "churn": ("recency", "frequency", "tenure", "bgnbd", "logistic", "rfm_lightgbm"),
    "clv": ("last_spend", "frequency", "formula", "bgnbd_gamma_gamma", "rfm_lightgbm"),
}


@dataclass(frozen=True)
class Predictions:
    """What model and rules said of rows they had not seen.

    Parameters
    ----------
    kind : {"churn", "clv"}
        Which outcome.
    table : pa.Table
        ``fold``, ``customer_id``, ``observation_date`` (where there is one), ``y``; then for churn
        ``p_churnml`` and one ``p_<rule>`` per rule, for value ``v_churnml``, ``v_low``, ``v_high`` and one
        ``v_<rule>`` per rule. A rule that could not be fitted is NaN. Last what describes a row, see
        :func:`churnml.evaluation.slices.describing_columns`.
    absent : mapping of str to str
        Rules that could not be fitted in some fold, and why.
    skipped : mapping of str to str
        Folds without enough to learn from, and why.
    fits : list of dict
        Per fold: rows learned from and scored, horizon, trees, weights of the parts, calibration or level.
    reasons : pa.Table or None
        Churn: what undoing reasons does, and whether the next model names them too.
    """

    kind: Literal["churn", "clv"]
    table: pa.Table
    absent: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    fits: Sequence[Mapping[str, Any]] = ()
    reasons: pa.Table | None = None

    @property
    def prefix(self) -> str:
        """Return what the prediction columns start with."""
        return "p_" if self.kind == "churn" else "v_"

    def models(self) -> list[str]:
        """Return the names of the model and of all rules with a prediction in every row."""
        names = [MODEL, *_RULES[self.kind]]
        there = [name for name in names if self.prefix + name in self.table.column_names]
        return [name for name in there if np.isfinite(self.values(self.prefix + name)).all()]

    def values(self, column: str) -> Floats:
        """Return a numeric column, shape (n_rows,)."""
        return np.asarray(self.table.column(column).to_numpy(), dtype=np.float64)


def fit_final_churn(
    features: pa.Table,
    y: npt.ArrayLike,
    fold: Fold,
    *,
    seed: int,
    threads: int,
    forbidden: Collection[str] = (),
    half_life_days: float | None = HALF_LIFE_DAYS,
    overrides: Mapping[str, Any] | None = None,
    tuned: Mapping[str, Any] | None = None,
    hazard: HazardRows | None = None,
    as_of: int | None = None,
    monotone: Mapping[str, int] | None = None,
) -> tuple[ChurnClassifier, FeatureSpec]:
    """Fit the churn model of one fold; the order of the table's rows does not matter.

    Parameters
    ----------
    features : pa.Table
        ``customer_id``, ``observation_date`` and the features.
    y : array_like of {0, 1}, shape (n_rows,)
        1 = churned; rows of no part of the fold may hold anything.
    fold : Fold
        Rows to learn from; its test rows are not touched.
    seed, threads : int
        Seed of all draws; threads, without influence on the result.
    forbidden : collection of str
        Columns not to be used.
    half_life_days : float or None
        A snapshot this much older than the newest counts half.
    overrides : mapping, optional
        LightGBM parameters instead of those chosen by size.
    tuned : mapping, optional
        LightGBM parameters that a search has found, for the main trees.
    hazard : HazardRows, optional
        What a hazard is learned from, up to ``as_of`` (microseconds).
    monotone : mapping of str to int, optional
        Features whose effect may only go up (1) or down (-1).
    """
    learning = OrderedRows.of(features, y).learning(fold, half_life_days=half_life_days)
    model = ChurnClassifier(seed=seed, threads=threads, overrides=overrides, tuned=tuned)
    when = None if hazard is None or as_of is None else _When(hazard, as_of, is_kept=True)
    return model, _fit(model, learning, forbidden=forbidden, when=when, monotone=monotone)


def fit_final_value(
    features: pa.Table,
    y: npt.ArrayLike,
    fold: Fold,
    *,
    seed: int,
    threads: int,
    measure: Literal["amount", "count"] = "amount",
    forbidden: Collection[str] = (),
    half_life_days: float | None = HALF_LIFE_DAYS,
    overrides: Mapping[str, Any] | None = None,
    tuned: Mapping[str, Any] | None = None,
    expected: str | None = None,
) -> tuple[ValueRegressor, FeatureSpec]:
    """Fit the value model of one fold; parameters as `fit_final_churn`, ``y`` in the unit of ``measure``.

    ``expected`` names the feature that holds what a buy-till-you-die model expects in the horizon, if there is one.
    """
    learning = OrderedRows.of(features, y).learning(fold, half_life_days=half_life_days)
    model = ValueRegressor(measure=measure, seed=seed, threads=threads, overrides=overrides, tuned=tuned)
    return model, _fit(model, learning, forbidden=forbidden, expected=expected)


def backtest_churn(
    features: pa.Table,
    y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    roles: Mapping[str, str],
    horizon_days: float,
    seed: int,
    threads: int,
    forbidden: Collection[str] = (),
    half_life_days: float | None = HALF_LIFE_DAYS,
    overrides: Mapping[str, Any] | None = None,
    tuned: Mapping[str, Mapping[str, Any]] | None = None,
    hazard: HazardRows | None = None,
    monotone: Mapping[str, int] | None = None,
    watch: Callable[[str, ChurnClassifier, FeatureSpec, pa.Table], None] | None = None,
) -> Predictions:
    """Backtest the churn model and its rules on every fold.

    Parameters
    ----------
    features, y, seed, threads, forbidden, half_life_days, overrides, hazard, monotone
        As `fit_final_churn`.
    folds : sequence of Fold
        With test rows.
    tuned : mapping of str to mapping, optional
        LightGBM parameters that a search has found for the main trees, by the fold's name.
    roles : mapping of str to str
        Feature columns by role, see `churnml.estimators.baselines.churn_baselines`; ``spend`` is also the value that
        leaves with a customer.
    horizon_days : float
        Length of the outcome window, for BG/NBD.
    watch : callable, optional
        Shown each fold's name, model, features and tested rows, in any order.

    Raises
    ------
    DataError
        If no fold has enough to learn from.
    """
    data = OrderedRows.of(features, y)

    def run(fold: Fold) -> _Scored:
        learning = data.learning(fold, half_life_days=half_life_days)
        model = ChurnClassifier(seed=seed, threads=1, overrides=overrides, tuned=(tuned or {}).get(fold.name))
        test = data.table.take(data.rows(fold.test))
        spec = _fit(model, learning, forbidden=forbidden, when=_tested(hazard, test), monotone=monotone)
        rules, absent = churn_baselines(roles, test.column_names, spec=spec, horizon_days=horizon_days, seed=seed)
        columns = {"p_" + MODEL: model.churn_probability(to_matrix(test, spec))}
        if watch is not None:
            watch(fold.name, model, spec, test)
        columns |= _by_rules(rules, learning, test, absent=absent, prefix="p_", names=_RULES["churn"])
        facts = {"horizon_days": horizon_days, **_facts(fold, model, learning, spec)}
        return _Scored(columns, absent, facts, describing_columns(test, roles))

    return _over_folds("churn", data, folds, run, threads=threads)


def backtest_value(
    features: pa.Table,
    y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    roles: Mapping[str, str],
    horizon_days: float,
    seed: int,
    threads: int,
    measure: Literal["amount", "count"] = "amount",
    forbidden: Collection[str] = (),
    half_life_days: float | None = HALF_LIFE_DAYS,
    overrides: Mapping[str, Any] | None = None,
    tuned: Mapping[str, Mapping[str, Any]] | None = None,
) -> Predictions:
    """Backtest the value model and its rules on every fold; parameters as `backtest_churn`.

    For ``measure="count"`` pass roles without ``mean_spend``, and as ``spend`` the last period's count.
    """
    data = OrderedRows.of(features, y)

    def run(fold: Fold) -> _Scored:
        learning = data.learning(fold, half_life_days=half_life_days)
        model = ValueRegressor(
            measure=measure, seed=seed, threads=1, overrides=overrides, tuned=(tuned or {}).get(fold.name)
        )
        spec = _fit(model, learning, forbidden=forbidden, expected=roles.get("expected"))
        test = data.table.take(data.rows(fold.test))
        rules, absent = value_baselines(roles, test.column_names, horizon_days=horizon_days, seed=seed)
        ahead = model.forecast(to_matrix(test, spec), horizon_factor=1.0)
        columns = {"v_" + MODEL: ahead.value, "v_low": ahead.low, "v_high": ahead.high}
        columns |= _by_rules(rules, learning, test, absent=absent, prefix="v_", names=_RULES["clv"])
        facts = {"horizon_days": horizon_days, **_facts(fold, model, learning, spec)}
        return _Scored(columns, absent, facts, describing_columns(test, roles))

    return _over_folds("clv", data, folds, run, threads=threads)


@dataclass(frozen=True)
class _Scored:
    columns: dict[str, Floats]
    absent: dict[str, str]
    facts: dict[str, Any]
    describing: dict[str, pa.ChunkedArray]


@dataclass(frozen=True)
class _When:
    """What a hazard is learned from, and the date of the rows it will score."""

    rows: HazardRows
    tested: int
    is_kept: bool = False


def _tested(hazard: HazardRows | None, test: pa.Table) -> _When | None:
    if hazard is None:
        return None
    return _When(hazard, int(test["observation_date"].cast(pa.int64()).to_numpy().min()))


def _fit(
    model: ChurnClassifier | ValueRegressor,
    learning: LearningRows,
    *,
    forbidden: Collection[str],
    expected: str | None = None,
    when: _When | None = None,
    monotone: Mapping[str, int] | None = None,
) -> FeatureSpec:
    spec = spec_of(learning.table, forbidden=forbidden)
    further: dict[str, Any] = {"dates": learning.dates}
    if isinstance(model, ChurnClassifier):
        model.monotone = {spec.names.index(name): sign for name, sign in (monotone or {}).items() if name in spec.names}
    if when is not None and learning.valid is not None and learning.dates is not None:
        checked = int(learning.dates[learning.valid].min())
        further["partner"] = when.rows.partner(
            spec, checked=checked, tested=when.tested, is_kept=when.is_kept, monotone=model.get_params()["monotone"]
        )
    if isinstance(model, ValueRegressor):
        further["roles"] = {"expected": spec.names.index(expected)} if expected in spec.names else {}
    model.fit(
        to_matrix(learning.table, spec),
        learning.y,
        categorical=spec.categorical,
        sample_weight=learning.weight,
        groups=learning.customers,
        valid=learning.valid,
        between=learning.between,
        **further,
    )
    return spec


def _by_rules(
    rules: Sequence[Baseline],
    learning: LearningRows,
    test: pa.Table,
    *,
    absent: dict[str, str],
    prefix: str,
    names: Sequence[str],
) -> dict[str, Floats]:
    """Return each rule's predictions; a rule that cannot be fitted is named in ``absent`` and stays NaN."""
    columns = {prefix + name: np.full(test.num_rows, np.nan) for name in names}
    for rule in rules:
        try:
            columns[prefix + rule.name] = rule.fit(learning.table, learning.y).predict(test)
        except ChurnmlError as error:
            absent[rule.name] = error.problem
    return columns


def _facts(
    fold: Fold, model: ChurnClassifier | ValueRegressor, learning: LearningRows, spec: FeatureSpec
) -> dict[str, Any]:
    rows = {"n_train": fold.train.size, "n_valid": fold.valid.size, "n_between": fold.between.size}
    state = {key: value for key, value in model.state().items() if key != "interval"}
    size = {"n_test": fold.test.size, "n_features": len(spec.names), "n_rounds": model.n_rounds_}
    return {"fold": fold.name, **rows, **size, "mean_outcome": float(learning.y.mean()), **state}


def _side_by_side(
    folds: Sequence[Fold], run: Callable[[Fold], _Scored], *, threads: int
) -> Iterator[_Scored | DataError]:
    """Yield each fold's result in order; folds run beside each other, each on one thread, which cores like best."""

    def guarded(fold: Fold) -> _Scored | DataError:
        try:
            return run(fold)
        except DataError as error:
            if error.rule not in TOO_LITTLE:
                raise
            return error

    # One limit around all: a limit set and lifted by one fold would change the sums of another.
    with threadpool_limits(limits=1), ThreadPoolExecutor(max_workers=threads) as pool:
        yield from pool.map(guarded, folds)


def _over_folds(
    kind: Literal["churn", "clv"],
    data: OrderedRows,
    folds: Sequence[Fold],
    run: Callable[[Fold], _Scored],
    *,
    threads: int,
) -> Predictions:
    pieces: list[pa.Table] = []
    absent: dict[str, str] = {}
    skipped: dict[str, str] = {}
    fits: list[dict[str, Any]] = []
    last: DataError | None = None
    for fold, scored in zip(folds, _side_by_side(folds, run, threads=threads), strict=True):
        if isinstance(scored, DataError):
            skipped[fold.name], last = scored.problem, scored
            continue
        rows = data.rows(fold.test)
        keys = data.table.select([name for name in KEYS if name in data.table.column_names]).take(rows)
        names = pa.array([fold.name] * rows.size, pa.string())
        columns = dict(zip(keys.column_names, keys.columns, strict=True))
        pieces.append(pa.table({"fold": names, **columns, "y": data.y[rows], **scored.columns, **scored.describing}))
        absent |= {rule: f"{fold.name}: {why}" for rule, why in scored.absent.items() if rule not in absent}
        fits.append(scored.facts)
    if not pieces:
        raise last or DataError("no fold to evaluate on", rule="data.no_folds", count=0)
    return Predictions(kind, pa.concat_tables(pieces), absent, skipped, fits)
