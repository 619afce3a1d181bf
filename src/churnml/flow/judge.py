"""Evaluation: figures, plots and page from the backtests; the gate; the record in MLflow and its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml import tracking
from churnml.config import Params, resolved
from churnml.evaluation.backtest import MODEL
from churnml.evaluation.gate import Verdict, beats_baselines
from churnml.evaluation.plots import plots_of
from churnml.evaluation.report import metrics_of
from churnml.exports.evaluation_page import evaluation_page
from churnml.exports.tables import write_csv
from churnml.flow.predictions import read_predictions
from churnml.histories.store import History
from churnml.storage import new_folder, write_bytes, write_json

__all__ = ["Judged", "evaluate", "record_and_promote"]

_HEADLINES = {
    "churn": ("roc_auc", "average_precision", "lift", "capture", "log_loss", "brier", "ece"),
    "clv": ("normalised_gini", "spearman", "mean_absolute_error", "top_share", "total_ratio", "interval_coverage"),
}
_CURVES = {"churn": {"gains", "roc", "reliability"}, "clv": {"value_deciles"}}
"""Names of the tables of ``plots_of`` by model."""
Judged = dict[str, tuple[dict[str, Any], Verdict]]
"""Figures and verdict by model."""


def evaluate(*, backtests: Mapping[str, Path], metrics: Path, details: Path, plots: Path, page: Path) -> Judged:
    """Compute and write every figure of the backtests.

    Parameters
    ----------
    backtests : mapping of str to Path
        Folder of predictions by model (``churn``, ``clv``).
    metrics, details, page : Path
        Headline figures for DVC, all figures, and the page to be read.
    plots : Path
        Folder of CSV files for ``dvc plots``.
    """
    judged: Judged = {}
    curves: dict[str, pa.Table] = {}
    for name, folder in backtests.items():
        found = read_predictions(folder)
        if found is None:
            continue
        predictions, is_out_of_time = found
        figures = {**metrics_of(predictions), "is_out_of_time": is_out_of_time}
        judged[name] = (figures, beats_baselines(figures))
        curves |= plots_of(predictions)
    write_json({name: _headline(name, figures) for name, (figures, _) in judged.items()}, metrics)
    write_json(
        {name: {**figures, "verdict": _verdict(verdict)} for name, (figures, verdict) in judged.items()}, details
    )
    with new_folder(plots) as temp:
        for name, table in curves.items():
            write_csv(table, temp / f"{name}.csv", headers=None, bom=False)
    write_bytes(evaluation_page(_for_page(judged), _columns(curves)), page)
    return judged


def _headline(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return few figures, flat enough to be read side by side in ``dvc metrics diff`` and ``dvc exp show``."""
    overall, rule, ranking = figures["overall"], figures["best_rule"], figures["ranking"]
    own = {key: overall[MODEL].get(key) for key in _HEADLINES[name]}
    cut_offs = {date: cut["models"][MODEL].get(ranking) for date, cut in figures["by_cut_off"].items()}
    found = {**own, ranking + "_by_cut_off": cut_offs}
    if rule is not None:
        found["best_rule"] = {ranking: overall[rule][ranking]}
    return {key: value for key, value in found.items() if value is not None}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"ok": verdict.ok, "reasons": list(verdict.reasons), "warnings": list(verdict.warnings)}


_TOLD_ON_PAGE = (
    "is_out_of_time",
    "ranking",
    "n_rows",
    "n_customers",
    "fraction",
    "best_rule",
    "against",
    "absent",
    "skipped",
)


def _for_page(judged: Judged) -> dict[str, object]:
    return {
        name: {
            "overall": figures["overall"],
            "cutoffs": {date: cut["models"] for date, cut in figures["by_cut_off"].items()},
            "verdict": {"ok": verdict.ok, "warnings": list(verdict.warnings)},
            **{key: figures[key] for key in _TOLD_ON_PAGE},
        }
        for name, (figures, verdict) in judged.items()
    }


def _columns(curves: Mapping[str, pa.Table]) -> dict[str, dict[str, list[Any]]]:
    return {name: table.to_pydict() for name, table in curves.items()}


def record_and_promote(
    params: Params, history: History, judged: Judged, *, root: Path, models: Mapping[str, Path], plots: Path
) -> dict[str, tracking.Recorded]:
    """Record each model in MLflow and give the first that passes its gate the alias ``champion``.

    A later model that passes gets ``challenger``: only ``churnml promote`` moves the champion.

    Raises
    ------
    EnvironmentFault
        If the store cannot be reached.
    """
    done = {}
    tags = {f"data_sha256.{file}": digest for file, digest in history.digests.items()}
    commit = tracking.git_commit(root)
    for name, (figures, verdict) in judged.items():
        record = tracking.RunRecord(
            model=name,
            params=_flat(resolved(params)),
            metrics=_numbers(figures),
            tags={**tags, "gate": "passed" if verdict.ok else "failed", **({"git_commit": commit} if commit else {})},
            model_folder=models[name],
            plots=[path for path in sorted(plots.glob("*.csv")) if path.stem in _CURVES[name]],
        )
        done[name] = tracking.record(root, record)
        if verdict.ok:
            champion = tracking.champion_version(root, name)
            if champion is None:
                tracking.set_alias(root, name, "champion", done[name].version)
            elif champion != done[name].version:
                tracking.set_alias(root, name, "challenger", done[name].version)
    return done


def _flat(value: object, prefix: str = "") -> dict[str, str | float | int]:
    """Return nested parameters as ``block.key``; tables and contact columns are not worth a parameter each."""
    if isinstance(value, Mapping):
        parts = [_flat(v, f"{prefix}.{k}" if prefix else str(k)) for k, v in value.items() if k != "tables"]
        return {key: item for part in parts for key, item in part.items()}
    if value is None or value == [] or not prefix:
        return {}
    return {prefix: value if isinstance(value, int | float) else str(value)}


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for model, measures in figures["overall"].items():
        for key, value in measures.items():
            if isinstance(value, int | float):
                found[key if model == MODEL else f"{model}.{key}"] = float(value)
    return found
