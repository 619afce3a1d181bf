"""Evaluation: figures, plots and page from the backtests; the gate; the record in MLflow and its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml import tracking
from churnml.config import Params, resolved
from churnml.evaluation.agreement import agreement_of
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.gate import Limits, Verdict, judge
from churnml.evaluation.plots import plots_of
from churnml.evaluation.report import metrics_of
from churnml.evaluation.terms import Terms
from churnml.exports.evaluation_page import evaluation_page
from churnml.exports.tables import write_csv
from churnml.flow.categories import declared_categories
from churnml.flow.predictions import read_predictions
from churnml.flow.promotions import promoted_digest
from churnml.flow.spooled import deliver_all
from churnml.histories.store import History
from churnml.storage import new_folder, read_json, write_bytes, write_json

__all__ = ["Judged", "evaluate", "limits_of", "record_and_promote", "terms_of", "verdict_record"]

_HEADLINES = {
    "churn": (
        *("roc_auc", "average_precision", "lift", "capture", "lift_10", "capture_10", "log_loss", "brier"),
        *("ece", "empc", "empc_share", "empb", "savings"),
    ),
    "clv": (
        *("normalised_gini", "spearman", "mean_absolute_error", "top_share", "total_ratio", "decile_calibration"),
        "interval_coverage",
    ),
}
_BY_CUT_OFF = ("empc_share",)
"""Told for each cut-off in the headline, beside the measure of ranking."""
_REASONS = ("beats_other", "drop", "drop_other", "is_first_kept", "kept")
_CALIBRATION = ("total_ratio", "slope", "intercept", "ece")
"""Of the newest known window; they decide in the gate."""
_CURVES = {"churn": {"gains", "roc", "reliability", "reliability_latest", "lead_time"}, "clv": {"value_deciles"}}
"""Names of the tables of ``plots_of`` by model."""
Judged = dict[str, tuple[dict[str, Any], Verdict]]
"""Figures and verdict by model."""


def evaluate(
    params: Params, *, backtests: Mapping[str, Path], metrics: Path, details: Path, plots: Path, page: Path
) -> Judged:
    """Compute and write every figure of the backtests.

    Parameters
    ----------
    params : Params
        Capacity, effect and cost of the campaign, the margin, the limits of the gate.
    backtests : mapping of str to Path
        Folder of predictions by model (``churn``, ``clv``).
    metrics, details, page : Path
        Headline figures for DVC, all figures, and the page to be read.
    plots : Path
        Folder of CSV files for ``dvc plots``.
    """
    judged: Judged = {}
    curves: dict[str, pa.Table] = {}
    tested: dict[str, Predictions] = {}
    for name, folder in backtests.items():
        found = read_predictions(folder)
        if found is None:
            continue
        tested[name], is_out_of_time = found
        terms = terms_of(params, is_out_of_time=is_out_of_time)
        figures = {**metrics_of(tested[name], terms=terms), "is_out_of_time": is_out_of_time}
        judged[name] = (figures, judge(figures, limits_of(params)))
        curves |= plots_of(tested[name], figures)
    if len(tested) > 1:
        judged["churn"][0]["agreement"] = agreement_of(tested["churn"], tested["clv"])
    write_json({name: _headline(name, figures) for name, (figures, _) in judged.items()}, metrics)
    write_json(
        {name: {**figures, "verdict": verdict_record(verdict)} for name, (figures, verdict) in judged.items()}, details
    )
    with new_folder(plots) as temp:
        for name, table in curves.items():
            write_csv(table, temp / f"{name}.csv", headers=None, bom=False)
    write_bytes(evaluation_page(_for_page(judged), _columns(curves)), page)
    return judged


def terms_of(params: Params, *, is_out_of_time: bool) -> Terms:
    """Return what the figures are computed for; customers are parted by their declared categories."""
    campaign = params.campaign
    effect, cost = campaign.usual
    is_money = params.clv is not None and params.clv.measure == "amount"
    return Terms(
        capacity=campaign.capacity,
        effect=effect,
        cost=cost,
        margin=params.clv.margin if params.clv is not None and is_money else 1.0,
        is_out_of_time=is_out_of_time,
        categories=declared_categories(params),
    )


def limits_of(params: Params) -> Limits:
    """Return the limits of the gate."""
    gate = params.gate
    return Limits(*gate.slope, max_log_ratio=gate.max_log_ratio, max_ece=gate.max_ece, min_coverage=gate.min_coverage)


def _headline(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return few figures, flat enough to be read side by side in ``dvc metrics diff`` and ``dvc exp show``."""
    overall, rule, ranking = figures["overall"], figures["best_rule"], figures["ranking"]
    own = {key: overall[MODEL].get(key) for key in _HEADLINES[name]}
    cut_offs = {
        f"{key}_by_cut_off": {date: cut["models"][MODEL].get(key) for date, cut in figures["by_cut_off"].items()}
        for key in (ranking, *_BY_CUT_OFF)
        if key in overall[MODEL]
    }
    latest = {key: figures["calibration"].get(key) for key in _CALIBRATION}
    found = {**own, **cut_offs, "latest": {k: v for k, v in latest.items() if v is not None}}
    if figures.get("reasons"):
        found["reasons"] = {key: figures["reasons"][key] for key in _REASONS}
    if rule is not None:
        found["best_rule"] = {ranking: overall[rule][ranking]}
    return {key: value for key, value in found.items() if value is not None}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in both languages, JSON-ready."""
    told = {"reasons": verdict.reasons, "warnings": verdict.warnings}
    return {"ok": verdict.ok, **{key: [remark.record() for remark in remarks] for key, remarks in told.items()}}


_TOLD_ON_PAGE = (
    *("is_out_of_time", "ranking", "n_rows", "n_customers", "best_rule", "against", "absent", "skipped"),
    *("calibration", "slices", "min_group", "hidden_groups", "lead_time", "weights", "agreement", "reasons"),
)


def _for_page(judged: Judged) -> dict[str, object]:
    return {
        name: {
            "overall": figures["overall"],
            "cutoffs": {date: cut["models"] for date, cut in figures["by_cut_off"].items()},
            "verdict": verdict_record(verdict),
            **{key: figures[key] for key in _TOLD_ON_PAGE if key in figures},
            **({"fraction": figures["fraction"]} if name == "churn" else {}),
        }
        for name, (figures, verdict) in judged.items()
    }


def _columns(curves: Mapping[str, pa.Table]) -> dict[str, dict[str, list[Any]]]:
    return {name: table.to_pydict() for name, table in curves.items()}


def record_and_promote(
    params: Params, history: History, judged: Judged, *, root: Path, models: Mapping[str, Path], plots: Path
) -> dict[str, tracking.Recorded]:
    """Record each model in MLflow and give the first that passes its gate the alias ``champion``.

    A later model that passes gets ``challenger``: only ``churnml promote`` moves the champion. What the store does not
    take now waits in the spool, as ``tracking.when_unreachable`` says; no output of the stage depends on the store.

    Returns
    -------
    dict
        Where each model was recorded; without those that wait.

    Raises
    ------
    EnvironmentFault
        If the store cannot be reached and ``tracking.when_unreachable`` is ``fail``.
    """
    tags = {f"data_sha256.{file}": digest for file, digest in history.digests.items()}
    commit = tracking.git_commit(root)
    kept = {}
    for name, (figures, verdict) in judged.items():
        search = read_json(models[name] / "model.json")["meta"].get("tuning", {})
        training = tracking.RunRecord(
            model=name,
            params=_flat(resolved(params)),
            metrics=_numbers(figures) | _of_search(search),
            tags={**tags, "gate": _gate(verdict), **({"git_commit": commit} if commit else {})},
            model_folder=models[name],
            plots=[path for path in sorted(plots.glob("*.csv")) if path.stem in _CURVES[name]],
            trials=[_trial(trial) for trial in search.get("trials", [])],
        )
        kept[name] = tracking.keep(root, training, may_lead=verdict.ok, trusted=promoted_digest(root, name))
    done = deliver_all(params.tracking, root, new=list(kept.values()))
    return {name: done[entry] for name, entry in kept.items() if entry in done}


def _gate(verdict: Verdict) -> str:
    """Return what ``churnml promote`` goes by, and says when it refuses."""
    return "passed" if verdict.ok else f"failed: {verdict.why()}"


def _of_search(search: Mapping[str, Any]) -> dict[str, float]:
    names = ("n_trials", "loss_default", "loss_best", "gain", "standard_error")
    return {f"tuning.{name}": float(search[name]) for name in names if name in search}


def _trial(trial: Mapping[str, Any]) -> tracking.SearchTrial:
    is_done = trial["loss"] is not None
    metrics = {name: float(trial[name]) for name in ("loss", "gain", "n_rounds")} if is_done else {}
    return tracking.SearchTrial(int(trial["number"]), trial["parameters"], metrics)


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
