"""The weekly series that an early warning watches, counted from the rows of all buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.settling import delay_counts
from churnml.relationship.roles import Roles, SurveyRole
from churnml.relationship.warning.completeness import completeness, weekly_completeness
from churnml.relationship.warning.watch import Series
from churnml.relationship.warning.weeks import MOST_WEEKS_LATE, Weeks
from churnml.snapshots.lost import endings, silences
from churnml.snapshots.population import at_risk
from churnml.timeline import NEVER

__all__ = ["Watch", "watched_series", "weekly_at_risk"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Counts = dict[str, Floats]
_LONGEST_DELAY_DAYS = 90
_LEAST_ARRIVALS = 5.0
"""Rows a week without which an empty week says nothing of a channel."""
_BLOCK = 26


@dataclass(frozen=True, slots=True)
class Watch:
    """A series and what it is of.

    Parameters
    ----------
    series : Series
    tables : tuple of str
        Where it is counted.
    channel : str
        Name of the series of arrivals it hangs on; empty = none.
    is_channel : bool
        Whether it is one: rows that arrive, whatever they say.
    """

    series: Series
    tables: tuple[str, ...]
    channel: str = ""
    is_channel: bool = False


def watched_series(params: Params, history: History, weeks: Weeks, *, foretold: Floats | None = None) -> list[Watch]:
    """Return losses first, then what runs ahead of them, then the channels by which customers are heard.

    Parameters
    ----------
    params : Params
        Churn of any definition but ready labels.
    history : History
    weeks : Weeks
    foretold : ndarray of float64, shape (n_weeks,), optional
        Losses that the churn model expected of each week before it.
    """
    roles = relationship_roles(params, history, at=history.as_of)
    parts = map_buckets(
        lambda number: _counts(params, history, roles, Bucket(history, number), weeks),
        n_buckets=history.n_buckets,
        threads=params.train.threads,
    )
    total: Counts = {}
    for part in parts:
        for name, counts in part.items():
            total[name] = total.get(name, 0) + counts
    made = _Maker(params, history, weeks, total)
    losses, *others = made.leading(roles)
    losses = replace(losses, series=replace(losses.series, foretold=foretold))
    return [losses, *others, *made.channels()]


def _counts(params: Params, history: History, roles: Roles, bucket: Bucket, weeks: Weeks) -> Counts:
    """Return the counts of one bucket; ``at_risk`` is out of how many."""
    found: Counts = {"at_risk": weekly_at_risk(params, history, bucket, weeks).sum(axis=1).astype(np.float64)}
    lost = silences if params.churn.definition == "inactivity" else endings
    window, definition = churn_window(params), churn_definition(params)
    found["losses"] = weeks.counted(lost(bucket, history, definition, window, after=int(weeks.starts[0]))[1])
    alive = _delivered(history, roles)
    if alive:
        found["activity:late"] = _active(bucket, alive, weeks)
        found["activity"] = found["activity:late"].sum(axis=1)
    if roles.purchases and history.tables[roles.purchases].has_amount:
        found["refunds"] = _rows(bucket, roles.purchases, "occurred_at", weeks, bucket.is_refund(roles.purchases))
    spells = _cancelled(history, roles)
    if spells:
        found["cancellations"] = np.sum([_rows(bucket, name, "ended_at", weeks) for name in spells], axis=0)
    if roles.tickets is not None:
        clock = "started_at" if roles.tickets.is_spells else "occurred_at"
        found |= _arrivals(bucket, history, roles.tickets.table, clock, weeks)
        found["complaints"] = found[f"arrivals:{roles.tickets.table}"]
    for role in roles.surveys:
        found |= _arrivals(bucket, history, role.table, "occurred_at", weeks)
        values = bucket.numbers(role.table, role.column)
        found[f"answers:{role.table}.{role.column}"] = _rows(
            bucket, role.table, "occurred_at", weeks, np.isfinite(values)
        )
        found[_low_name(role)] = _rows(bucket, role.table, "occurred_at", weeks, _is_low(role, values))
    return found


def _delivered(history: History, roles: Roles) -> tuple[str, ...]:
    """Return the tables of interactions that are delivered up to the end: without one, activity is still known."""
    broken = {table for table, _, end in history.holes if end >= history.as_of}
    return tuple(name for name in roles.interactions if name not in broken)


def _low_name(role: SurveyRole) -> str:
    return f"{role.kind}_low:{role.table}.{role.column}"


def _is_low(role: SurveyRole, values: Floats) -> npt.NDArray[np.bool_]:
    """Return which answers are dissatisfied ones: CSAT below satisfied, NPS up to 6. No answer is neither."""
    low: npt.NDArray[np.bool_] = values <= 6 if role.kind == "nps" else values < role.satisfied_from
    return low


def _cancelled(history: History, roles: Roles) -> list[str]:
    tickets = roles.tickets.table if roles.tickets is not None else ""
    return [info.name for info in history.of_kind("spells") if info.name != tickets]


def weekly_at_risk(params: Params, history: History, bucket: Bucket, weeks: Weeks) -> npt.NDArray[np.bool_]:
    """Return who was at risk when each week began, shape (n_weeks, n_customers)."""
    everybody, definition = np.arange(len(bucket.customers)), churn_definition(params)
    found = []
    for first in range(0, len(weeks.starts), _BLOCK):
        some = weeks.starts[first : first + _BLOCK]
        customer, dates = np.tile(everybody, len(some)), np.repeat(some, len(everybody))
        found.append(at_risk(bucket, history, definition, customer, dates).reshape(len(some), -1))
    return np.concatenate(found)


def _rows(bucket: Bucket, table: str, clock: str, weeks: Weeks, chosen: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Count rows in force by the week of a clock."""
    keep = bucket.known_until(table) == NEVER
    return weeks.counted(bucket.instants(table, clock)[keep if chosen is None else keep & chosen])


