"""The table of results: every measure, for the model and each simple rule, per cut-off and overall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from churnml import metrics
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.noise import Replicates, jackknife

__all__ = ["RANKING", "cut_offs", "metrics_of"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Measure = Callable[[Floats, Floats], float]

RANKING = {"churn": "roc_auc", "clv": "normalised_gini"}
"""The measure by which model and rules are compared."""


def metrics_of(predictions: Predictions, *, fraction: float = 0.1) -> dict[str, Any]:
    """Compute all measures of a backtest.

    Rankings and losses overall are means over the cut-offs, weighted by rows, because a list is ranked within one
    cut-off; calibration and totals are of all rows together. A measure that cannot be computed is None.

    Parameters
    ----------
    predictions : Predictions
        Of the churn or the value model.
    fraction : float
        Share of customers contacted, for lift, capture and top share.

    Returns
    -------
    dict
        ``kind``, ``ranking``, ``fraction``, ``n_rows``, ``n_customers``; ``overall``: model -> measure -> number;
        ``by_cut_off``: cut-off -> ``n_rows``, ``mean_outcome`` and ``models``; ``against``: rule -> ``difference``
        of the ranking measure, ``low``, ``high``; ``best_rule``; ``absent`` and ``skipped`` with reasons. JSON-ready.
    """
    names = predictions.models()
    y = predictions.values("y")
    values = {name: predictions.values(predictions.prefix + name) for name in names}
    cuts = cut_offs(predictions)
    customers = _customers(predictions)
    ranks = RANKING[predictions.kind]
    averaged, pooled = _measures(predictions.kind, fraction=fraction)
    noise = {name: _replicates(averaged[ranks], y, p, cuts, customers) for name, p in values.items()}
    overall = {
        name: {
            **{key: _safely(_mean_over, measure, y, p, cuts) for key, measure in averaged.items()},
            **_all_rows(pooled, y, p),
            **_interval(ranks, noise[name]),
        }
        for name, p in values.items()
    }
    if predictions.kind == "clv":
        overall[MODEL]["interval_coverage"] = _coverage(predictions, np.arange(y.size))
    return {
        "kind": predictions.kind,
        "ranking": ranks,
        "fraction": fraction,
        "n_rows": int(y.size),
        "n_customers": int(np.unique(customers).size),
        "overall": overall,
        "by_cut_off": {
            name: _one_cut_off(predictions, rows, values, {**averaged, **pooled}) for name, rows in cuts.items()
        },
        "against": {name: _difference(noise[MODEL], noise[name]) for name in names[1:]},
        "best_rule": _best(overall, ranks),
        "absent": dict(predictions.absent),
        "skipped": dict(predictions.skipped),
    }


def cut_offs(predictions: Predictions) -> dict[str, Rows]:
    """Return the rows of each cut-off, by its name."""
    folds = predictions.table.column("fold").to_numpy()
    return {str(name): np.flatnonzero(folds == name) for name in dict.fromkeys(folds.tolist())}


def _measures(kind: str, *, fraction: float) -> tuple[dict[str, Measure], dict[str, Measure]]:
    """Return the measures to be averaged over cut-offs, and those of all rows together."""
    if kind == "clv":
        ranking: dict[str, Measure] = {
            "normalised_gini": metrics.normalised_gini_score,
            "spearman": metrics.spearman_score,
            "mean_absolute_error": metrics.mean_absolute_loss,
            "top_share": lambda y, v: metrics.top_share_score(y, v, fraction=fraction),
        }
        return ranking, {"total_ratio": metrics.total_ratio}
    averaged: dict[str, Measure] = {
        "roc_auc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
        "lift": lambda y, p: metrics.lift_score(y, p, fraction=fraction),
        "capture": lambda y, p: metrics.capture_score(y, p, fraction=fraction),
        "log_loss": metrics.log_loss,
        "brier": metrics.brier_loss,
    }
    pooled: dict[str, Measure] = {
        "ece": metrics.ece_loss,
        "calibration_slope": lambda y, p: metrics.calibration_line(y, p).slope,
        "calibration_intercept": lambda y, p: metrics.calibration_line(y, p).intercept,
        "mean_predicted_over_actual": metrics.total_ratio,
    }
    return averaged, pooled


def _safely(compute: Callable[..., float], *arguments: Any) -> float | None:
    """Return a finite number, or None where there is none, as in a cut-off with one class."""
    try:
        value = compute(*arguments)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _mean_over(measure: Measure, y: Floats, p: Floats, cuts: Mapping[str, Rows]) -> float:
    """Average over the cut-offs where the measure exists, weighted by rows."""
    pairs = [(_safely(measure, y[rows], p[rows]), rows.size) for rows in cuts.values()]
    known = [(value, size) for value, size in pairs if value is not None]
    if not known:
        raise ValueError("no cut-off has both classes")
    return float(np.average([value for value, _ in known], weights=[size for _, size in known]))


def _all_rows(measures: Mapping[str, Measure], y: Floats, p: Floats) -> dict[str, float | None]:
    return {key: _safely(measure, y, p) for key, measure in measures.items()}


def _replicates(measure: Measure, y: Floats, p: Floats, cuts: Mapping[str, Rows], customers: Rows) -> Replicates | None:
    """Return the measure with its noise, or None where it is not defined without some customers."""
    try:
        return jackknife(lambda kept: _mean_over(measure, y, p, _kept(cuts, kept)), customers)
    except ValueError:
        return None


def _interval(key: str, noise: Replicates | None) -> dict[str, float | None]:
    if noise is None:
        return {f"{key}_low": None, f"{key}_high": None}
    found = noise.estimate()
    return {f"{key}_low": found.low, f"{key}_high": found.high}


def _difference(model: Replicates | None, rule: Replicates | None) -> dict[str, float | None]:
    """Return model minus rule, with the interval of the difference on the same rows."""
    if model is None or rule is None:
        return {"difference": None, "low": None, "high": None}
    found = (model - rule).estimate()
    return {"difference": found.value, "low": found.low, "high": found.high}


def _kept(cuts: Mapping[str, Rows], kept: npt.NDArray[np.bool_]) -> dict[str, Rows]:
    return {name: rows[kept[rows]] for name, rows in cuts.items()}


def _customers(predictions: Predictions) -> Rows:
    ids = predictions.table.column("customer_id").combine_chunks()
    return np.asarray(pc.rank(ids, tiebreaker="dense").to_numpy(), dtype=np.int64) - 1


def _one_cut_off(
    predictions: Predictions, rows: Rows, values: Mapping[str, Floats], measures: Mapping[str, Measure]
) -> dict[str, Any]:
    y = predictions.values("y")[rows]
    models = {name: _all_rows(measures, y, p[rows]) for name, p in values.items()}
    if predictions.kind == "clv":
        models[MODEL]["interval_coverage"] = _coverage(predictions, rows)
    return {"n_rows": int(rows.size), "mean_outcome": float(y.mean()), "models": models}


def _coverage(predictions: Predictions, rows: Rows) -> float:
    y, low, high = (predictions.values(name)[rows] for name in ("y", "v_low", "v_high"))
    return float(np.mean((low <= y) & (y <= high)))


def _best(overall: Mapping[str, Mapping[str, float | None]], key: str) -> str | None:
    scored = {name: value[key] for name, value in overall.items() if name != MODEL}
    known = {name: score for name, score in scored.items() if score is not None}
    return max(known, key=lambda name: known[name]) if known else None
