"""Scoring: every customer known at ``as_of``, with probability, value and its interval, tier, band and reasons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.btyd import BgNbd
from churnml.campaign.economics import risk_bands, value_tiers
from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel, load
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueForecast, ValueRegressor
from churnml.estimators.matrix import to_matrix
from churnml.features.btyd_features import WEEK_DAYS, fit_purchase_models, purchase_summaries
from churnml.features.columns import slug
from churnml.flow.buckets import read_buckets
from churnml.flow.predictions import read_predictions
from churnml.flow.roles import value_purchases
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History
from churnml.reasons.ranking import risk_reasons

__all__ = ["SCORES", "Models", "load_models", "score"]

Floats = npt.NDArray[np.float64]
_STEP_DAYS = 30.0
SCORES = (
    "customer_id",
    "as_of",
    "p_churn",
    "clv",
    "clv_low",
    "clv_high",
    "value_at_risk",
    "value_tier",
    "risk_band",
    "reason_1",
    "reason_2",
    "reason_3",
    "model_version",
)
"""Columns of ``scores.parquet``, in order."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models that score; ``value`` is None where the project has no value model."""

    churn: LoadedModel
    value: LoadedModel | None

    @property
    def version(self) -> str:
        """Return the identity of both, by digest."""
        value = f"/clv-{self.value.digest[:12]}" if self.value else ""
        return f"churn-{self.churn.digest[:12]}{value}"


def load_models(churn: Path, value: Path, *, threads: int) -> Models:
    """Load the models that this run has written.

    Raises
    ------
    ModelError
        If a file is absent or altered.
    """
    has_value = not (value / "absent.json").exists()
    return Models(
        churn=load(churn, trusted=True, threads=threads),
        value=load(value, trusted=True, threads=threads) if has_value else None,
    )


def score(params: Params, history: History, models: Models, *, features: Path, backtest: Path | None) -> pa.Table:
    """Score every customer known at ``as_of``; who is not at risk is listed without a probability.

    Parameters
    ----------
    params : Params
    history : History
    models : Models
    features : Path
        Folder of features; the rows of ``as_of`` are scored.
    backtest : Path or None
        With ready labels: folder of the churn backtest, whose out-of-fold predictions stand for customers the model
        has learned from.

    Returns
    -------
    pyarrow.Table
        Columns :data:`SCORES`, sorted by customer.
    """
    rows = read_buckets(features, keep=lambda _, table: _observed_at(table, history.as_of))
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("customer_id", "ascending")])).combine_chunks()
    spec, classifier = models.churn.spec, _classifier(models.churn)
    matrix = to_matrix(rows, spec)
    p_churn = classifier.predict_proba(matrix)
    if params.churn.definition == "label" and backtest is not None:
        p_churn = _unseen(rows["customer_id"], p_churn, backtest)
    kinds = {info.name: info.kind for info in history.tables.values()}
    reasons = risk_reasons(classifier.booster_, matrix, names=spec.names, kinds=kinds)
    worth = _worth(params, history, models, rows, p_churn)
    scored = {"customer_id": rows["customer_id"], "p_churn": p_churn}
    scored |= {"clv": worth.value, "clv_low": worth.low, "clv_high": worth.high}
    scored |= {name: reasons[name] for name in reasons.column_names}
    return _with_everybody(pa.table(scored), history, params, models.version)


def _observed_at(table: pa.Table, as_of: int) -> pa.Table:
    return table.filter(pc.equal(table["observation_date"].cast(pa.int64()), as_of))


def _classifier(loaded: LoadedModel) -> ChurnClassifier:
    if not isinstance(loaded.model, ChurnClassifier):
        raise ModelError("not a churn model", rule="model.kind", file="model.json", next_step="Name the churn model.")
    return loaded.model


def _unseen(customers: pa.ChunkedArray, p_churn: Floats, backtest: Path) -> Floats:
    """Replace the predictions of customers the model has learned from by those of the fold that had not."""
    found = read_predictions(backtest)
    if found is None:
        return p_churn
    table = found[0].table
    place = pc.index_in(customers, value_set=table["customer_id"].combine_chunks())
    known = pc.is_valid(place).to_numpy()
    replaced = p_churn.copy()
    replaced[known] = table["p_churnml"].to_numpy()[place.drop_null().to_numpy()]
    return replaced


def _worth(params: Params, history: History, models: Models, rows: pa.Table, p_churn: Floats) -> ValueForecast:
    """Return value and interval: of the model, of a declared column, or unknown."""
    unknown = np.full(rows.num_rows, np.nan)
    if models.value is None:
        column = params.campaign.value_column
        if column is None:
            return ValueForecast(unknown, unknown, unknown)
        name = f"{params.customers_table}_{slug(column)}"
        value = rows[name].to_numpy().astype(np.float64) * params.campaign.value_periods
        return ValueForecast(value, unknown, unknown)
    if not isinstance(models.value.model, ValueRegressor):
        raise ModelError("not a value model", rule="model.kind", file="model.json", next_step="Name the clv model.")
    learned_days = float(models.value.meta["horizon_days"])
    factor = _horizon_factor(params, history, rows, p_churn, learned_days=learned_days)
    return models.value.model.forecast(to_matrix(rows, models.value.spec), horizon_factor=factor)


