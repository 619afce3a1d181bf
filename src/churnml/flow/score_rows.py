"""The score of some rows: what one batch of customers gets, whatever batches the others come in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.btyd import BuyingModel
from churnml.campaign.economics import risk_bands
from churnml.config import Params
from churnml.errors import ModelError, PrivacyError
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.baselines import ChurnRule
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import KEYS, to_matrix
from churnml.flow.named import as_stored
from churnml.flow.predictions import key_of_predictions, read_predictions
from churnml.flow.risks import RISKS, risk_columns
from churnml.flow.stake import stake_columns
from churnml.flow.staying import staying_curves
from churnml.flow.value_horizon import buying_model_of
from churnml.flow.worth import customer_worth
from churnml.histories.conform import TIME
from churnml.histories.store import History
from churnml.reasons.ranking import RiskReasons

__all__ = ["SCORED", "VALUE", "Models", "RowScorer", "Watch"]

VALUE = "clv:"
"""What the names of the value model's columns begin with where it has learned by another plan than the churn model."""

Floats = npt.NDArray[np.float64]
_NUMBERS = ("p_churn", *(name for name in RISKS if name != "contact_by"), "p_leave", "clv", "clv_low", "clv_high")
_NUMBERS += ("value_at_risk", "value_at_stake")
_TEXTS = ("risk_band", "reason_1", "reason_2", "reason_3", "model_version")
SCORED = pa.schema(
    [("customer_id", pa.string()), ("as_of", TIME), ("contact_by", TIME)]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [(name, pa.string()) for name in _TEXTS]
)
"""What is known of a customer before all others are: every column but the value tier."""


class Watch(Protocol):
    """Looks at rows while they are scored."""

    def __call__(self, matrix: npt.NDArray[np.float32], *, n_rows: int) -> None:
        """See a batch of them, and how many there are in all."""


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

    @property
    def classifier(self) -> ChurnClassifier:
        """Return the churn model itself.

        Raises
        ------
        ModelError
            If it is of another kind.
        """
        if not isinstance(self.churn.model, ChurnClassifier):
            raise ModelError(
                "not a churn model", rule="model.kind", file="model.json", next_step="Name the churn model."
            )
        return self.churn.model


