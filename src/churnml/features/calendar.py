"""Features of a calendar table: exposure of each customer to what happened to the company or the market."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.features.columns import Columns
from churnml.features.events import level_codes, level_texts
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History, TableInfo
from churnml.timeline import DAY_US, NEVER

__all__ = ["calendar_features", "calendar_types"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@numba.njit(cache=True, nogil=True)
def _expose(
    starts: Int64s,
    usable_from: Int64s,
    ends: Int64s,
    scope: Int32s,
    in_scope: Bools,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    count: Floats,
    days: Floats,
    since: Floats,
    ahead: Floats,
    newest: Int64s,
) -> None:
    """Write each snapshot's exposure; entries are ascending by start.

    An entry counts from its start, once it is known; one that is known but has not begun counts as ahead.
    """
    for r in range(customer.shape[0]):
        t = dates[r]
        for k in range(starts.shape[0]):
            if usable_from[k] > t or not in_scope[scope[k], customer[r]]:
                continue
            if starts[k] > t:
                if np.isnan(ahead[r]):
                    ahead[r] = (starts[k] - t) / DAY_US
                continue
            since[r], newest[r] = (t - starts[k]) / DAY_US, k
            for w in range(windows.shape[0]):
                if t - starts[k] < windows[w]:
                    count[r, w] += 1.0
                low = max(starts[k], t - windows[w]) if windows[w] != NEVER else starts[k]
                days[r, w] += max(0.0, (min(ends[k], t) - low) / DAY_US)


def calendar_features(
    bucket: Bucket,
    entries: Bucket,
    history: History,
    info: TableInfo,
    plan: FeaturePlan,
    customer: Int64s,
    dates: Int64s,
) -> Columns:
    """Return the features of one calendar table: of all entries together, and of each kind with columns of its own.

    Parameters
    ----------
    bucket : Bucket
        Whose customers are observed.
    entries : Bucket
        Bucket 0, which holds the calendar.
    history : History
    info : TableInfo
    plan : FeaturePlan
        ``levels["<table>.type"]`` names the kinds of entry that get columns of their own.
    customer, dates : ndarray of int64, shape (n_rows,)

    Raises
    ------
    DataError
        If a scope names no category of the customers table.
    """
    columns = Columns(info.name, len(dates))
    table = entries.table(info.name)
    scope, in_scope = _scopes(bucket, history, table, info)
    kind = table["type"] if "type" in info.columns else pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    kinds = plan.levels.get(f"{info.name}.type", ())
    for text in ("", *kinds):
        of_kind = np.ones(table.num_rows, dtype=bool)
        if text:
            of_kind = pc.fill_null(pc.equal(kind, text), False).to_numpy()
        _add_exposure(
            columns, entries, info, plan, customer, dates, np.nonzero(of_kind)[0], scope, in_scope, detail=text or "any"
        )
    return columns


def calendar_types(entries: Bucket, info: TableInfo, *, known_by: int) -> tuple[str, ...]:
    """Return the kinds of entry that were known at ``known_by``, sorted."""
    if "type" not in info.columns:
        return ()
    early = pa.array(entries.instants(info.name, "known_at") <= known_by)
    return tuple(sorted(pc.unique(entries.table(info.name)["type"].filter(early)).drop_null().to_pylist()))


def _add_exposure(
    columns: Columns,
    entries: Bucket,
    info: TableInfo,
    plan: FeaturePlan,
    customer: Int64s,
    dates: Int64s,
    kept: Int64s,
    scope: Int32s,
    in_scope: Bools,
    *,
    detail: str,
) -> None:
    name, windows = info.name, plan.windows_us
    value = (
        pc.fill_null(entries.table(name)["value"], np.nan).to_numpy()[kept]
        if "value" in info.columns
        else np.full(len(kept), np.nan)
    )
    clocks = [entries.instants(name, clock)[kept] for clock in ("occurred_at", "known_at", "ended_at")]
    count, days = columns.empty(len(windows), fill=0.0), columns.empty(len(windows), fill=0.0)
    since, ahead, newest = columns.empty(), columns.empty(), np.full(len(dates), -1, dtype=np.int64)
    outputs = (count, days, since, ahead, newest)
    _expose(*clocks, scope[kept], in_scope, customer, dates, windows, *outputs)
    columns.add_windows("count", count, plan.window_names, family="calendar", unit="count", detail=detail)
    if "ended_at" in info.columns:
        columns.add_windows("duration", days, plan.window_names, family="calendar", unit="days", detail=detail)
    columns.add("since_days", since, family="calendar", unit="days", detail=detail)
    columns.add("ahead_days", ahead, family="calendar", unit="days", detail=detail)
    if "value" in info.columns:
        columns.add("last", np.append(value, np.nan)[newest], family="calendar", unit="number", detail=detail)
    if detail == "any" and "type" in info.columns:
        codes, vocabulary = level_codes(entries.table(name)["type"], ())
        texts = level_texts(np.append(codes, np.int32(-1))[newest], vocabulary)
        columns.add("last", texts, family="calendar", unit="category", detail="type")


def _scopes(bucket: Bucket, history: History, table: pa.Table, info: TableInfo) -> tuple[Int32s, Bools]:
    """Return the scope number of each entry and, per scope, which customers it touches."""
    everybody = np.ones(len(bucket.customers), dtype=bool)
    if "scope" not in info.columns:
        return np.zeros(table.num_rows, np.int32), everybody[None, :]
    texts = pc.fill_null(table["scope"], "").to_pylist()
    distinct = sorted(set(texts))
    member = [everybody if not text.strip() else _touched(bucket, history, text, info) for text in distinct]
    place = {text: number for number, text in enumerate(distinct)}
    return np.array([place[text] for text in texts], np.int32), np.stack(member) if member else everybody[None, :]


def _touched(bucket: Bucket, history: History, scope: str, info: TableInfo) -> Bools:
    column, separator, value = (part.strip() for part in scope.partition("="))
    for customers in history.of_kind("customers"):
        if separator and column in customers.categories:
            touched = np.zeros(len(bucket.customers), dtype=bool)
            who = bucket.rows_of(bucket.table(customers.name)["customer_id"])
            same = pc.fill_null(pc.equal(bucket.categories(customers.name, column), value), False)
            touched[who] = same.to_numpy()
            return touched
    raise DataError(
        "a scope is not of the form <category of the customers table>=<level>",
        rule="data.scope_unknown",
        file=info.file,
        column="scope",
        count=1,
        next_step="Leave the scope empty for everybody, or name a declared category.",
    )
