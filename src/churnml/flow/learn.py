"""Training: the backtest beside simple rules, and the model to be used."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from churnml.config import Params
from churnml.errors import ConfigError, DataError, TimeContractError, did_you_mean
from churnml.estimators.artifact import save
from churnml.estimators.baselines import ChurnRule
from churnml.estimators.carry import Carry, carry_by_hazard, carry_by_shift
from churnml.estimators.churn import ChurnClassifier, check_labels
from churnml.estimators.clv import check_values
from churnml.estimators.matrix import KEYS, FeatureSpec, to_matrix
from churnml.evaluation.backtest import backtest_churn, backtest_value, fit_final_churn, fit_final_value
from churnml.evaluation.card import card_figures
from churnml.evaluation.folds import OrderedRows
from churnml.evaluation.terms import Terms
from churnml.exports.model_card import card_files
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.categories import declared_categories
from churnml.flow.crisis_rows import with_crises
from churnml.flow.explained import Watched
from churnml.flow.learning import LearnableRows, LearningTask, churn_task, hazard_rows, leaving_model, value_task
from churnml.flow.predictions import write_predictions
from churnml.flow.reference import CONTRACT, contract
from churnml.flow.reference_facts import reference_facts
from churnml.flow.roles import churn_window, purchases_table
from churnml.flow.staying import is_contract
from churnml.flow.treatments import treatment_limits
from churnml.flow.tuning import tune
from churnml.flow.value_carry import value_checks
from churnml.histories.store import History
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import new_folder, read_json, write_json
from churnml.timeline import OutcomeWindow, us_to_iso

__all__ = ["churn_carry", "named_features", "train_churn", "train_value"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_TOO_LITTLE = {"data.no_rows", "data.constant_target", "data.too_few_values"}
"""No value can be learned, which is no fault of the data."""


def train_churn(
    params: Params,
    *,
    features: Path,
    labels: Path,
    spine: Path,
    model: Path,
    backtest: Path,
    root: Path,
    history: History | None = None,
) -> None:
    """Backtest the churn model beside simple rules, then fit and save the one to be used.

    ``root`` is the project's folder; a search for parameters keeps its trials there. ``history`` holds the crises of
    the calendar tables.

    Raises
    ------
    DataError
        If there is one class only, or too few customers of one.
    """
    task = churn_task(params, features=features, labels=labels, spine=spine)
    task, crises = with_crises(params, task, history, churn_window(params, task.plan))
    rows, horizon = task.rows, task.horizon_days
    check_labels(rows.y)
    settings: dict[str, Any] = {"seed": params.train.seed, "threads": params.train.threads}
    settings["forbidden"] = named_features(params.train.forbidden, rows.table.column_names, key="train.forbidden")
    settings["monotone"] = {
        name: sign
        for pattern, sign in params.train.monotone.items()
        for name in named_features([pattern], rows.table.column_names, key="train.monotone")
    }
    settings["hazard"] = hazard_rows(params, task.plan, features=features, labels=labels)
    named = {key: settings[key] for key in ("forbidden", "monotone")}
    tuned = tune(params, task, "churn", root=root, **named)
    # One thread a fit, side by side: faster than several threads in one fit, and the same result. The limit stands
    # around both: one that the backtest sets and lifts would change sums of the final fit in their last bit.
    alone = {**settings, "threads": 1, "as_of": task.plan.as_of, "tuned": tuned.final}
    settings["tuned"] = tuned.by_fold
    with threadpool_limits(limits=1), ThreadPoolExecutor(1) as beside:
        final = beside.submit(fit_final_churn, rows.table, rows.y, task.final, **alone)
        watched = Watched()
        tested = backtest_churn(
            rows.table, rows.y, task.folds, roles=task.roles, horizon_days=horizon, watch=watched, **settings
        )
        fitted, spec = final.result()
        tested = replace(tested, reasons=watched.checked(params, fitted, spec))
    fitted.carry_ = churn_carry(params, task.plan, features, fitted=fitted, spec=spec, learned_days=horizon)
    fitted.leaving_ = leaving_model(params, task.plan, spec, features=features, labels=labels)
    meta = _meta(params, rows, task.plan, "churn", float(params.churn.horizon_days), features, crises=crises)
    meta |= _simple_rule(task)
    meta |= reference_facts(params, rows.table, spec, tested, customers=rows.customers)
    meta |= card_figures(tested, terms=_card_terms(params, task)) | {"learned_horizon_days": horizon} | tuned.facts
    save(fitted, spec, model, meta=meta, cards=card_files)
    write_predictions(tested, backtest, is_out_of_time=task.is_out_of_time, key_id=params.privacy.key)


def named_features(patterns: Sequence[str], columns: Sequence[str], *, key: str) -> list[str]:
    """Return the columns that patterns name; a trailing ``*`` stands for any ending.

    Raises
    ------
    ConfigError
        If a pattern names none: a typing error would silently lift a ban.
    """
    found: list[str] = []
    for pattern in patterns:
        stem = pattern.removesuffix("*")
        named = [c for c in columns if c not in KEYS and (c.startswith(stem) if stem != pattern else c == pattern)]
        if not named:
            raise ConfigError(
                f"no feature is named {pattern}",
                rule="config.feature",
                file="params.yaml",
                column=key,
                next_step=did_you_mean(stem, columns) or "reports/features.html lists the features.",
            )
        found.extend(name for name in named if name not in found)
    return found


def churn_carry(
    params: Params,
    plan: SnapshotPlan,
    features: Path,
    *,
    fitted: ChurnClassifier,
    spec: FeatureSpec,
    learned_days: float,
) -> Carry:
    """Return what turns probabilities of the horizon that was learned into those of the one asked for.

    As the hazard sees it on the customers to be scored, as long as it has seen half of the longer horizon; of silence
    beyond that as a buy-till-you-die model does, which lets customers be gone for good; else as a constant rate would.
    """
    asked_days, is_silence = float(params.churn.horizon_days), params.churn.definition == "inactivity"
    if asked_days <= learned_days or params.churn.definition == "label":
        return Carry()
    scored = read_buckets(features, keep=lambda _, table: observed_at(table, plan.as_of))
    source, hazard = purchases_table(params) or params.churn.table, fitted.hazard_
    names = [f"{source}_p_silent_{days:g}d" for days in (learned_days, asked_days)]
    has_silence = is_silence and set(names) <= set(scored.column_names)
    if hazard is not None and (hazard.edges_[-1] >= asked_days / 2 or not has_silence):
        risks = hazard.risk(to_matrix(scored, spec), [learned_days, asked_days])
        return carry_by_shift(risks[:, 0], risks[:, 1], of_silence=is_silence)
    if not has_silence:
        return carry_by_hazard(learned_days, asked_days, of_silence=is_silence)
    return carry_by_shift(*(scored[name].to_numpy().astype(np.float64) for name in names), of_silence=True)


def train_value(
    params: Params,
    *,
    features: Path,
    labels: Path,
    spine: Path,
    churn_model: Path,
    model: Path,
    backtest: Path,
    root: Path,
    history: History | None = None,
) -> None:
    """Backtest the value model beside simple rules, then fit and save the one to be used.

    Without a ``clv`` block both folders are left empty but for a note, so that later stages can tell; so they are where
    no value can be learned of contracts whose end is churn: what they pay follows from the churn model.

    Raises
    ------
    DataError
        If the value cannot be learned: constant, or too few customers with any.
    """
    if params.clv is None:
        _note_absent("params.yaml has no clv block", model, backtest)
        return
    if params.churn.definition == "label":
        raise TimeContractError(
            "a value model needs histories with dates, and churn.definition label has none",
            rule="time.value_without_dates",
            file="params.yaml",
            column="clv",
            next_step="Take the clv block out; campaign.value_column can name a column that holds the value.",
        )
    try:
        task = value_task(params, features=features, labels=labels, spine=spine)
        check_values(task.rows.y)
        task, crises = with_crises(params, task, history, OutcomeWindow(task.plan.value_horizon_us))
    except DataError as error:
        if not is_contract(params) or error.rule not in _TOO_LITTLE:
            raise
        _note_absent(f"{error.problem}; value is what contracts pay while they last", model, backtest)
        return
    rows, horizon, roles = task.rows, task.horizon_days, task.roles
    settings: dict[str, Any] = {
        "seed": params.train.seed,
        "threads": params.train.threads,
        "measure": params.clv.measure,
        "forbidden": named_features(params.train.forbidden, rows.table.column_names, key="train.forbidden"),
    }
    tuned = tune(params, task, "clv", root=root, forbidden=settings["forbidden"])
    alone = {**settings, "threads": 1, "expected": roles.get("expected"), "tuned": tuned.final}
    settings["tuned"] = tuned.by_fold
    with threadpool_limits(limits=1), ThreadPoolExecutor(1) as beside:
        final = beside.submit(fit_final_value, rows.table, rows.y, task.final, **alone)
        tested = backtest_value(rows.table, rows.y, task.folds, roles=roles, horizon_days=horizon, **settings)
        fitted, spec = final.result()
    checks = value_checks(params, task, features=features, churn_model=churn_model, value=fitted, spec=spec)
    meta = _meta(params, rows, task.plan, "clv", horizon, features, crises=crises) | tuned.facts | checks
    meta |= {CONTRACT: contract(params)}
    save(fitted, spec, model, meta=meta | card_figures(tested, terms=_card_terms(params, task)), cards=card_files)
    write_predictions(tested, backtest, is_out_of_time=task.is_out_of_time, key_id=params.privacy.key)


def _card_terms(params: Params, task: LearningTask) -> Terms:
    """Return what the card's figures are computed for: no campaign, so that a new budget trains no new model."""
    return Terms(is_out_of_time=task.is_out_of_time, categories=declared_categories(params))