def _horizon_factor(
    params: Params, history: History, rows: pa.Table, p_churn: Floats, *, learned_days: float
) -> Floats:
    """Return what the asked horizon is worth relative to the learned one, per customer, discounting included.

    With purchases: expected purchases of BG/NBD fitted at ``as_of``. Otherwise, and where the families of features
    leave out what it is made of, a constant hazard that gives ``p_churn`` over the churn horizon.
    """
    clv = params.clv
    asked_days = float(clv.horizon_days) if clv else learned_days
    if clv is None or asked_days <= learned_days:
        return np.ones(rows.num_rows)
    edges = np.unique(np.concatenate([np.arange(0.0, asked_days, _STEP_DAYS), [learned_days, asked_days]]))
    steps = np.diff(_cumulated(params, history, rows, p_churn, edges), axis=1)
    rate = clv.discount_rate_yearly if clv.measure == "amount" else 0.0
    steps = steps * (1.0 + rate) ** (-(edges[1:] + edges[:-1]) / 2 / 365)
    near = steps[:, edges[1:] <= learned_days].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = steps.sum(axis=1) / near
    return np.where(np.isfinite(factor), factor, 1.0)


def _cumulated(params: Params, history: History, rows: pa.Table, p_churn: Floats, edges: Floats) -> Floats:
    """Return expected purchases (or expected time as a customer) up to each edge, shape (n_rows, n_edges)."""
    source = value_purchases(params)
    steady = np.broadcast_to(edges, (rows.num_rows, len(edges)))
    names = [f"{source}_{name}_days" for name in ("repeat", "span", "tenure")]
    if not source or not set(names) <= set(rows.column_names):
        hazard = -np.log1p(-np.clip(p_churn, 0.0, 1 - 1e-9)) / params.churn.horizon_days
        hazard = np.maximum(hazard, 1e-12)[:, None]
        return np.asarray(-np.expm1(-hazard * edges[None, :]) / hazard)
    model = _buying_model(history, source, threads=params.train.threads)
    if model is None:
        return steady
    x, t_x, tenure = (rows[name].to_numpy().astype(np.float64) for name in names)
    known = ~np.isnan(tenure)
    found = steady.copy()
    weeks = (t_x[known] / WEEK_DAYS, tenure[known] / WEEK_DAYS)
    for place, edge in enumerate(edges):
        found[known, place] = model.expected_purchases(edge / WEEK_DAYS, x[known], *weeks)
    return found


def _buying_model(history: History, source: str, *, threads: int) -> BgNbd | None:
    """Fit BG/NBD on everybody who had bought by ``as_of``, also those who are no longer at risk."""
    dates = np.array([history.as_of], dtype=np.int64)
    parts = map_buckets(
        lambda number: purchase_summaries(Bucket(history, number), history.tables[source], dates),
        n_buckets=history.n_buckets,
        threads=threads,
    )
    return fit_purchase_models(dates, parts)[history.as_of].buying


def _with_everybody(scored: pa.Table, history: History, params: Params, version: str) -> pa.Table:
    """Add customers who are known but not at risk, derive what follows, and put the columns in order."""
    known = pa.chunked_array([Bucket(history, number).customers for number in range(history.n_buckets)], pa.string())
    others = known.filter(pc.invert(pc.is_in(known, value_set=scored["customer_id"].combine_chunks())))
    full = pa.concat_tables([scored, pa.table({"customer_id": others})], promote_options="default")
    full = full.sort_by("customer_id").combine_chunks()
    p_churn, clv = (pc.fill_null(full[name], np.nan).to_numpy() for name in ("p_churn", "clv"))
    columns = {name: _nullable(full[name]) for name in ("p_churn", "clv", "clv_low", "clv_high")}
    columns |= {
        "customer_id": full["customer_id"],
        "as_of": pa.array(np.full(full.num_rows, history.as_of, dtype=np.int64)).cast(TIME),
        "value_at_risk": pa.array(p_churn * clv, from_pandas=True),
        "value_tier": pa.array(value_tiers(clv), pa.string(), mask=np.isnan(clv)),
        "risk_band": pa.array(risk_bands(p_churn, thresholds=params.campaign.risk_bands), pa.string()),
        "model_version": pa.array([version] * full.num_rows, pa.string()),
    }
    columns |= {name: full[name] for name in ("reason_1", "reason_2", "reason_3")}
    return pa.table({name: columns[name] for name in SCORES})


def _nullable(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(pc.fill_null(column, np.nan).to_numpy(), from_pandas=True)
