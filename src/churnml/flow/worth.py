"""What each scored customer is worth: of the value model, of the contract, or of a declared column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.btyd import BuyingModel
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.clv import ValueForecast, ValueRegressor
from churnml.estimators.matrix import to_matrix
from churnml.estimators.survival import SurvivalCurves
from churnml.estimators.value_agreement import cap_value
from churnml.features.columns import slug
from churnml.flow.staying import contract_worth, is_contract, serving_cost
from churnml.flow.value_horizon import correction_for, horizon_factor

__all__ = ["customer_worth", "ends_value"]

Floats = npt.NDArray[np.float64]


def customer_worth(
    params: Params,
    model: LoadedModel | None,
    rows: pa.Table,
    p_churn: Floats,
    curves: SurvivalCurves,
    *,
    buying: BuyingModel | None = None,
) -> ValueForecast:
    """Return value and interval of each row; what is not known is NaN.

    With a value model its forecast, carried to the asked horizon and corrected by what the check of the carrying found;
    lowered where churn and value would contradict each other (:func:`ends_value`); then the cost to serve is taken off
    the value and both ends. Without one what the contract is expected to pay, where churn is its end, or a declared
    value per period.

    Parameters
    ----------
    params : Params
    model : LoadedModel or None
        The value model.
    rows : pyarrow.Table
        Features at ``as_of``.
    p_churn : ndarray, shape (n_rows,)
    curves : SurvivalCurves
        See :func:`churnml.flow.staying.staying_curves`.
    buying : BuyingModel or None
        See :func:`churnml.flow.value_horizon.buying_model_of`.

    Raises
    ------
    ModelError
        If the model is of another kind.
    """
    if model is None:
        return _without_model(params, rows, curves)
    if not isinstance(model.model, ValueRegressor):
        raise ModelError("not a value model", rule="model.kind", file="model.json", next_step="Name the clv model.")
    learned_days = float(model.meta["horizon_days"])
    factor = horizon_factor(params, rows, curves, learned_days=learned_days, buying=buying)
    factor = factor * correction_for(params, model.meta, learned_days=learned_days)
    ahead = model.model.forecast(to_matrix(rows, model.spec), horizon_factor=factor)
    if ends_value(params):
        ahead = ValueForecast(*(cap_value(end, p_churn) for end in ahead))
    cost = serving_cost(params, curves)
    return ValueForecast(*(end - cost for end in ahead))


def ends_value(params: Params) -> bool:
    """Return whether a churned customer brings nothing within the value horizon.

    So it is where churn is silence in the table that value is made of, from *t* on and at least as long as the value
    horizon. Who leaves at some time within the horizon still brings what comes before, so other churn ends no value.
    """
    clv, churn = params.clv, params.churn
    is_silence = churn.definition == "inactivity" and churn.lead_days == 0
    return clv is not None and is_silence and churn.table == clv.table and churn.horizon_days >= clv.horizon_days


def _without_model(params: Params, rows: pa.Table, curves: SurvivalCurves) -> ValueForecast:
    unknown = np.full(rows.num_rows, np.nan)
    if is_contract(params):
        return ValueForecast(contract_worth(params, rows, curves), unknown, unknown)
    column = params.campaign.value_column
    if column is None:
        return ValueForecast(unknown, unknown, unknown)
    name = f"{params.customers_table}_{slug(column)}"
    value = rows[name].to_numpy().astype(np.float64) * params.campaign.value_periods
    return ValueForecast(value, unknown, unknown)
