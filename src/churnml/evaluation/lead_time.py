"""How early churners were listed: at the tested dates before the one after which they left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.evaluation.backtest import MODEL, Predictions
from churnml.metrics import LeadTimeCurve, lead_time_curve
from churnml.timeline import DAY_US

__all__ = ["event_days", "lead_time_rows", "lead_times"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def lead_times(
    predictions: Predictions, customers: Rows, *, fraction: float, rule: str | None = None
) -> dict[str, LeadTimeCurve]:
    """Return the lead-time curves of the model and one rule, by name; empty with fewer than two tested dates.

    Parameters
    ----------
    predictions : Predictions
        Of the churn model.
    customers : ndarray of int64, shape (n_rows,)
    fraction : float
        Share of each date's customers on the list.
    rule : str, optional
        The rule beside it.
    """
    horizons = [float(fit["horizon_days"]) for fit in predictions.fits if "horizon_days" in fit]
    if "observation_date" not in predictions.table.column_names or not horizons:
        return {}
    day = predictions.table.column("observation_date").cast(pa.int64()).to_numpy() / DAY_US
    if np.unique(day).size < 2 or np.unique(np.stack([day, customers]), axis=1).shape[1] < day.size:
        return {}
    event = event_days(predictions.values("y"), day, customers, horizon_days=max(horizons))
    found = {}
    for name in [MODEL, *([rule] if rule else [])]:
        try:
            found[name] = lead_time_curve(event, predictions.values("p_" + name), customers, day, fraction=fraction)
        except ValueError:
            return {}
    return found


def event_days(y: Floats, day: Floats, customers: Rows, *, horizon_days: float) -> Floats:
    """Return the last day of the window in which each churner left, NaN for who stayed.

    A backtest knows that a customer left within the horizon, not on which day. Dates lie closer than the horizon, so
    one departure is seen from several dates: it is dated by the last of them in a row.

    Parameters
    ----------
    y, day : ndarray, shape (n_rows,)
        1 = churned in ``(day, day + horizon]``.
    customers : ndarray of int64, shape (n_rows,)
    horizon_days : float
    """
    left = np.flatnonzero(y == 1)
    found = np.full(y.size, np.nan)
    if left.size == 0:
        return found
    order = np.lexsort((day, customers))
    place = np.empty(y.size, dtype=np.int64)
    place[order] = np.arange(y.size)
    left = left[np.argsort(place[left])]
    # Rows of one departure follow each other among the customer's rows, within a horizon of one another.
    goes_on = (np.diff(place[left]) == 1) & (np.diff(customers[left]) == 0) & (np.diff(day[left]) <= horizon_days)
    run = np.cumsum(np.append(True, ~goes_on)) - 1
    last = np.append(np.flatnonzero(~goes_on), left.size - 1)
    found[left] = day[left][last][run] + horizon_days
    return found


def lead_time_rows(curves: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Return ``model``, ``lead_days``, ``fraction_listed``, ``fraction_scored``: the curves as they are drawn.

    Parameters
    ----------
    curves : mapping
        The report's ``lead_time``: by model, the fields of :class:`churnml.metrics.LeadTimeCurve`.
    """
    columns = ("lead_days", "fraction_listed", "fraction_scored")
    return pa.concat_tables(
        pa.table({"model": [name] * len(curve["lead_days"]), **{key: curve[key] for key in columns}})
        for name, curve in curves.items()
    )
