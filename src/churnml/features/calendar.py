"""Features of a calendar table: exposure of each customer to what happened to the company or the market."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.columns import Columns
from churnml.features.events import level_codes, level_texts
from churnml.features.plan import FeaturePlan
from churnml.features.scope import touched
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
    usable_until: Int64s,
    ends: Int64s,
    scope: Int32s,
    in_scope: Bools,
    dates: Int64s,
    windows: Int64s,
    count: Floats,
    days: Floats,
    since: Floats,
    ahead: Floats,
    newest: Int64s,
) -> None:
    """Write the exposure at each date to the entries of its scopes; entries are ascending by start.

    An entry counts from its start, once it is known; one that is known but has not begun counts as ahead.
    """
    for r in range(dates.shape[0]):
        t = dates[r]
        for k in range(starts.shape[0]):
            if not usable_from[k] <= t < usable_until[k] or not in_scope[scope[k], r]:
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


@dataclass(frozen=True, slots=True)
class _Exposed:
    """Distinct combinations of date and scopes: everybody in one is exposed alike, so each is walked once.

    ``scope`` is the scope of each entry; ``in_scope`` says which combinations a scope touches; ``row`` is the
    combination of each snapshot.
    """

    scope: Int32s
    in_scope: Bools
    dates: Int64s
    row: Int64s


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
        If a scope names no category of the customers table or of a spells table.
    """
    columns = Columns(info.name, len(dates))
    table = entries.table(info.name)
    exposed = _exposed(bucket, history, table, info, customer, dates)
    kind = table["type"] if "type" in info.columns else pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    kinds = plan.levels.get(f"{info.name}.type", ())
    for text in ("", *kinds):
        of_kind = np.ones(table.num_rows, dtype=bool)
        if text:
            of_kind = pc.fill_null(pc.equal(kind, text), False).to_numpy()
        _add_exposure(columns, entries, info, plan, exposed, np.nonzero(of_kind)[0], detail=text or "any")
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
    exposed: _Exposed,
    kept: Int64s,
    *,
    detail: str,
) -> None:
    name, windows, row = info.name, plan.windows_us, exposed.row
    value = (
        pc.fill_null(entries.table(name)["value"], np.nan).to_numpy()[kept]
        if "value" in info.columns
        else np.full(len(kept), np.nan)
    )
    clocks = [entries.instants(name, clock)[kept] for clock in ("occurred_at", "known_at", "superseded_at", "ended_at")]
    few = Columns(name, len(exposed.dates))
    count, days = few.empty(len(windows), fill=0.0), few.empty(len(windows), fill=0.0)
    since, ahead, newest = few.empty(), few.empty(), np.full(len(exposed.dates), -1, dtype=np.int64)
    scopes = exposed.scope[kept], exposed.in_scope
    _expose(*clocks, *scopes, exposed.dates, windows, count, days, since, ahead, newest)
    columns.add_windows("count", count[row], plan.window_names, family="calendar", unit="count", detail=detail)
    if "ended_at" in info.columns:
        columns.add_windows("duration", days[row], plan.window_names, family="calendar", unit="days", detail=detail)
    columns.add("since_days", since[row], family="calendar", unit="days", detail=detail)
    columns.add("ahead_days", ahead[row], family="calendar", unit="days", detail=detail)
    if "value" in info.columns:
        columns.add("last", np.append(value, np.nan)[newest][row], family="calendar", unit="number", detail=detail)
    if detail == "any" and "type" in info.columns:
        codes, vocabulary = level_codes(entries.table(name)["type"], ())
        texts = level_texts(np.append(codes, np.int32(-1))[newest][row], vocabulary)
        columns.add("last", texts, family="calendar", unit="category", detail="type")


def _exposed(
    bucket: Bucket, history: History, table: pa.Table, info: TableInfo, customer: Int64s, dates: Int64s
) -> _Exposed:
    """Find whom the entries touch and who is touched alike."""
    if "scope" in info.columns:
        texts = np.array(pc.fill_null(pc.utf8_trim_whitespace(table["scope"]), "").to_pylist(), dtype=object)
    else:
        texts = np.full(table.num_rows, "", dtype=object)
    distinct = sorted(set(texts))
    place = {text: number for number, text in enumerate(distinct)}
    everybody = np.ones(len(dates), dtype=bool)
    member = [touched(bucket, history, info, text, customer, dates) if text else everybody for text in distinct]
    alike = np.unique(dates, return_inverse=True)[1].astype(np.int64)
    for mine in member:
        # Numbered anew each time, so that any number of scopes fits.
        alike = np.unique(2 * alike + mine, return_inverse=True)[1].astype(np.int64)
    first = np.unique(alike, return_index=True)[1]
    in_scope = np.stack(member)[:, first] if member else np.ones((1, len(first)), dtype=bool)
    return _Exposed(np.array([place[text] for text in texts], np.int32), in_scope, dates[first], alike)