def _active(bucket: Bucket, tables: tuple[str, ...], weeks: Weeks) -> Floats:
    """Count the customers of whom a week has a sign of life, by how many weeks after it the first became known.

    Returns
    -------
    ndarray of float64, shape (n_weeks, MOST_WEEKS_LATE + 1)
    """
    pairs, known = [], []
    for table in tables:
        keep = bucket.is_activity(table) & (bucket.known_until(table) == NEVER)
        who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))[keep]
        place = weeks.places(bucket.instants(table, "occurred_at")[keep])
        pairs.append((who * len(weeks.starts) + place)[place >= 0])
        known.append(bucket.known_at(table)[keep][place >= 0])
    pair, at = np.concatenate(pairs), np.concatenate(known)
    order = np.lexsort((at, pair))
    pair, first = np.unique(pair[order], return_index=True)
    place = pair % len(weeks.starts)
    late = weeks.weeks_late(place, at[order][first])
    n_ages = MOST_WEEKS_LATE + 1
    cells = np.bincount(place * n_ages + late, minlength=len(weeks.starts) * n_ages)
    return cells.reshape(-1, n_ages).astype(np.float64)


def _arrivals(bucket: Bucket, history: History, table: str, clock: str, weeks: Weeks) -> Counts:
    """Count rows that arrived, and those of each level of a category that names channels."""
    found = {f"arrivals:{table}": _rows(bucket, table, clock, weeks)}
    for column in history.tables[table].categories:
        if "channel" in column.lower():
            codes, levels = bucket.codes(table, column)
            for place, level in enumerate(levels):
                found[f"arrivals:{table}:{column}={level}"] = _rows(bucket, table, clock, weeks, codes == place)
    return found


class _Maker:
    """Makes series of counts: since when they are known, and how complete the latest weeks are."""

    def __init__(self, params: Params, history: History, weeks: Weeks, total: Mapping[str, Floats]) -> None:
        self.params, self.history, self.weeks, self.total = params, history, weeks, total

    def leading(self, roles: Roles) -> Iterator[Watch]:
        """Yield losses and the figures that run ahead of them, as far as they are known."""
        churn = self.params.churn
        days = churn.horizon_days if churn.definition == "inactivity" else churn.grace_days
        yield self._watch("losses", (churn.table,), begins_after=days, is_late=churn.definition != "inactivity")
        if "activity" in self.total:
            yield self._watch("activity", _delivered(self.history, roles), falls=True)
        if "complaints" in self.total and roles.tickets is not None:
            table = roles.tickets.table
            yield self._watch("complaints", (table,), channel=f"arrivals:{table}")
        if self.total.get("refunds", np.zeros(1)).any():
            yield self._watch("refunds", (roles.purchases,))
        if "cancellations" in self.total:
            yield self._watch("cancellations", tuple(_cancelled(self.history, roles)))
        for role in roles.surveys:
            answers, arrivals = f"answers:{role.table}.{role.column}", f"arrivals:{role.table}"
            yield self._watch(_low_name(role), (role.table,), of=answers, channel=arrivals)

    def channels(self) -> Iterator[Watch]:
        """Yield the channels that carry enough for an empty week to say something."""
        year = round(self.weeks.year)
        for name in sorted(self.total):
            head, _, rest = name.partition(":")
            if head == "arrivals" and self.total[name][-year:-1].mean() >= _LEAST_ARRIVALS:
                yield self._watch(name, (rest.partition(":")[0],), falls=True, is_channel=True)

    def _watch(
        self,
        name: str,
        tables: tuple[str, ...],
        *,
        falls: bool = False,
        of: str = "at_risk",
        channel: str = "",
        is_channel: bool = False,
        begins_after: int = 0,
        is_late: bool = True,
    ) -> Watch:
        exposure = self.total[of]
        # Of answers, what is late is missing above and below the line alike.
        complete = self._complete(name, tables) if is_late and of == "at_risk" else np.ones(len(exposure))
        infos = [self.history.tables[table] for table in tables]
        first = max((info.first_us for info in infos if info.n_rows), default=NEVER - 1)
        # A channel whose rows are missing is what is looked for: to it, a hole is a silence.
        holes = () if is_channel else self.history.holes
        known = self.weeks.known(first, after_days=max(begins_after, self._warm_up), holes=holes, tables=set(tables))
        return Watch(Series(name, self.total[name], exposure, complete, known, falls), tables, channel, is_channel)

    @property
    def _warm_up(self) -> int:
        """Return how many days it takes until as many are at risk as will be: before, rates are not comparable."""
        churn = self.params.churn
        return int(churn.active_within_days or churn.horizon_days)

    def _complete(self, name: str, tables: tuple[str, ...]) -> Floats:
        if name == "activity":
            return weekly_completeness(self.total["activity:late"])
        found: Floats = np.min([self._completeness(table) for table in tables], axis=0)
        return found

    def _completeness(self, table: str) -> Floats:
        info = self.history.tables[table]
        if "known_at" not in info.columns:
            return np.ones(len(self.weeks.starts))
        parts = map_buckets(
            lambda number: delay_counts(
                Bucket(self.history, number), info, as_of=self.history.as_of, longest_days=_LONGEST_DELAY_DAYS
            ),
            n_buckets=self.history.n_buckets,
            threads=self.params.train.threads,
        )
        old, every = np.sum(parts, axis=0)
        return completeness(old if old.sum() else every, self.weeks.ages)
