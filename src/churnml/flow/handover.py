"""Changes of account owner in the histories, who is at risk by one, and who left after one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.causes.handover import Handed, handovers, lost_share, owner_figures, owners_at
from churnml.relationship.recognise import likely_owners
from churnml.snapshots.lost import endings, silences
from churnml.snapshots.population import at_risk
from churnml.timeline import DAY_US, NEVER, us_to_iso

__all__ = ["HANDED", "handed_over", "handed_rows", "owner_column"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_FOLLOWED_YEARS = 2
HANDED = pa.schema(
    [
        *((name, pa.string()) for name in ("customer_id", "owner_before", "owner_now", "handed_over_on")),
        ("days", pa.int64()),
        ("p_churn", pa.float64()),
        ("value_at_risk", pa.float64()),
    ]
)
"""Columns of the customers at risk by a change of owner."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one bucket has: hand-overs, owners who look after somebody now, and outcomes of those not handed over."""

    handed: list[Handed]
    owners: set[str]
    owners_now: set[str]
    others: list[bool]


def owner_column(params: Params, history: History) -> tuple[str, str] | None:
    """Return table and category of who looked after each customer, as declared, else recognised; None without one."""
    declared = params.causes.owners
    if declared is not None:
        return declared.table, declared.column
    contacts = params.treatments.table if params.treatments is not None else None
    return likely_owners(history.tables, leave_out=[contacts] if contacts else [])


def handed_over(params: Params, history: History, scores: pa.Table) -> tuple[dict[str, Any] | None, list[Handed]]:
    """Return the figures on changes of owner, and every one counted in them; None where no table tells of owners.

    Returns
    -------
    dict or None
        ``table``, ``column``, ``days``; ``at_risk``, ``value_at_risk``; ``all`` (share of those handed over who left
        within the days) and ``others`` (of those who kept their owner, over as many days); ``by_owner``.
    list of Handed
        By customer and time.
    """
    found = None if params.churn.definition == "label" else owner_column(params, history)
    if found is None:
        return None, []
    said = _said(scores)
    parts = map_buckets(
        lambda number: _part(params, history, Bucket(history, number), *found, said),
        n_buckets=history.n_buckets,
        threads=params.train.threads,
    )
    handed = sorted((each for part in parts for each in part.handed), key=lambda each: (each.customer, each.at))
    gone = set().union(*(part.owners for part in parts)) - set().union(*(part.owners_now for part in parts))
    rows = owner_figures(handed, gone, as_of=history.as_of)
    values = [row["value_at_risk"] for row in rows if row["value_at_risk"] is not None]
    return {
        "table": found[0],
        "column": found[1],
        "days": params.causes.handover_days,
        "at_risk": sum(row["at_risk"] for row in rows),
        "value_at_risk": round(sum(values), 2) if values else None,
        "all": lost_share(each.is_lost for each in handed if each.is_lost is not None),
        "others": lost_share(lost for part in parts for lost in part.others),
        "by_owner": rows,
    }, handed


