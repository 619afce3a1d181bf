"""What a churn model keeps of what it learned from, so that later runs can say what has changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.estimators.reference import Profile, profile_of
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.flow.reference import CONTRACT, P_CHURN, REFERENCE, contract
from churnml.metrics.ranking import roc_auc_score

__all__ = ["reference_facts"]


def reference_facts(
    params: Params, features: pa.Table, spec: FeatureSpec, tested: Predictions, *, customers: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Return the facts recorded with a churn model: profiles of its columns and of its predictions, and its contract.

    The profile of predictions is of the backtest, on rows that the model had not seen.

    Parameters
    ----------
    params : Params
    features : pyarrow.Table
        The rows it has learned from.
    spec : FeatureSpec
    tested : Predictions
    customers : ndarray of int64
        Number of each row's customer.
    """
    dates = features["observation_date"].cast(pa.int64()).to_numpy()
    matrix = to_matrix(features, spec)
    profile = profile_of(matrix, spec.names, categorical=spec.categorical, dates=dates, customers=customers)
    reference = {"features": profile.to_json(), "scores": _scores(tested).to_json(), "auc": _auc(tested)}
    return {REFERENCE: reference, CONTRACT: contract(params)}


def _scores(tested: Predictions) -> Profile:
    table = tested.table
    p = tested.values(tested.prefix + MODEL).astype(np.float32)
    has_dates = "observation_date" in table.column_names
    dates = table["observation_date"].cast(pa.int64()).to_numpy() if has_dates else np.zeros(len(p), dtype=np.int64)
    customers = table["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return profile_of(p[:, None], [P_CHURN], categorical=(), dates=dates, customers=customers)


def _auc(tested: Predictions) -> float | None:
    """Return the backtest's AUC over all cut-offs; None where there is one class only."""
    try:
        return round(roc_auc_score(tested.values("y"), tested.values(tested.prefix + MODEL)), 6)
    except ValueError:
        return None
