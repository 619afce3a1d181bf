"""What can still be saved of each customer: the probability of leaving, and the money that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.campaign.gain import value_if_kept
from churnml.config import Params
from churnml.estimators.boosting import Matrix
from churnml.estimators.churn import ChurnClassifier

__all__ = ["stake_columns"]

Floats = npt.NDArray[np.float64]
_LATEST = 0.5
"""Share of the value horizon that has passed at most when somebody leaves: else little would be left to lose."""


def stake_columns(
    params: Params, classifier: ChurnClassifier, X: Matrix, scored: Mapping[str, Any]
) -> dict[str, Floats]:
    """Return ``p_leave`` and ``value_at_stake`` of each scored customer.

    Where churn is silence, ``p_churn`` is also that of customers who are gone already, or merely pause: ``p_leave`` is
    learned from who was there and left, and those silent for a year to come count as gone in what a kept customer is
    worth. Elsewhere, and where too few left to learn from, ``p_leave`` is ``p_churn``.

    Parameters
    ----------
    params : Params
    classifier : ChurnClassifier
    X : ndarray of float32, shape (n_rows, n_features)
    scored : mapping
        ``p_churn``, ``p_churn_365d`` and ``clv``.

    Returns
    -------
    dict of str to ndarray
        ``p_leave``; ``value_at_stake``: ``p_leave`` times what is lost with the customer, in money, NaN where no value
        is known.
    """
    p_churn, clv = scored["p_churn"], scored["clv"]
    if params.clv is None:
        return {"p_leave": p_churn, "value_at_stake": p_churn * clv}
    passed = (params.churn.lead_days + params.churn.horizon_days / 2) / params.clv.horizon_days
    left_share = min(passed, _LATEST)
    if classifier.leaving_ is None:
        is_silence = params.churn.definition == "inactivity"
        lost = clv if is_silence else value_if_kept(clv, p_churn, left_share=left_share)
        return {"p_leave": p_churn, "value_at_stake": p_churn * lost}
    p_leave = classifier.leaving_.probability(X)
    p_gone = np.array(scored["p_churn_365d"], dtype=np.float64)
    p_gone = np.where(np.isnan(p_gone), p_churn, p_gone)
    lost = value_if_kept(clv, p_leave, p_gone=p_gone, left_share=left_share)
    return {"p_leave": p_leave, "value_at_stake": p_leave * lost}