def handed_rows(handed: list[Handed], *, as_of: int) -> pa.Table:
    """Return the customers at risk by a change of owner, the newest change first."""
    rows = [
        {
            "customer_id": each.customer,
            "owner_before": each.before,
            "owner_now": each.after or None,
            "handed_over_on": us_to_iso(each.at)[:10],
            "days": int((as_of - each.at) // DAY_US),
            "p_churn": None if np.isnan(each.p_churn) else round(each.p_churn, 4),
            "value_at_risk": None if np.isnan(each.value) else round(each.value, 2),
        }
        for each in sorted(handed, key=lambda each: (-each.at, each.customer))
        if each.is_at_risk
    ]
    return pa.Table.from_pylist(rows, schema=HANDED)


def _said(scores: pa.Table) -> dict[str, tuple[float, float]]:
    """Return customer -> probability of churn and value at risk."""
    names = ("p_churn", "value_at_risk")
    columns = [scores[name].to_pylist() if name in scores.column_names else [None] * scores.num_rows for name in names]
    pairs = zip(*columns, strict=True)
    return {
        customer: (np.nan if p is None else float(p), np.nan if value is None else float(value))
        for customer, (p, value) in zip(scores["customer_id"].to_pylist(), pairs, strict=True)
    }


def _part(
    params: Params, history: History, bucket: Bucket, table: str, column: str, said: dict[str, tuple[float, float]]
) -> _Part:
    as_of, days = history.as_of, params.causes.handover_days * DAY_US
    rows, names = _assignments(history, bucket, table, column)
    changes = handovers(*rows, as_of=as_of)
    who = np.array([each.customer for each in changes], dtype=np.int64)
    at = np.array([each.at for each in changes], dtype=np.int64)
    lost = _losses(params, history, bucket, after=as_of - (_FOLLOWED_YEARS * 365 * DAY_US + 2 * days))
    everybody = np.arange(len(bucket.customers))
    definition = churn_definition(params)
    was_there = at_risk(bucket, history, definition, who, at)
    is_there = at_risk(bucket, history, definition, everybody, np.full(len(everybody), as_of))
    ids = bucket.customers.to_pylist()
    newest = {each.customer: each.at for each in changes}
    first = as_of - _FOLLOWED_YEARS * 365 * DAY_US - days
    handed = []
    for place in np.flatnonzero(was_there).tolist():
        each = changes[place]
        is_over = first < each.at <= as_of - days
        is_now = each.at > as_of - days and each.at == newest[each.customer] and bool(is_there[each.customer])
        handed.append(
            Handed(
                ids[each.customer],
                names[each.before],
                names[each.after] if each.after >= 0 else "",
                each.at,
                _is_lost(lost, each.customer, each.at, days) if is_over else None,
                is_now,
                *(said.get(ids[each.customer], (np.nan, np.nan)) if is_now else ()),
            )
        )
    now = owners_at(*rows, as_of)
    return _Part(
        handed,
        {names[code] for code in np.unique(rows[3][rows[3] >= 0]).tolist()},
        {names[code] for code in np.unique(now[now >= 0]).tolist()},
        _others(history, bucket, definition, rows, changes_at=(who, at), lost=lost, days=days),
    )


def _assignments(
    history: History, bucket: Bucket, table: str, column: str
) -> tuple[tuple[Int64s, Int64s, Int64s, npt.NDArray[np.int32]], list[str]]:
    """Return offsets, starts, ends and owners of a bucket's assignments as known at the end, and the owners' names."""
    is_spells = history.tables[table].kind == "spells"
    started = bucket.instants(table, "started_at" if is_spells else "occurred_at")
    ended = bucket.instants(table, "ended_at") if is_spells else np.full(len(started), NEVER, dtype=np.int64)
    codes, names = bucket.codes(table, column)
    counts = (bucket.known_until(table) == NEVER) & (bucket.known_at(table) <= history.as_of)
    return (bucket.offsets(table), started, ended, np.where(counts, codes, -1).astype(np.int32)), names


def _losses(params: Params, history: History, bucket: Bucket, *, after: int) -> dict[int, Int64s]:
    """Return customer number -> when lost, ascending."""
    lost = silences if params.churn.definition == "inactivity" else endings
    who, since, *_ = lost(bucket, history, churn_definition(params), churn_window(params), after=after)
    found: dict[int, list[int]] = {}
    for customer, instant in zip(who.tolist(), since.tolist(), strict=True):
        found.setdefault(customer, []).append(instant)
    return {customer: np.array(sorted(instants), dtype=np.int64) for customer, instants in found.items()}


def _is_lost(lost: dict[int, Int64s], customer: int, at: int, days: int) -> bool:
    """Return whether a customer was lost in ``(at, at + days]``."""
    instants = lost.get(customer)
    if instants is None:
        return False
    place = int(np.searchsorted(instants, at, side="right"))
    return place < len(instants) and bool(instants[place] <= at + days)


def _others(
    history: History,
    bucket: Bucket,
    definition: Any,
    rows: tuple[Int64s, Int64s, Int64s, npt.NDArray[np.int32]],
    *,
    changes_at: tuple[Int64s, Int64s],
    lost: dict[int, Int64s],
    days: int,
) -> list[bool]:
    """Return who left of those with an owner whom they kept, from dates as far apart as they are followed."""
    who, at = changes_at
    found = []
    n = len(bucket.customers)
    for date in range(history.as_of - days, history.as_of - _FOLLOWED_YEARS * 365 * DAY_US - days, -days):
        changed = np.zeros(n, dtype=bool)
        changed[who[(at > date - days) & (at <= date + days)]] = True
        looked_after = owners_at(*rows, date) >= 0
        there = at_risk(bucket, history, definition, np.arange(n), np.full(n, date))
        found += [_is_lost(lost, k, date, days) for k in np.flatnonzero(looked_after & there & ~changed).tolist()]
    return found