class RowScorer:
    """Scores rows of features in batches; a batch may be any part of them, and several may be scored at once.

    Parameters
    ----------
    params : Params
    history : History
    models : Models
    alike : collection of str
        Features that are the same for all: they give no reason.
    backtest : Path or None
        With ready labels: folder of the churn backtest, whose out-of-fold predictions stand for customers the model
        has learned from.
    watch : Watch, optional
    n_rows : int
        Rows in all batches.
    rule : ChurnRule, optional
        Says the probability of churn in the model's place; all else follows from it, reasons apart.
    root : Path
        Project folder, by which the key of pseudonyms is found.
    """

    def __init__(
        self,
        params: Params,
        history: History,
        models: Models,
        *,
        alike: frozenset[str],
        backtest: Path | None,
        watch: Watch | None,
        n_rows: int,
        root: Path,
        rule: ChurnRule | None = None,
    ) -> None:
        self._params, self._history, self._models = params, history, models
        self._watch, self._n_rows, spec = watch, n_rows, models.churn.spec
        self._rule = rule
        classifier = models.classifier
        self._reasons = RiskReasons(
            classifier.booster_,
            names=spec.names,
            alike=alike,
            kinds={info.name: info.kind for info in history.tables.values()},
            categorical=spec.categorical,
            never_named=params.reasons.never_named,
            besides=classifier.extra_contributions,
        )
        self._buying = self._buying_model()
        is_static = params.churn.definition == "label"
        self._unseen = _tested(history, backtest, root) if is_static and backtest is not None else None

    def _buying_model(self) -> BuyingModel | None:
        value = self._models.value
        if value is None:
            return None
        return buying_model_of(self._params, self._history, learned_days=float(value.meta["horizon_days"]))

    def scored(self, rows: pa.Table) -> pa.Table:
        """Return the scores of rows of features, columns :data:`SCORED`."""
        params, history, classifier = self._params, self._history, self._models.classifier
        rows, of_value = _by_model(rows)
        matrix = to_matrix(rows, self._models.churn.spec, strict=True)
        if self._watch is not None:
            self._watch(matrix, n_rows=self._n_rows)
        if self._rule is None:
            p_churn = self._known_unseen(rows["customer_id"], classifier.churn_probability(matrix))
        else:
            p_churn = classifier.carry_(self._rule.predict(rows))
        curves = staying_curves(params, classifier, matrix, p_churn)
        worth = customer_worth(params, self._models.value, of_value, p_churn, curves, buying=self._buying)
        found = {"customer_id": rows["customer_id"], "p_churn": p_churn}
        horizon = {"horizon_days": float(params.churn.horizon_days), "lead_days": float(params.churn.lead_days)}
        found |= risk_columns(classifier, matrix, p_churn, **horizon, as_of=history.as_of)
        found |= {"clv": worth.value, "clv_low": worth.low, "clv_high": worth.high}
        found |= stake_columns(params, classifier, matrix, found)
        found |= {"value_at_risk": p_churn * worth.value}
        reasons = self._reasons(matrix)
        found |= {name: reasons[name] for name in reasons.column_names}
        found["risk_band"] = pa.array(risk_bands(p_churn, thresholds=params.campaign.risk_bands), pa.string())
        return self._complete(found, rows.num_rows)

    def others(self, customers: pa.Array, *, unscored: pa.Array) -> pa.Table:
        """Return rows of customers without a probability; who is left unscored on purpose has no band either."""
        band = pc.if_else(
            pc.is_in(customers, value_set=unscored), pa.scalar(None, pa.string()), pa.scalar("not_at_risk")
        )
        return self._complete({"customer_id": customers, "risk_band": band}, len(customers))

    def _known_unseen(self, customers: pa.ChunkedArray, p_churn: Floats) -> Floats:
        """Replace the predictions of customers the model has learned from by those of the fold that had not."""
        if self._unseen is None:
            return p_churn
        place = pc.index_in(customers, value_set=self._unseen["customer_id"].combine_chunks())
        known, replaced = pc.is_valid(place).to_numpy(), p_churn.copy()
        replaced[known] = self._unseen["p_churnml"].to_numpy()[place.drop_null().to_numpy()]
        return replaced

    def _complete(self, found: dict[str, object], n_rows: int) -> pa.Table:
        """Return all columns: those of everybody added, absent ones null, no number null-like but null."""
        found["as_of"] = pa.array(np.full(n_rows, self._history.as_of, dtype=np.int64)).cast(TIME)
        version = self._models.version if self._rule is None else f"{self._models.version}, by {self._rule.name} alone"
        found["model_version"] = pa.array([version] * n_rows, pa.string())
        return pa.table([_column(found.get(field.name), field.type, n_rows) for field in SCORED], schema=SCORED)


def _by_model(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows as the churn model and as the value model know them: the same ones, or columns of its own."""
    own = [name for name in rows.column_names if name.startswith(VALUE)]
    if not own:
        return rows, rows
    plain = rows.drop_columns(own)
    return plain, rows.select([*KEYS, *own]).rename_columns([*KEYS, *(name.removeprefix(VALUE) for name in own)])


def _tested(history: History, backtest: Path, root: Path) -> pa.Table | None:
    """Return the out-of-fold predictions of a backtest, customers as the histories have them; None = it has none."""
    found = read_predictions(backtest)
    if found is None:
        return None
    table = found[0].table.select(["customer_id", "p_churnml"])
    table = as_stored(table, key_id=key_of_predictions(backtest), history=history, root=root)
    if table is None:
        raise PrivacyError(
            "the model was tested under another key, so the customers it has learned from are not known",
            rule="privacy.key_changed",
            file="predictions.parquet",
            next_step="Train it with the key of today: churnml run.",
        )
    return table.combine_chunks()


def _column(values: object, kind: pa.DataType, n_rows: int) -> pa.Array | pa.ChunkedArray:
    if values is None:
        return pa.nulls(n_rows, kind)
    if not pa.types.is_floating(kind):
        return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
    plain = values if isinstance(values, np.ndarray) else pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
    return pa.array(plain, kind, from_pandas=True)
