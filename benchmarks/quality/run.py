"""One task from raw files to figures: learned up to the cut-off, judged by what came after."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from benchmarks.quality.tasks import Task
from churnml.config import Params, load_params
from churnml.errors import ChurnmlError
from churnml.estimators.artifact import save
from churnml.estimators.baselines import churn_baselines, value_baselines
from churnml.estimators.matrix import to_matrix
from churnml.estimators.survival import SurvivalCurves
from churnml.evaluation.backtest import backtest_churn, fit_final_churn, fit_final_value
from churnml.flow.buckets import observed_at, read_buckets
from churnml.flow.featurize import featurize
from churnml.flow.label import label
from churnml.flow.learn import churn_carry
from churnml.flow.learning import LearningTask, churn_task, hazard_rows, value_task
from churnml.flow.raw import prepare_histories
from churnml.flow.spine import make_spine
from churnml.flow.staying import staying_curves
from churnml.flow.value_carry import value_checks
from churnml.flow.value_horizon import correction_for, horizon_factor
from churnml.histories.store import open_history
from churnml.timeline import parse_instant, us_to_date

__all__ = ["Judged", "judge"]

Floats = npt.NDArray[np.float64]
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Judged:
    """What was predicted for the customers of a task and what came, by model and simple rule.

    Parameters
    ----------
    churned, value : ndarray, shape (n_customers,)
        Truth; ``value`` is empty where the task has none.
    p_churn, values : dict of str to ndarray
        Predictions by name; ``churnml`` is the model.
    seconds : float
        Wall time of everything.
    """

    churned: Floats
    value: Floats
    p_churn: dict[str, Floats]
    values: dict[str, Floats]
    seconds: float


def judge(task: Task, data: Path, folder: Path) -> Judged:
    """Bring a task in by its configuration, learn up to the cut-off, and compare with what came after.

    Parameters
    ----------
    task : Task
    data : Path
        Folder that holds the task's data folder.
    folder : Path
        Emptied, and used for everything that is made.
    """
    begun = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    raw = yaml.safe_load((_HERE / task.name / "params.yaml").read_text(encoding="utf-8"))
    learn = _project(raw, data / task.data, folder / "learn")
    if raw["churn"]["definition"] == "label":
        churned, p_churn = _by_folds(learn)
        return Judged(churned, np.empty(0), p_churn, {}, time.perf_counter() - begun)
    later = _project(_later(raw), data / task.data, folder / "later")
    scored = read_buckets(learn.folder / "features", keep=lambda _, table: observed_at(table, learn.as_of))
    scored = scored.sort_by("customer_id")
    churned = _truth(later, "churn", "is_churned", scored)
    p_churn, curves = _churn(learn, scored)
    value, values = np.empty(0), {}
    if learn.params.clv:
        value, values = _truth(later, "value", "value", scored), _value(learn, scored, curves)
    known = ~np.isnan(churned)
    p_churn = {name: p[known] for name, p in p_churn.items()}
    return Judged(churned[known], value, p_churn, values, time.perf_counter() - begun)


def learned_scores(raw: dict[str, Any], data: Path, folder: Path) -> pa.Table:
    """Learn from a folder of files by a configuration, and score the customers at risk at its ``as_of``.

    Returns
    -------
    pyarrow.Table
        ``customer_id``, ``p_churn``, ``value``, ``low`` and ``high``.
    """
    learn = _project(raw, data, folder)
    scored = read_buckets(learn.folder / "features", keep=lambda _, table: observed_at(table, learn.as_of))
    scored = scored.sort_by("customer_id")
    p_churn, curves = _churn(learn, scored)
    values = _value(learn, scored, curves)
    ahead = {"value": values["churnml"], "low": values["low"], "high": values["high"]}
    return pa.table({"customer_id": scored["customer_id"], "p_churn": p_churn["churnml"], **ahead})


@dataclass(frozen=True, slots=True)
class _Project:
    params: Params
    folder: Path

    @property
    def as_of(self) -> int:
        return parse_instant(self.params.histories.as_of, timezone=self.params.histories.timezone)


def _later(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration in which the cut-off is the newest date with a known outcome."""
    as_of = us_to_date(parse_instant(raw["histories"]["as_of"], timezone="UTC"))
    known = as_of + timedelta(days=raw["churn"]["horizon_days"])
    histories = {**raw["histories"], "as_of": known.isoformat()}
    return {**raw, "histories": histories, "snapshots": {"count": 1}, "churn": {**raw["churn"], "settle_days": 0}}


