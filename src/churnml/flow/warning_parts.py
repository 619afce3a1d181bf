"""Where an excess of losses comes from: by segment, product line, channel, stated cause, and open company change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.features.scope import touched
from churnml.features.standing import year_value
from churnml.flow.cause_sources import cause_columns, taxonomy_of
from churnml.flow.changes import changes_of, register_of
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.roles import churn_definition, churn_window, value_definition
from churnml.flow.warning_series import weekly_at_risk
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.causes.stated import has_texts, stated_texts
from churnml.relationship.impact.study import Change
from churnml.relationship.roles import Roles
from churnml.relationship.warning.attribution import attributed, attributed_by_mix
from churnml.relationship.warning.weeks import Weeks
from churnml.snapshots.lost import endings, silences
from churnml.timeline import DAY_US, NEVER, us_to_iso

__all__ = ["excess_by_part"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Level = tuple[str, str | None]
_YEAR_US = 365 * DAY_US
"""A change without an end is open for a year."""
_FAMILIES = ("segment", "line", "channel", "cause", "change")
_COLUMNS = ("observed", "exposure", "past_observed", "past_exposure", "at_risk", "value")


def excess_by_part(
    params: Params, history: History, weeks: Weeks, *, since: int, guard: int, expected: float
) -> list[dict[str, Any]]:
    """Return the excess of losses of the weeks from ``since`` on, by each way to part customers.

    Parameters
    ----------
    params : Params
    history : History
    weeks : Weeks
    since : int
        Number of the alarm's first week.
    guard : int
        Weeks before it that count neither as past nor as alarm.
    expected : float
        Losses that were due in those weeks.

    Returns
    -------
    list of dict
        ``by``, and ``levels``: ``level`` (None = not known), ``observed``, ``due``, ``excess``, ``share``, ``p_value``,
        ``at_risk`` (customers now), ``value`` (what they brought in a year, None where value is not known),
        ``priority`` (likelihood that it is no chance, times the excess rate a week, times that value, or customers) and
        ``rank``, 1 first. Causes are parts of the losses, not of the customers: their priority is the likelihood times
        the excess, and ``at_risk`` and ``value`` are None.
    """
    roles = relationship_roles(params, history, at=history.as_of)
    has_value = value_definition(params) is not None
    parts = map_buckets(
        lambda number: _sums(params, history, roles, Bucket(history, number), weeks, since=since, guard=guard),
        n_buckets=history.n_buckets,
        threads=params.train.threads,
    )
    total: dict[Level, Floats] = {}
    for part in parts:
        for level, sums in part.items():
            total[level] = total.get(level, np.zeros(len(_COLUMNS))) + sums
    ways = dict.fromkeys(way for way, _ in sorted(total, key=_order))
    return [
        {"by": way, "levels": _levels({k: v for k, v in total.items() if k[0] == way}, expected, has_value=has_value)}
        for way in ways
    ]


def _order(level: Level) -> tuple[int, str, bool, str]:
    way, name = level
    return (_FAMILIES.index(way.partition(":")[0]), way, name is None, name or "")


def _levels(sums: dict[Level, Floats], expected: float, *, has_value: bool) -> list[dict[str, Any]]:
    names = sorted(sums, key=_order)
    observed, exposure, past, past_exposure, at_risk, value = np.stack([sums[name] for name in names], axis=1)
    is_cause = names[0][0] == "cause"
    if is_cause:
        found = attributed_by_mix(observed, past, expected=expected)
        priority = np.round((1 - found.p_value) * np.maximum(found.excess, 0) / 100, 4)
    else:
        found = attributed(observed, exposure, past, past_exposure, expected=expected)
        stake = value if has_value else at_risk
        weekly = np.maximum(found.excess, 0) / 100 / np.maximum(exposure, 1)
        priority = np.round((1 - found.p_value) * weekly * stake, 4)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-priority, kind="stable")] = np.arange(1, len(names) + 1)
    rows = [
        {
            "level": names[k][1],
            "observed": int(observed[k]),
            "due": int(found.due[k]) / 100,
            "excess": int(found.excess[k]) / 100,
            "share": round(float(found.shares[k]), 6),
            "p_value": round(float(found.p_value[k]), 8),
            "at_risk": None if is_cause else int(at_risk[k]),
            "value": round(float(value[k]), 2) if has_value and not is_cause else None,
            "priority": float(priority[k]),
            "rank": int(rank[k]),
        }
        for k in range(len(names))
    ]
    return sorted(rows, key=lambda row: row["rank"])


def _sums(
    params: Params, history: History, roles: Roles, bucket: Bucket, weeks: Weeks, *, since: int, guard: int
) -> dict[Level, Floats]:
    """Return the columns summed by level, of one bucket."""
    n = len(bucket.customers)
    lost = silences if params.churn.definition == "inactivity" else endings
    definition, window = churn_definition(params), churn_window(params)
    who, at, last, _ = lost(bucket, history, definition, window, after=int(weeks.starts[0]))
    place = weeks.places(at)
    is_now, is_past = place >= since, (place >= 0) & (place < since - guard)
    there = weekly_at_risk(params, history, bucket, weeks)
    now = there[-1]
    columns = [
        np.bincount(who[is_now], minlength=n),
        there[since:].sum(axis=0),
        np.bincount(who[is_past], minlength=n),
        there[: max(0, since - guard)].sum(axis=0),
        now,
        _value(params, history, bucket) * now,
    ]
    matrix = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    found: dict[Level, Floats] = {}
    for way, codes, names in _ways(params, history, roles, bucket, since=int(weeks.starts[since])):
        for code in np.unique(codes).tolist():
            found[way, names[code] if code >= 0 else None] = matrix[codes == code].sum(axis=0)
    return found | _by_cause(params, history, bucket, (who, last, at), is_now, is_past)


def _by_cause(
    params: Params, history: History, bucket: Bucket, lost: tuple[Int64s, Int64s, Int64s], is_now: Bools, is_past: Bools
) -> dict[Level, Floats]:
    """Return losses by what was stated as their cause; nothing where the tables have no place for it."""
    columns = cause_columns(params, history)
    if not any(has_texts(history, column) for column in columns):
        return {}
    told = is_now | is_past
    taxonomy, said = taxonomy_of(params), stated_texts(bucket, history, columns, *(part[told] for part in lost))
    found: dict[Level, Floats] = {}
    for (text, _), now in zip(said, is_now[told].tolist(), strict=True):
        sums = found.setdefault(("cause", taxonomy.of_text(text)), np.zeros(len(_COLUMNS)))
        sums[_COLUMNS.index("observed" if now else "past_observed")] += 1
    return found


def _value(params: Params, history: History, bucket: Bucket) -> Floats:
    """Return what each brought in the year before; 0 where value is not known."""
    n, worth = len(bucket.customers), value_definition(params)
    if worth is None:
        return np.zeros(n)
    dates = np.full(n, history.as_of, dtype=np.int64)
    found = year_value(bucket, history.tables[worth.table], np.arange(n), dates, is_count=worth.measure == "count")
    return np.nan_to_num(found)


def _ways(
    params: Params, history: History, roles: Roles, bucket: Bucket, *, since: int
) -> Iterator[tuple[str, npt.NDArray[Any], list[str]]]:
    """Yield each way to part customers: its name, a code a customer (-1 = not known), names of the codes."""
    people = next((info.name for info in history.of_kind("customers")), "")
    for column in roles.segments:
        yield f"segment:{column}", *_newest(bucket, people, column)
    for table, column in roles.lines:
        yield f"line:{table}.{column}", *_newest(bucket, table, column)
    for table in roles.interactions:
        for column in history.tables[table].categories:
            if "channel" in column.lower() and (table, column) not in roles.lines:
                yield f"channel:{table}.{column}", *_newest(bucket, table, column)
    begun = [c for c in changes_of(history, params) if c.scope and c.start > since - _YEAR_US]
    changes = [c for c in begun if c.end is None or c.end >= since]
    if changes:
        yield "change", _concerned(history, bucket, changes), [_change_name(change) for change in changes]


def _newest(bucket: Bucket, table: str, column: str) -> tuple[Int64s, list[str]]:
    """Return the level of each customer's newest row that has one."""
    codes, names = bucket.codes(table, column)
    found = np.full(len(bucket.customers), -1, dtype=np.int64)
    who = np.repeat(np.arange(len(found)), np.diff(bucket.offsets(table)))
    keep = (codes >= 0) & (bucket.known_until(table) == NEVER)
    found[who[keep]] = codes[keep]  # rows ascend in time: the last one stays
    return found, names


def _concerned(history: History, bucket: Bucket, changes: list[Change]) -> Int64s:
    """Return the newest open change that concerns each customer, -1 = none."""
    n = len(bucket.customers)
    found = np.full(n, -1, dtype=np.int64)
    for place, change in reversed(list(enumerate(changes))):
        dates = np.full(n, change.announced, dtype=np.int64)
        concerned = touched(bucket, history, register_of(history, change), change.scope, np.arange(n), dates)
        found[concerned] = place
    return found


def _change_name(change: Change) -> str:
    return f"{change.type or change.table}, {change.scope}, {us_to_iso(change.start)[:10]}"
