"""Whether churn and value model contradict each other on customers that both were tested on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from churnml.estimators.value_agreement import value_agreement
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.slices import VALUE

__all__ = ["agreement_of"]


def agreement_of(churn: Predictions, value: Predictions) -> dict[str, Any] | None:
    """Return :class:`churnml.estimators.value_agreement.ValueAgreement` on the snapshots of both backtests.

    Parameters
    ----------
    churn, value : Predictions

    Returns
    -------
    dict or None
        Its fields, and ``n_rows``. None where the two were not tested on the same dates, as where the horizon of value
        is much the longer one, or past spend is unknown.
    """
    keys = ["customer_id", "observation_date"]
    names = set(churn.table.column_names) & set(value.table.column_names)
    if not {*keys, VALUE} <= names:
        return None
    said = value.table.select([*keys, VALUE, "v_" + MODEL])
    both = churn.table.select([*keys, "p_" + MODEL]).join(said, keys, join_type="inner")
    worth, p, spend = (np.asarray(both[name].cast(pa.float64())) for name in ("v_" + MODEL, "p_" + MODEL, VALUE))
    try:
        return {"n_rows": both.num_rows, **asdict(value_agreement(worth, p, spend))}
    except ValueError:
        return None
