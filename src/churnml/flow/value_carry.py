"""Checks of the value model with the churn model: carrying beyond labels, and whether the two agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.estimators.artifact import load
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.extension import check_extension
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.estimators.value_agreement import value_agreement
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.learning import LearnableRows, LearningTask
from churnml.flow.roles import value_purchases
from churnml.flow.staying import staying_curves, staying_days
from churnml.flow.value_horizon import factor_of_steps
from churnml.timeline import DAY_US

__all__ = ["value_checks"]

Floats = npt.NDArray[np.float64]
_LEAST_ROWS = 20


def value_checks(
    params: Params,
    task: LearningTask,
    *,
    features: Path,
    churn_model: Path,
    value: ValueRegressor,
    spec: FeatureSpec,
) -> dict[str, Any]:
    """Return what the value model's record says of the two checks.

    Parameters
    ----------
    params : Params
    task : LearningTask
        Of value.
    features, churn_model : Path
    value : ValueRegressor
        Fitted.
    spec : FeatureSpec
        Its features.

    Returns
    -------
    dict
        ``extension``, where value is carried beyond its labels: ``from_days``, ``to_days``, ``ratio``, ``correction``
        and ``n``, see :class:`churnml.estimators.extension.ExtensionCheck`. ``agreement`` of customers at ``as_of``,
        where there are enough: see :class:`churnml.estimators.value_agreement.ValueAgreement`.
    """
    loaded = load(churn_model, trusted=True, threads=params.train.threads)
    if not isinstance(loaded.model, ChurnClassifier):
        return {}
    found = {}
    if task.rows.half is not None:
        found["extension"] = _extension(params, task, task.rows.half, loaded.model, loaded.spec)
    scored = read_buckets(features, keep=lambda _, table: observed_at(table, task.plan.as_of)).sort_by("customer_id")
    spend = task.roles.get("spend")
    if scored.num_rows >= _LEAST_ROWS and spend in scored.column_names:
        p_churn = loaded.model.churn_probability(to_matrix(scored, loaded.spec))
        past = scored[spend].to_numpy().astype(np.float64)
        agreement = value_agreement(value.predict(to_matrix(scored, spec), horizon_factor=1.0), p_churn, past)
        found["agreement"] = {name: getattr(agreement, name) for name in agreement.__slots__}
    return found


def _extension(
    params: Params, task: LearningTask, half: Floats, classifier: ChurnClassifier, spec: FeatureSpec
) -> dict[str, float]:
    """Carry what came in half the labelled horizon to all of it, and compare with what came there.

    Customers, not snapshots, are what chance draws: all snapshots of one count together.
    """
    edges = np.array([0.0, task.plan.value_half_us / DAY_US, task.horizon_days])
    cumulated = _cumulated(params, task.rows, edges, classifier=classifier, spec=spec)
    factor = factor_of_steps(params, cumulated, edges, near_days=float(edges[1]))
    of_customer = np.unique(task.rows.customers, return_inverse=True)[1]
    near, far = (_totals(of_customer, amounts) for amounts in (half * factor, task.rows.y))
    check = check_extension(near, far, np.ones(near.size))
    days = {"from_days": float(edges[1]), "to_days": float(edges[2])}
    return {**days, "ratio": check.ratio, "correction": check.correction, "n": check.n_rows}


def _totals(of_customer: npt.NDArray[np.int64], amounts: Floats) -> Floats:
    return np.bincount(of_customer, weights=amounts).astype(np.float64)


def _cumulated(
    params: Params, rows: LearnableRows, edges: Floats, *, classifier: ChurnClassifier, spec: FeatureSpec
) -> Floats:
    """Return expected purchases, or expected time as a customer, up to each edge, as known at each snapshot."""
    source = value_purchases(params)
    names = [f"{source}_expected_purchases_{days:g}d" for days in edges[1:]]
    if not source or not set(names) <= set(rows.table.column_names):
        X = to_matrix(rows.table, spec)
        return staying_days(params, staying_curves(params, classifier, X, classifier.churn_probability(X)), edges)
    expected = np.column_stack([np.zeros(len(rows.y)), *(rows.table[name].to_numpy() for name in names)])
    steady = np.broadcast_to(edges, expected.shape)
    return np.where(np.isfinite(expected).all(axis=1, keepdims=True), expected, steady).astype(np.float64)
