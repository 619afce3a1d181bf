"""How long customers are expected to stay, what serving them costs meanwhile, and what their contracts pay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.boosting import Matrix
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.contract_value import contract_value
from churnml.estimators.survival import SurvivalCurves
from churnml.flow.risks import bent_curves

__all__ = ["contract_worth", "is_contract", "serving_cost", "staying_curves", "staying_days"]

Floats = npt.NDArray[np.float64]
YEAR_DAYS = 365.0
_MONTH_DAYS = YEAR_DAYS / 12
_HIGHEST = 1 - 1e-9
_LEAST_HAZARD = 1e-12


def staying_curves(params: Params, classifier: ChurnClassifier, X: Matrix, p_churn: Floats) -> SurvivalCurves:
    """Return for each customer the probability of still being one, by days after the lead.

    With a hazard of leaving its curve, bent to give ``p_churn`` over the churn horizon. Otherwise, and where churn is
    silence, of which one can come back, a constant hazard that gives ``p_churn``.
    """
    horizon = float(params.churn.horizon_days)
    hazard = classifier.hazard_
    if hazard is not None and not hazard.is_return:
        return bent_curves(hazard, X, p_churn, horizon_days=horizon)
    least = -np.expm1(-_LEAST_HAZARD * horizon)
    return SurvivalCurves(np.array([0.0, horizon]), np.clip(p_churn, least, _HIGHEST)[:, None])


def staying_days(params: Params, curves: SurvivalCurves, edges: Floats) -> Floats:
    """Return the expected days as a customer up to each edge (days after *t*), shape (n_rows, n_edges)."""
    lead = float(params.churn.lead_days)
    return np.column_stack([min(edge, lead) + curves.restricted_mean(max(edge - lead, 0.0)) for edge in edges])


def serving_cost(params: Params, curves: SurvivalCurves) -> Floats:
    """Return what serving each customer is expected to cost within the value horizon, discounted, shape (n_rows,).

    The yearly cost times the expected years as a customer; each month's part counts at its middle.
    """
    clv = params.clv
    if clv is None or not clv.cost_to_serve_yearly:
        return np.zeros(len(curves.hazard))
    edges = _month_ends(float(clv.horizon_days))
    stayed = np.diff(staying_days(params, curves, edges), axis=1) / YEAR_DAYS
    worth = (1.0 + clv.discount_rate_yearly) ** (-(edges[1:] + edges[:-1]) / 2 / YEAR_DAYS)
    return np.asarray(clv.cost_to_serve_yearly * (stayed * worth).sum(axis=1), dtype=np.float64)


def is_contract(params: Params) -> bool:
    """Return whether value is what a contract pays whose end is churn."""
    clv, churn = params.clv, params.churn
    return (
        clv is not None
        and clv.measure == "amount"
        and churn.definition == "spell_end"
        and churn.table == clv.table
        and "spells" in params.features.families
    )


def contract_worth(params: Params, rows: pa.Table, curves: SurvivalCurves) -> Floats:
    """Return the value of contracts from today's fee and the probability of staying, the cost to serve taken off.

    Raises
    ------
    ModelError
        If value is not what such contracts pay.
    """
    clv = params.clv
    if clv is None or not is_contract(params):
        raise ModelError("value is not what a contract pays", rule="model.kind", file="params.yaml", column="clv")
    edges, lead = _month_ends(float(clv.horizon_days)), float(params.churn.lead_days)
    period = float(edges[1])
    fee = np.nan_to_num(rows[f"{clv.table}_amount_now"].to_numpy().astype(np.float64)) * period / _MONTH_DAYS
    return contract_value(
        np.minimum.accumulate(curves.at(np.maximum(edges[1:] - lead, 0.0)), axis=1),
        fee,
        period_days=period,
        margin=clv.margin,
        discount_rate_yearly=clv.discount_rate_yearly,
        cost_to_serve_yearly=clv.cost_to_serve_yearly,
    )


def _month_ends(horizon_days: float) -> Floats:
    """Return equal periods of about a month that end with the horizon."""
    return np.linspace(0.0, horizon_days, max(1, round(horizon_days / _MONTH_DAYS)) + 1)
