"""Risks over several horizons that agree with the probability of churn, and when to expect it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.estimators.boosting import Matrix
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.hazard import HazardModel
from churnml.estimators.survival import SurvivalCurves
from churnml.histories.conform import TIME
from churnml.timeline import DAY_US

__all__ = ["HORIZONS_DAYS", "RISKS", "bent_curves", "risk_columns"]

Floats = npt.NDArray[np.float64]
HORIZONS_DAYS = (30, 90, 180, 365)
RISKS = (*(f"p_churn_{days}d" for days in HORIZONS_DAYS), "expected_days", "contact_by")
"""Columns of :func:`risk_columns`, in order."""
_CAP_DAYS = 730.0
_SHARE = 0.5
_EDGE = 1e-9
_LEAST = 1e-300
"""A curve may be far lower than any probability told, and must still be bent by as much as it takes."""


def risk_columns(
    classifier: ChurnClassifier, X: Matrix, p_churn: Floats, *, horizon_days: float, lead_days: float, as_of: int
) -> dict[str, pa.Array]:
    """Return what the hazard says beside the probability of churn, each customer's curve bent to go through it.

    The curve of the hazard is taken to a power, the same on every day, so that over ``horizon_days`` it gives
    ``p_churn``. Where churn is leaving, risks grow with the horizon; where it is silence, they are the probabilities of
    staying silent all the while, and fall.

    Parameters
    ----------
    classifier : ChurnClassifier
    X : ndarray of float32, shape (n_rows, n_features)
    p_churn : ndarray, shape (n_rows,)
        Over ``horizon_days``.
    horizon_days, lead_days : float
    as_of : int
        Microseconds.

    Returns
    -------
    dict of str to pyarrow.Array
        ``p_churn_30d`` ... ``p_churn_365d``; ``expected_days``: mean days to the event (the leaving, or the coming
        back), those beyond two years counted as two years; ``contact_by``: when half of the leaving (or coming back)
        to be expected within the horizon has come. All missing without a hazard.
    """
    if classifier.hazard_ is None:
        empty = {name: pa.nulls(len(X), pa.float64()) for name in RISKS}
        return empty | {"contact_by": pa.nulls(len(X), TIME)}
    hazard = classifier.hazard_
    bent = bent_curves(hazard, X, p_churn, horizon_days=horizon_days)
    survival = bent.at(HORIZONS_DAYS)
    risks = survival if hazard.is_return else 1.0 - survival
    columns = {f"p_churn_{days}d": pa.array(risks[:, place]) for place, days in enumerate(HORIZONS_DAYS)}
    expected = bent.restricted_mean(_CAP_DAYS) + lead_days
    due = np.floor(bent.quantile(_SHARE, within_days=horizon_days)).astype(np.int64)
    columns["expected_days"] = pa.array(expected)
    columns["contact_by"] = pa.array(as_of + due * DAY_US).cast(TIME)
    return columns


def bent_curves(hazard: HazardModel, X: Matrix, p_churn: Floats, *, horizon_days: float) -> SurvivalCurves:
    """Return each customer's curve of a hazard, to the power at which it gives ``p_churn`` over the horizon."""
    curves = hazard.curves(X)
    stay = p_churn if hazard.is_return else 1.0 - p_churn
    seen = np.clip(curves.at([horizon_days])[:, 0], _LEAST, 1 - _EDGE)
    power = np.log(np.clip(stay, _EDGE, 1 - _EDGE)) / np.log(seen)
    return curves.to_power(power)
