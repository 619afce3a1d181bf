"""What a customer is worth over the asked horizon, relative to the one that could be learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.btyd import BuyingModel
from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.estimators.survival import SurvivalCurves
from churnml.features.btyd_features import WEEK_DAYS, fit_purchase_models, most_per_bucket, purchase_summaries
from churnml.flow.roles import value_purchases
from churnml.flow.staying import YEAR_DAYS, staying_days
from churnml.histories.bucket import Bucket
from churnml.histories.store import History

__all__ = ["buying_model_of", "correction_for", "factor_of_steps", "horizon_factor"]

Floats = npt.NDArray[np.float64]
_STEP_DAYS = 30.0


def horizon_factor(
    params: Params, rows: pa.Table, curves: SurvivalCurves, *, learned_days: float, buying: BuyingModel | None
) -> Floats:
    """Return what the asked horizon is worth relative to the learned one, per customer, discounting included.

    With purchases: what the buying model expects (:func:`buying_model_of`). Otherwise, and where the families of
    features leave out what it is made of, the expected time as a customer (``curves``, see
    :func:`churnml.flow.staying.staying_curves`).
    """
    clv = params.clv
    asked_days = float(clv.horizon_days) if clv else learned_days
    if clv is None or asked_days <= learned_days:
        return np.ones(rows.num_rows)
    edges = np.unique(np.concatenate([np.arange(0.0, asked_days, _STEP_DAYS), [learned_days, asked_days]]))
    return factor_of_steps(params, _cumulated(params, rows, curves, edges, buying), edges, near_days=learned_days)


def factor_of_steps(params: Params, cumulated: Floats, edges: Floats, *, near_days: float) -> Floats:
    """Return what comes up to the last edge over what comes up to a nearer one, discounted, shape (n_rows,).

    Parameters
    ----------
    params : Params
    cumulated : ndarray, shape (n_rows, n_edges)
        Expected purchases, or expected time as a customer, up to each edge; what is not known gives 1.
    edges : ndarray, shape (n_edges,)
        Days, ascending from 0.
    near_days : float
        One of the edges.
    """
    clv = params.clv
    rate = clv.discount_rate_yearly if clv and clv.measure == "amount" else 0.0
    steps = np.diff(cumulated, axis=1) * (1.0 + rate) ** (-(edges[1:] + edges[:-1]) / 2 / YEAR_DAYS)
    near = steps[:, edges[1:] <= near_days].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = steps.sum(axis=1) / near
    return np.where(np.isfinite(factor), factor, 1.0)


def correction_for(params: Params, meta: Mapping[str, Any], *, learned_days: float) -> float:
    """Return the factor to multiply values with that are carried beyond their labels; 1 without a check.

    Values carried further than the check doubled the horizon get its whole correction and no more; values carried less
    far get as much of it as their way is of the checked one, in logarithms.
    """
    extension = meta.get("extension")
    asked_days = float(params.clv.horizon_days) if params.clv else learned_days
    if not extension or asked_days <= learned_days:
        return 1.0
    checked = np.log(extension["to_days"] / extension["from_days"])
    return float(extension["correction"] ** min(1.0, np.log(asked_days / learned_days) / checked))


def _cumulated(
    params: Params, rows: pa.Table, curves: SurvivalCurves, edges: Floats, model: BuyingModel | None
) -> Floats:
    """Return expected purchases (or expected time as a customer) up to each edge, shape (n_rows, n_edges)."""
    source = value_purchases(params)
    names = [f"{source}_{name}_days" for name in ("repeat", "span", "tenure")]
    if not source or not set(names) <= set(rows.column_names):
        return staying_days(params, curves, edges)
    steady = np.broadcast_to(edges, (rows.num_rows, len(edges)))
    if model is None:
        return steady
    x, t_x, tenure = (rows[name].to_numpy().astype(np.float64) for name in names)
    known = ~np.isnan(tenure)
    found = steady.copy()
    weeks = (t_x[known] / WEEK_DAYS, tenure[known] / WEEK_DAYS)
    for place, edge in enumerate(edges):
        found[known, place] = model.expected_purchases(edge / WEEK_DAYS, x[known], *weeks)
    return found


def buying_model_of(params: Params, history: History, *, learned_days: float) -> BuyingModel | None:
    """Fit the likelier buying model on everybody who had bought by ``as_of``, also those who are no longer at risk.

    None where value is not carried beyond the learned horizon by purchases, or too few had bought.
    """
    source, clv = value_purchases(params), params.clv
    if not source or clv is None or clv.horizon_days <= learned_days:
        return None
    most = most_per_bucket(history.n_buckets)
    dates = np.array([history.as_of], dtype=np.int64)
    parts = map_buckets(
        lambda number: purchase_summaries(Bucket(history, number), history.tables[source], dates, most=most),
        n_buckets=history.n_buckets,
        threads=params.train.threads,
    )
    return fit_purchase_models(dates, parts)[history.as_of].buying
