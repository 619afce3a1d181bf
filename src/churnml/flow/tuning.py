"""The search for parameters before training: which rows it may look at, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from churnml.config import Params
from churnml.errors import DataError
from churnml.estimators.tuning import Found
from churnml.evaluation.backtest import TOO_LITTLE
from churnml.evaluation.folds import Fold
from churnml.evaluation.tuned import search_churn, search_value
from churnml.flow.learning import LearningTask

__all__ = ["Tuned", "tune"]

_PLACE = Path(".churnml") / "tuning"
"""Outside of every stage's outputs, which DVC removes before the stage runs again."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """Parameters for each fold and for the model to be used; empty where the defaults are kept.

    Parameters
    ----------
    by_fold : dict of str to dict
        By the fold's name.
    final : dict
    facts : dict
        For the model's record: ``tuning``, or nothing without a search.
    """

    by_fold: dict[str, dict[str, Any]] = field(default_factory=dict)
    final: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def tune(
    params: Params,
    task: LearningTask,
    kind: Literal["churn", "clv"],
    *,
    root: Path,
    forbidden: Sequence[str] = (),
    monotone: Mapping[str, int] | None = None,
) -> Tuned:
    """Search parameters, if ``train.tune_trials`` asks for it.

    Where dates part what is learned from what is tested, there is one search, in the rows that the earliest tested
    date learns from: they are older than every tested row. Where folds share dates, each searches in its own rows, and
    the model to be used in all.

    Parameters
    ----------
    params : Params
    task : LearningTask
    kind : {"churn", "clv"}
    root : Path
        The project's folder; finished trials are kept there, so that an interrupted search goes on.
    forbidden : sequence of str
        Features not to be used.
    monotone : mapping of str to int, optional
        Features whose effect on churn may only go up (1) or down (-1).
    """
    n_trials = params.train.tune_trials
    if not n_trials:
        return Tuned()
    search: Callable[..., Found] = partial(search_churn, monotone=monotone)
    if kind == "clv" and params.clv is not None:
        search = partial(search_value, measure=params.clv.measure)
    how = {"threads": params.train.threads, "seed": params.train.seed, "forbidden": forbidden}
    within = partial(
        _search, partial(search, task.rows.table, task.rows.y, n_trials=n_trials, folder=root / _PLACE, **how)
    )
    if task.is_out_of_time:
        found = next(filter(None, map(within, task.folds)), None)
        chosen = found.parameters if found else {}
        return Tuned({fold.name: chosen for fold in task.folds}, chosen, _facts(found))
    by_fold = {fold.name: within(fold) for fold in task.folds}
    found = within(task.final)
    parameters = {name: one.parameters for name, one in by_fold.items() if one is not None}
    return Tuned(parameters, found.parameters if found else {}, _facts(found))


def _search(search: Callable[[Fold], Found], fold: Fold) -> Found | None:
    """Search in the rows of a fold; None where there is too little to learn from."""
    try:
        return search(fold)
    except DataError as error:
        if error.rule not in TOO_LITTLE:
            raise
        return None


def _facts(found: Found | None) -> dict[str, Any]:
    return {} if found is None else {"tuning": found.facts()}