def _project(raw: dict[str, Any], data: Path, folder: Path) -> _Project:
    """Run the stages up to the labels."""
    (folder / "data").mkdir(parents=True)
    shutil.copytree(data, folder / "data" / "raw")
    (folder / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    params = load_params(folder / "params.yaml")
    checks = {"check": folder / "check.json", "check_page": folder / "check.html"}
    history = prepare_histories(params, root=folder, target=folder / "prepared", remember=False, **checks)
    make_spine(history, params, folder / "spine")
    if folder.name == "learn":
        featurize(history, params, folder / "spine", folder / "features", root=folder)
    label(history, params, folder / "spine", folder / "labels")
    return _Project(params, folder)


def _paths(project: _Project) -> dict[str, Path]:
    return {name: project.folder / name for name in ("features", "labels", "spine")}


def _truth(later: _Project, kind: str, column: str, scored: pa.Table) -> Floats:
    """Return what came for each scored customer, NaN where nothing is known."""
    labels = read_buckets(later.folder / "labels" / kind).filter(pc.is_valid(pc.field(column)))
    place = pc.index_in(scored["customer_id"], value_set=labels["customer_id"].combine_chunks())
    return np.asarray(labels[column].cast(pa.float64()).take(place).to_numpy(), dtype=np.float64)


def _churn(project: _Project, scored: pa.Table) -> tuple[dict[str, Floats], SurvivalCurves]:
    task = churn_task(project.params, **_paths(project))
    paths = _paths(project)
    hazard = hazard_rows(project.params, task.plan, features=paths["features"], labels=paths["labels"])
    settings: dict[str, Any] = {"seed": 1, "threads": 2, "hazard": hazard, "as_of": task.plan.as_of}
    model, spec = fit_final_churn(task.rows.table, task.rows.y, task.final, **settings)
    print(f"{project.folder.parent.name}: weights", {name: round(w, 2) for name, w in model.weights_.items()})
    model.carry_ = churn_carry(
        project.params, task.plan, paths["features"], fitted=model, spec=spec, learned_days=task.horizon_days
    )
    asked_days = float(project.params.churn.horizon_days)
    rules, _ = churn_baselines(task.roles, scored.column_names, spec=spec, horizon_days=asked_days, seed=1)
    save(model, spec, project.folder / "churn")
    X = to_matrix(scored, spec)
    found = {"churnml": model.churn_probability(X)}
    return found | _by_rules(rules, task, scored), staying_curves(project.params, model, X, found["churnml"])


def _value(project: _Project, scored: pa.Table, curves: SurvivalCurves) -> dict[str, Floats]:
    params, task = project.params, value_task(project.params, **_paths(project))
    assert params.clv is not None
    settings: dict[str, Any] = {"seed": 1, "threads": 2, "measure": params.clv.measure}
    expected = task.roles.get("expected")
    model, spec = fit_final_value(task.rows.table, task.rows.y, task.final, expected=expected, **settings)
    history = open_history(project.folder / "prepared")
    factor = horizon_factor(params, history, scored, curves, learned_days=task.horizon_days)
    paths = {"features": project.folder / "features", "churn_model": project.folder / "churn"}
    checks = value_checks(params, task, value=model, spec=spec, **paths)
    print(f"{project.folder.parent.name}: value", checks, {name: round(w, 2) for name, w in model.weights_.items()})
    factor = factor * correction_for(params, checks, learned_days=task.horizon_days)
    ahead = model.forecast(to_matrix(scored, spec), horizon_factor=factor)
    asked_days = float(params.clv.horizon_days)
    rules, _ = value_baselines(task.roles, scored.column_names, horizon_days=asked_days, seed=1)
    found = {"churnml": ahead.value, "low": ahead.low, "high": ahead.high}
    return found | _by_rules(rules, task, scored)


def _by_rules(rules: Any, task: LearningTask, scored: pa.Table) -> dict[str, Floats]:
    """Return the predictions of the simple rules, learned from the same rows."""
    found = {}
    for rule in rules:
        try:
            found[rule.name] = rule.fit(task.rows.table, task.rows.y).predict(scored)
        except ChurnmlError:
            continue
    return found


def _by_folds(project: _Project) -> tuple[Floats, dict[str, Floats]]:
    """Return truth and out-of-fold predictions of a table with ready labels."""
    task = churn_task(project.params, **_paths(project))
    settings: dict[str, Any] = {"seed": 1, "threads": 2, "horizon_days": task.horizon_days}
    tested = backtest_churn(task.rows.table, task.rows.y, task.folds, roles=task.roles, **settings)
    return tested.values("y"), {name: tested.values(tested.prefix + name) for name in tested.models()}
