"""A synthetic crisis: whom it hits, when, and which rows it adds, takes away or changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ConfigError
from churnml.features.scope import touched
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME, number_column
from churnml.histories.store import History
from churnml.relationship.roles import Roles
from churnml.timeline import DAY_US

__all__ = ["EXPECTED", "KINDS", "Scenario", "Synthetic", "hit_by"]

Int64s = npt.NDArray[np.int64]
Kind = Literal["silence", "complaints", "refunds", "cancellations", "dissatisfaction"]
KINDS: tuple[Kind, ...] = ("silence", "complaints", "refunds", "cancellations", "dissatisfaction")
EXPECTED: Mapping[str, tuple[str, ...]] = {
    "silence": ("activity", "cancellations", "losses"),
    "complaints": ("complaints",),
    "refunds": ("refunds",),
    "cancellations": ("cancellations", "losses"),
    "dissatisfaction": ("csat_low", "nps_low"),
}
"""Kind -> the alarms of which one is to be raised."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is to happen.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    size : float
        Share of the customers in scope whom it hits, in (0, 1].
    start : int
        Microseconds.
    spread_days : int
        Within so many days after the start it hits them.
    scope : str
        ``<category>=<level>``; empty = everybody.
    seed : int
    """

    kind: Kind
    size: float
    start: int
    spread_days: int
    scope: str
    seed: int


@dataclass(slots=True)
class Synthetic:
    """A crisis on a history: an edit of its rows, and whom it hit.

    Parameters
    ----------
    crisis : Scenario
    roles : Roles
    hit : mapping of int to (Array of string, ndarray of int64)
        Bucket -> who is hit, and when.
    n_in_scope : int
    """

    crisis: Scenario
    roles: Roles
    hit: Mapping[int, tuple[pa.Array, Int64s]]
    n_in_scope: int

    @property
    def customers(self) -> pa.Array:
        """Return whom it hits."""
        return pa.concat_arrays([pa.array([], pa.string()), *(ids for ids, _ in self.hit.values())])

    def edit(self, table: str, bucket: int, rows: pa.Table) -> pa.Table:
        """Return the rows of a table after the crisis; see :data:`churnml.histories.edited.Edit`."""
        ids, at = self.hit[bucket] if bucket in self.hit else (pa.array([], pa.string()), np.array([], dtype=np.int64))
        if not len(ids) or "customer_id" not in rows.column_names:
            return rows
        place = pc.index_in(rows["customer_id"].cast(pa.string()).combine_chunks(), value_set=ids)
        numbers = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
        when = np.where(numbers >= 0, np.append(at, 0)[numbers], np.iinfo(np.int64).max)
        return self._changed(table, rows, numbers, when, ids, at)

    def _changed(
        self, table: str, rows: pa.Table, numbers: Int64s, when: Int64s, ids: pa.Array, at: Int64s
    ) -> pa.Table:
        kind, roles = self.crisis.kind, self.roles
        if kind == "silence" and "occurred_at" in rows.column_names:
            happened = rows["occurred_at"].cast(pa.int64()).to_numpy()
            return rows.filter(pa.array(happened <= when))
        tickets = roles.tickets.table if roles.tickets is not None else ""
        if kind in {"silence", "cancellations"} and "ended_at" in rows.column_names and table != tickets:
            return _ended(rows, when)
        if kind == "complaints" and table == tickets:
            return _added(rows, ids, at, {})
        if kind == "refunds" and table == roles.purchases:
            return _refunded(rows, numbers, when, len(ids))
        surveys = {number_column(role.column): role.scale[0] for role in roles.surveys if role.table == table}
        return _added(rows, ids, at, surveys) if kind == "dissatisfaction" and surveys else rows


def hit_by(
    history: History, crisis: Scenario, roles: Roles, *, alive: Mapping[int, npt.NDArray[np.bool_]]
) -> Synthetic:
    """Draw whom a crisis hits, and when; the same seed and history give the same.

    Parameters
    ----------
    history : History
    crisis : Scenario
    roles : Roles
    alive : mapping of int to ndarray of bool
        Bucket -> who is at risk when it starts: the others cannot be hit.

    Raises
    ------
    ConfigError
        If the histories hold nothing in which such a crisis could show, or nobody is in scope.
    """
    if not _can_show(crisis.kind, history, roles):
        raise ConfigError(
            "the histories hold no table in which such a crisis could show",
            rule="drill.kind",
            column="kind",
            next_step="Choose another kind.",
        )
    hit, n_in_scope = {}, 0
    calendar = next(iter(history.tables.values()))
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        n = len(bucket.customers)
        inside = alive[number].copy()
        if crisis.scope:
            dates = np.full(n, crisis.start, dtype=np.int64)
            inside &= touched(bucket, history, calendar, crisis.scope, np.arange(n), dates)
        random = np.random.default_rng((crisis.seed, number))
        draws, days = random.random(n), random.random(n)
        chosen = inside & (draws < crisis.size)
        n_in_scope += int(inside.sum())
        at = crisis.start + np.ceil(days * crisis.spread_days * DAY_US).astype(np.int64)
        hit[number] = (
            bucket.customers.filter(pa.array(chosen)).cast(pa.string()),
            np.minimum(at, history.as_of)[chosen],
        )
    if not n_in_scope:
        raise ConfigError("nobody at risk is in scope", rule="drill.scope", column="scope")
    return Synthetic(crisis, roles, hit, n_in_scope)


def _can_show(kind: str, history: History, roles: Roles) -> bool:
    tickets = roles.tickets.table if roles.tickets is not None else ""
    return {
        "silence": bool(roles.interactions),
        "complaints": bool(tickets),
        "refunds": bool(roles.purchases) and history.tables[roles.purchases or next(iter(history.tables))].has_amount,
        "cancellations": any(info.name != tickets for info in history.of_kind("spells")),
        "dissatisfaction": bool(roles.surveys),
    }[kind]


def _ended(rows: pa.Table, when: Int64s) -> pa.Table:
    """Return spells that end where they were open at the instant of each one's customer."""
    started = rows["started_at"].cast(pa.int64()).to_numpy()
    ended = pc.fill_null(rows["ended_at"].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
    cut = np.where((started < when) & (ended > when), when, ended)
    column = pa.array(cut, mask=cut == np.iinfo(np.int64).max).cast(TIME)
    return rows.set_column(rows.column_names.index("ended_at"), "ended_at", column)


def _added(rows: pa.Table, ids: pa.Array, at: Int64s, numbers: Mapping[str, float]) -> pa.Table:
    """Return the rows and one more for each customer, otherwise like one that is there."""
    if not rows.num_rows:
        return rows
    more = rows.take(pa.array(np.arange(len(ids)) % rows.num_rows))
    changes: dict[str, Any] = {
        "customer_id": ids,
        **{name: pa.array(np.full(len(ids), float(v))) for name, v in numbers.items()},
    }
    return pa.concat_tables([rows, _with_clocks(more, at, changes)])


def _refunded(rows: pa.Table, numbers: Int64s, when: Int64s, n: int) -> pa.Table:
    """Return the rows and a refund of the last purchase of each customer before their instant."""
    units = rows["amount"].combine_chunks().view(pa.int64())
    paid = pc.fill_null(pc.greater(units, 0), False).to_numpy(zero_copy_only=False)
    happened = rows["occurred_at"].cast(pa.int64()).to_numpy()
    last = np.full(n, -1, dtype=np.int64)
    before = np.flatnonzero((numbers >= 0) & paid & (happened < when))
    last[numbers[before]] = before  # rows ascend in time: the last one stays
    chosen = last[last >= 0]
    more = rows.take(pa.array(chosen))
    return pa.concat_tables([rows, _with_clocks(more, when[chosen], {"amount": _negative(more["amount"])})])


def _negative(amounts: pa.ChunkedArray) -> pa.Array:
    column = amounts.combine_chunks()
    return pc.negate(column.view(pa.int64())).view(column.type)


def _with_clocks(more: pa.Table, at: Int64s, changes: Mapping[str, Any]) -> pa.Table:
    """Return new rows that happened, and were known, at their instants."""
    instants = pa.array(at).cast(TIME)
    columns = {name: instants for name in ("occurred_at", "known_at", "started_at") if name in more.column_names}
    columns |= {name: pa.nulls(len(at), TIME) for name in ("superseded_at", "ended_at") if name in more.column_names}
    for name, column in (columns | dict(changes)).items():
        place = more.column_names.index(name)
        more = more.set_column(
            place, more.schema.field(name), pa.chunked_array([column]) if isinstance(column, pa.Array) else column
        )
    return more