def _note_absent(why: str, *folders: Path) -> None:
    """Leave folders empty but for a note."""
    for folder in folders:
        with new_folder(folder) as temp:
            write_json({"absent": why}, temp / "absent.json")


def _meta(
    params: Params,
    rows: LearnableRows,
    plan: SnapshotPlan,
    kind: Literal["churn", "clv"],
    horizon_days: float,
    features: Path,
    *,
    crises: dict[str, Any],
) -> dict[str, Any]:
    """Return what the model's record and card say beside its numbers."""
    known = {"first": us_to_iso(int(rows.dates.min())), "last": us_to_iso(int(rows.dates.max()))}
    return {
        "title": "Churn" if kind == "churn" else "Customer lifetime value",
        "window": known | {"until": us_to_iso(plan.as_of)},
        "learned_until": us_to_iso(plan.as_of),
        "population": _population(params),
        "horizon_days": horizon_days,
        "n_snapshots": len(rows.y),
        "n_customers": len(np.unique(rows.customers)),
        "mean_outcome": float(rows.y.mean()),
        "seed": params.train.seed,
        "limits": [*treatment_limits(params), *_crisis_limits(crises)],
        "forbidden": list(params.train.forbidden),
        "feature_plan": read_json(features / "plan.json"),
        **({"crises": crises} if crises else {}),
    }


def _simple_rule(task: LearningTask) -> dict[str, Any]:
    """Return the rule that may score in the model's place in a crisis: days since the last purchase, where known."""
    column = task.roles.get("recency")
    if column is None or column not in task.rows.table.column_names:
        return {}
    learning = OrderedRows.of(task.rows.table, task.rows.y).learning(task.final, half_life_days=None)
    rule = ChurnRule("recency", column, 1, missing_is_most=True).fit(learning.table, learning.y)
    return {"simple_rule": rule.state()}


def _crisis_limits(crises: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the card says of outcomes in crises among those learned from: key and figures of its words."""
    if not crises:
        return []
    said = {"n": crises["n_snapshots"], "of": crises["n_rows"], "weight": crises.get("weight", 1.0)}
    return [{"key": f"crisis_{crises['training']}", **said}]


def _population(params: Params) -> dict[str, Any]:
    """Return whom the model is about: key and figures of the card's words."""
    churn = params.churn
    said: dict[str, Any] = {"key": churn.definition, "table": churn.table}
    if churn.definition == "inactivity" and churn.active_within_days is not None:
        return said | {"key": "inactivity_within", "days": churn.active_within_days}
    return said
