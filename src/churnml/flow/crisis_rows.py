"""Training in and after crises: snapshots whose outcome lies in one teach as all others do, less, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.evaluation.folds import Fold
from churnml.features.scope import touched
from churnml.flow.crises import crises_of
from churnml.flow.learning import LearningTask
from churnml.histories.bucket import Bucket
from churnml.histories.crises import SEVERITIES, Crisis
from churnml.histories.store import History
from churnml.timeline import OutcomeWindow

__all__ = ["with_crises"]

Bools = npt.NDArray[np.bool_]


def with_crises(
    params: Params, task: LearningTask, history: History | None, window: OutcomeWindow
) -> tuple[LearningTask, dict[str, Any]]:
    """Return the task with its crisis snapshots treated as ``guard.training`` says, and what the model's record tells.

    Each fold knows the crises that were known at its tested date, the model to be used those known at ``as_of``. Tested
    rows stay as they are.

    Parameters
    ----------
    params : Params
    task : LearningTask
    history : History or None
        With the calendar tables and the scopes of customers; None = only what is declared for everybody counts.
    window : OutcomeWindow
        Of the outcome that is learned.

    Returns
    -------
    tuple of LearningTask and dict
        Facts of the model to be used: ``training``, ``weight``, ``n_rows`` and ``n_snapshots`` (rows it could learn
        from, and those whose outcome lies in a crisis), ``crises``; empty without any such snapshot.
    """
    if params.churn.definition == "label" or task.rows.dates.size == 0:
        return task, {}
    known = [c for c in crises_of(params, history, known_by=task.plan.as_of) if _counts(c, params)]
    if not known:
        return task, {}
    overlaps = [_overlaps(crisis, task, history, window, params) for crisis in known]

    def at(fold: Fold, instant: int) -> Fold:
        return _treated(fold, _rows_of(known, overlaps, known_by=instant), params)

    folds = [at(fold, int(task.rows.dates[fold.test].min())) for fold in task.folds]
    final = at(task.final, task.plan.as_of)
    return replace(task, folds=folds, final=final), _facts(params, task.final, known, overlaps)


def _counts(crisis: Crisis, params: Params) -> bool:
    return SEVERITIES.index(crisis.severity) >= SEVERITIES.index(params.guard.from_severity)


def _overlaps(
    crisis: Crisis, task: LearningTask, history: History | None, window: OutcomeWindow, params: Params
) -> Bools:
    """Return which rows are of somebody concerned whose outcome window shares an instant with a crisis."""
    dates = task.rows.dates
    found: Bools = window.closes(dates) > crisis.start
    if crisis.end is not None:
        found &= window.opens(dates) < crisis.end
    if crisis.scope and found.any():
        found &= _is_concerned(crisis, task.rows.table["customer_id"], history, params)
    return found


def _is_concerned(crisis: Crisis, customers: pa.ChunkedArray, history: History | None, params: Params) -> Bools:
    """Return which customers a scope concerns, by what they were when the crisis began."""
    if history is None:
        return np.zeros(len(customers), dtype=bool)
    info = history.tables.get(crisis.table) or next(iter(history.tables.values()))

    def one(number: int) -> pa.Array:
        bucket = Bucket(history, number)
        n = len(bucket.customers)
        dates = np.full(n, crisis.start, dtype=np.int64)
        return bucket.customers.filter(pa.array(touched(bucket, history, info, crisis.scope, np.arange(n), dates)))

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    ids = pa.concat_arrays([*parts, pa.array([], pa.string())])
    found: Bools = pc.is_in(customers.cast(pa.string()), value_set=ids).to_numpy()
    return found


def _rows_of(known: Sequence[Crisis], overlaps: Sequence[Bools], *, known_by: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the rows that lie in a crisis known by an instant."""
    found = np.zeros(len(overlaps[0]), dtype=bool)
    for crisis, rows in zip(known, overlaps, strict=True):
        if max(crisis.known_at, crisis.start) <= known_by:
            found |= rows
    return np.flatnonzero(found)


def _treated(fold: Fold, rows: npt.NDArray[np.int64], params: Params) -> Fold:
    if params.guard.training == "keep":
        return fold
    if params.guard.training == "down_weight":
        return replace(fold, light=rows, light_weight=params.guard.weight)
    train, valid, between = (np.setdiff1d(part, rows) for part in (fold.train, fold.valid, fold.between))
    return replace(fold, train=train, valid=valid, between=between)


def _facts(params: Params, final: Fold, known: Sequence[Crisis], overlaps: Sequence[Bools]) -> dict[str, Any]:
    learned = np.concatenate([final.train, final.valid, final.between])
    told = [
        crisis.facts() | {"n_snapshots": int(rows[learned].sum())}
        for crisis, rows in zip(known, overlaps, strict=True)
        if rows[learned].any()
    ]
    if not told:
        return {}
    n = int(np.any([rows[learned] for rows in overlaps], axis=0).sum())
    way = params.guard.training
    said: dict[str, Any] = {"training": way, "n_rows": len(learned), "n_snapshots": n, "crises": told}
    return said | ({"weight": params.guard.weight} if way == "down_weight" else {})
