"""Scoring: every customer known at ``as_of``, with probability, value and its interval, tier, band and reasons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.economics import risk_bands
from churnml.campaign.tiers import value_tiers
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel, load
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import to_matrix
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.known import objector_ids
from churnml.flow.predictions import read_predictions
from churnml.flow.risks import RISKS, risk_columns
from churnml.flow.stake import stake_columns
from churnml.flow.staying import staying_curves
from churnml.flow.worth import customer_worth
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History
from churnml.reasons.ranking import risk_reasons

__all__ = ["SCORES", "Models", "Watch", "load_models", "score"]

Floats = npt.NDArray[np.float64]
SCORES = (
    "customer_id",
    "as_of",
    "p_churn",
    *RISKS,
    "p_leave",
    "clv",
    "clv_low",
    "clv_high",
    "value_at_risk",
    "value_at_stake",
    "value_tier",
    "risk_band",
    "reason_1",
    "reason_2",
    "reason_3",
    "model_version",
)
"""Columns of ``scores.parquet``, in order."""


class Watch(Protocol):
    """Looks at rows while they are scored."""

    def __call__(self, matrix: npt.NDArray[np.float32], *, n_rows: int) -> None:
        """See a batch of them."""


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

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of each model that scores, by its name."""
        return {"churn": self.churn.digest} | ({"clv": self.value.digest} if self.value else {})


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


def score(
    params: Params,
    history: History,
    models: Models,
    *,
    features: Path,
    backtest: Path | None,
    watch: Watch | None = None,
) -> pa.Table:
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
    watch : callable, optional
        Is shown the rows as the model sees them, and how many there are in all.

    Returns
    -------
    pyarrow.Table
        Columns :data:`SCORES`, sorted by customer.
    """
    rows = read_buckets(features, keep=lambda _, table: observed_at(table, history.as_of))
    unscored = pa.array([], pa.string()) if params.campaign.score_objectors else objector_ids(history)
    rows = rows.filter(pc.invert(pc.is_in(rows["customer_id"], value_set=unscored)))
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("customer_id", "ascending")])).combine_chunks()
    spec, classifier = models.churn.spec, _classifier(models.churn)
    matrix = to_matrix(rows, spec, strict=True)
    if watch is not None:
        watch(matrix, n_rows=rows.num_rows)
    p_churn = classifier.churn_probability(matrix)
    if params.churn.definition == "label" and backtest is not None:
        p_churn = _unseen(rows["customer_id"], p_churn, backtest)
    kinds = {info.name: info.kind for info in history.tables.values()}
    reasons = risk_reasons(
        classifier.booster_,
        matrix,
        names=spec.names,
        kinds=kinds,
        categorical=spec.categorical,
        never_named=params.reasons.never_named,
        threads=params.train.threads,
        besides=classifier.extra_contributions,
    )
    curves = staying_curves(params, classifier, matrix, p_churn)
    worth = customer_worth(params, history, models.value, rows, p_churn, curves)
    scored = {"customer_id": rows["customer_id"], "p_churn": p_churn}
    horizon = {"horizon_days": float(params.churn.horizon_days), "lead_days": float(params.churn.lead_days)}
    scored |= risk_columns(classifier, matrix, p_churn, **horizon, as_of=history.as_of)
    scored |= {"clv": worth.value, "clv_low": worth.low, "clv_high": worth.high}
    scored |= stake_columns(params, classifier, matrix, scored)
    scored |= {name: reasons[name] for name in reasons.column_names}
    return _with_everybody(pa.table(scored), history, params, models.version, unscored=unscored)


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


def _with_everybody(
    scored: pa.Table, history: History, params: Params, version: str, *, unscored: pa.Array
) -> pa.Table:
    """Add customers who are known but not at risk, derive what follows, and put the columns in order.

    Who is left unscored on purpose has no band either: nothing is said about them.
    """
    known = pa.chunked_array([Bucket(history, number).customers for number in range(history.n_buckets)], pa.string())
    others = known.filter(pc.invert(pc.is_in(known, value_set=scored["customer_id"].combine_chunks())))
    full = pa.concat_tables([scored, pa.table({"customer_id": others})], promote_options="default")
    full = full.sort_by("customer_id").combine_chunks()
    p_churn, clv = (pc.fill_null(full[name], np.nan).to_numpy() for name in ("p_churn", "clv"))
    columns = {
        name: _nullable(full[name])
        for name in ("p_churn", *RISKS, "p_leave", "clv", "clv_low", "clv_high", "value_at_stake")
        if name != "contact_by"
    }
    columns |= {
        "customer_id": full["customer_id"],
        "as_of": pa.array(np.full(full.num_rows, history.as_of, dtype=np.int64)).cast(TIME),
        "value_at_risk": pa.array(p_churn * clv, from_pandas=True),
        "value_tier": pa.array(value_tiers(clv), pa.string(), mask=np.isnan(clv)),
        "risk_band": pc.if_else(
            pc.is_in(full["customer_id"].combine_chunks(), value_set=unscored),
            pa.scalar(None, pa.string()),
            pa.array(risk_bands(p_churn, thresholds=params.campaign.risk_bands), pa.string()),
        ),
        "model_version": pa.array([version] * full.num_rows, pa.string()),
    }
    columns |= {name: full[name] for name in ("contact_by", "reason_1", "reason_2", "reason_3")}
    return pa.table({name: columns[name] for name in SCORES})


def _nullable(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(pc.fill_null(column, np.nan).to_numpy(), from_pandas=True)
