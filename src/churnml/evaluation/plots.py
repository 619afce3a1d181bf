"""Rows behind the pictures: gains, ROC, reliability, lead time, value deciles; small tables to be written as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml import metrics
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.lead_time import lead_time_rows
from churnml.evaluation.report import cut_offs

__all__ = ["gains_rows", "plots_of", "reliability_rows", "roc_rows", "value_decile_rows"]

Floats = npt.NDArray[np.float64]
N_POINTS = 101


def plots_of(predictions: Predictions, figures: Mapping[str, Any] | None = None) -> dict[str, pa.Table]:
    """Return the tables of all pictures for this kind of model, by file name without ending; none for one class.

    Parameters
    ----------
    predictions : Predictions
    figures : mapping, optional
        From :func:`churnml.evaluation.report.metrics_of`: which window is the newest, and the lead times.
    """
    makers = (
        {"gains": gains_rows, "roc": roc_rows, "reliability": reliability_rows}
        if predictions.kind == "churn"
        else {"value_deciles": value_decile_rows}
    )
    tables: dict[str, pa.Table] = {}
    for name, make in makers.items():
        try:
            tables[name] = make(predictions)
        except ValueError:
            continue
    if figures and "reliability" in tables:
        newest = cut_offs(predictions).get(figures["calibration"]["cut_off"])
        if newest is not None:
            tables["reliability_latest"] = _reliability(predictions, [MODEL], newest)
    if figures and figures["lead_time"]:
        tables["lead_time"] = lead_time_rows(figures["lead_time"])
    return tables


def gains_rows(predictions: Predictions) -> pa.Table:
    """Return ``model``, ``fraction_contacted``, ``fraction_captured`` at 101 points per model.

    A list is drawn up at each cut-off: the curve is the mean of theirs, weighted by rows.
    """
    grid = np.linspace(0.0, 1.0, N_POINTS)
    y = predictions.values("y")
    cuts = [rows for rows in cut_offs(predictions).values() if y[rows].min() != y[rows].max()]
    if not cuts:
        raise ValueError("no cut-off has both classes")
    pieces = {}
    for name in predictions.models():
        p = predictions.values("p_" + name)
        curves = [np.interp(grid, *metrics.gains_curve(y[rows], p[rows])) for rows in cuts]
        found = np.average(curves, axis=0, weights=[rows.size for rows in cuts])
        pieces[name] = {"fraction_contacted": grid, "fraction_captured": found}
    return _stacked(pieces)


def roc_rows(predictions: Predictions) -> pa.Table:
    """Return ``model``, ``false_positive_rate``, ``true_positive_rate`` at up to 101 points per model."""
    y = predictions.values("y")
    pieces: dict[str, dict[str, Floats]] = {}
    for name in predictions.models():
        fpr, tpr, _ = metrics.roc_curve(y, predictions.values("p_" + name))
        # Points evenly spaced along the curve, not along one axis: a steep start keeps its shape.
        along = np.linspace(0.0, 2.0, N_POINTS)
        pieces[name] = {
            "false_positive_rate": np.interp(along, fpr + tpr, fpr),
            "true_positive_rate": np.interp(along, fpr + tpr, tpr),
        }
    return _stacked(pieces)


def reliability_rows(predictions: Predictions) -> pa.Table:
    """Return ``model``, ``p_mean``, ``churn_rate``, ``n_customers`` in ten bins of equal size per model."""
    return _reliability(predictions, predictions.models(), np.arange(predictions.table.num_rows))


def _reliability(predictions: Predictions, names: list[str], rows: npt.NDArray[np.int64]) -> pa.Table:
    y = predictions.values("y")[rows]
    pieces: dict[str, dict[str, Floats]] = {}
    for name in names:
        curve = metrics.reliability_curve(y, predictions.values("p_" + name)[rows])
        counts = curve.n_customers.astype(np.float64)
        pieces[name] = {"p_mean": curve.p_mean, "churn_rate": curve.churn_rate, "n_customers": counts}
    return _stacked(pieces)


def value_decile_rows(predictions: Predictions) -> pa.Table:
    """Return ``model``, ``decile``, ``n_customers``, ``predicted_mean``, ``actual_mean``, ``actual_share``."""
    y = predictions.values("y")
    pieces: dict[str, dict[str, Floats]] = {}
    for name in [MODEL, *(rule for rule in predictions.models() if rule != MODEL)]:
        rows = metrics.decile_table(y, predictions.values("v_" + name))
        pieces[name] = {
            "decile": rows.decile.astype(np.float64),
            "n_customers": rows.n_customers,
            "predicted_mean": rows.predicted_mean,
            "actual_mean": rows.actual_mean,
            "actual_share": rows.actual_share,
        }
    return _stacked(pieces)


def _stacked(pieces: dict[str, dict[str, Floats]]) -> pa.Table:
    tables = []
    for name, columns in pieces.items():
        n_rows = len(next(iter(columns.values())))
        tables.append(pa.table({"model": pa.array([name] * n_rows, pa.string()), **columns}))
    return pa.concat_tables(tables)
