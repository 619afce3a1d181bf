"""What the histories can show of a change, metric by metric: everything that is read is read once a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.features.scope import touched
from churnml.flow.changes import register_of
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.roles import churn_definition, churn_window
from churnml.flow.spine import settle_us
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.impact.metrics import (
    Watched,
    churn_panel,
    cost_panel,
    count_panel,
    level_panel,
    score_panel,
    share_panel,
    watched,
)
from churnml.relationship.impact.panel import Panel, Periods, joined
from churnml.relationship.impact.study import Change
from churnml.relationship.roles import Roles, SurveyRole

__all__ = ["Measure", "Setting", "churn_measure", "is_affected", "measures_of", "panels_of"]

Bools = npt.NDArray[np.bool_]
Measure = Callable[[Watched, Bucket, Periods], Panel]
_MOST_CUSTOMERS = 30_000
"""Customers looked at, at most, evenly taken: the interval is narrow enough by then."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the studies of a project share.

    Parameters
    ----------
    params : Params
    history : History
    roles : Roles
    changes : tuple of Change
        Those that have begun, the newest first.
    settled_until : int
        Outcomes are known until then.
    step : int
        Every so manyth customer of a bucket is looked at.
    """

    params: Params
    history: History
    roles: Roles
    changes: tuple[Change, ...]
    settled_until: int
    step: int

    @classmethod
    def of(cls, params: Params, history: History, changes: tuple[Change, ...]) -> Setting:
        """Measure what is the same for all changes."""
        # With ready labels nothing is known of when, and nothing is studied.
        wait = 0 if params.churn.definition == "label" else settle_us(history, params, {params.churn.table})
        n = sum(len(Bucket(history, number).customers) for number in range(history.n_buckets))
        return cls(
            params,
            history,
            roles=relationship_roles(params, history, at=history.as_of),
            changes=changes,
            settled_until=history.as_of - wait,
            step=max(1, -(-n // _MOST_CUSTOMERS)),
        )


def panels_of(setting: Setting, change: Change, periods: Periods, measures: Mapping[str, Measure]) -> dict[str, Panel]:
    """Return the panel of each metric over the same periods; every bucket is opened once."""
    definition = churn_definition(setting.params)

    def one(number: int) -> dict[str, Panel]:
        bucket = Bucket(setting.history, number)
        affected = is_affected(setting.history, bucket, change)
        seen = watched(bucket, setting.history, definition, periods, affected, step=setting.step)
        return {name: measure(seen, bucket, periods) for name, measure in measures.items()}

    parts = map_buckets(one, n_buckets=setting.history.n_buckets, threads=setting.params.train.threads)
    return {name: joined([part[name] for part in parts]) for name in measures}


def is_affected(history: History, bucket: Bucket, change: Change) -> Bools:
    """Return whom the change concerns, by what they were when it became known."""
    n = len(bucket.customers)
    if not change.scope:
        return np.ones(n, dtype=bool)
    dates = np.full(n, change.announced, dtype=np.int64)
    return touched(bucket, history, register_of(history, change), change.scope, np.arange(n), dates)


def churn_measure(setting: Setting) -> Measure:
    """Return how churn is measured: by the project's own definition, over its own horizon."""
    window, definition = churn_window(setting.params), churn_definition(setting.params)
    until = setting.settled_until
    return lambda seen, bucket, _: churn_panel(seen, bucket, definition, window, settled_until=until)


def measures_of(setting: Setting, change: Change) -> dict[str, Measure]:
    """Return the other metrics that these histories can show; those they cannot are not there."""
    roles, found = setting.roles, dict[str, Measure]()
    for role in roles.surveys:
        found[role.kind] = _scores(role)
    if roles.interactions:
        found["frequency"] = lambda seen, bucket, p: count_panel(seen, bucket, roles.interactions, length=p.length)
    tickets = roles.tickets
    if tickets is not None and not tickets.is_spells:
        found["complaints"] = lambda seen, bucket, p: count_panel(seen, bucket, [tickets.table], length=p.length)
    if roles.purchases:
        found["repeat"] = lambda seen, bucket, p: share_panel(seen, bucket, roles.purchases, length=p.length)
        for column, level in _usual_levels(setting, until=change.announced).items():
            found[f"mix:{column}={level}"] = _mix(roles.purchases, column, level)
    costs = setting.params.impact.cost_table
    if costs is not None:
        found["cost"] = lambda seen, bucket, p: cost_panel(seen, bucket, costs, length=p.length)
    return found


def _scores(role: SurveyRole) -> Measure:
    return lambda seen, bucket, p: score_panel(seen, bucket, role, length=p.length)


def _mix(table: str, column: str, level: str) -> Measure:
    return lambda seen, bucket, p: level_panel(seen, bucket, table, column, level, length=p.length)


def _usual_levels(setting: Setting, *, until: int) -> dict[str, str]:
    """Return the level of each category that most purchases before the change had: whose share is followed."""
    history, table = setting.history, setting.roles.purchases
    columns = history.tables[table].categories

    def one(number: int) -> dict[str, dict[str, int]]:
        bucket = Bucket(history, number)
        before = bucket.instants(table, "occurred_at") <= until
        counted = {}
        for column in columns:
            codes, vocabulary = bucket.codes(table, column)
            n = np.bincount(codes[before & (codes >= 0)], minlength=len(vocabulary)).tolist()
            counted[column] = dict(zip(vocabulary, n, strict=True))
        return counted

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=setting.params.train.threads)
    found = {}
    for column in columns:
        levels = sorted({level for part in parts for level, n in part[column].items() if n})
        totals = [sum(part[column].get(level, 0) for part in parts) for level in levels]
        if len(levels) > 1:
            found[column] = levels[int(np.argmax(totals))]
    return found
