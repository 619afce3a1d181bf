"""Features of a spells table: what is in force, how long, until when it is planned, what has changed and ended."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from churnml.features.columns import Columns
from churnml.features.events import level_codes, level_texts
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.store import TableInfo
from churnml.timeline import DAY_US, NEVER

__all__ = ["spell_features"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_MONEY_UNITS = 10_000.0
_MONTH_US = 365 * DAY_US / 12
_TILE = 65_536
_STATE = (
    ("active_count", "count"),
    ("age_days", "days"),
    ("tenure_days", "days"),
    ("to_planned_end_days", "days"),
    ("amount_now", "money"),
    ("paid_sum", "money"),
    ("since_end_days", "days"),
    ("subscribed_days", "days"),
    ("gap_days", "days"),
    ("longest_days", "days"),
    ("returns_count", "count"),
    ("since_change_days", "days"),
    ("change_amount", "money"),
    ("upgrades_count", "count"),
    ("downgrades_count", "count"),
)
"""Measures without a window and their units, in the order of the places that the walk writes."""
_NEED_AMOUNT = {"amount_now", "paid_sum", "change_amount", "upgrades_count", "downgrades_count"}
_WINDOWED = (
    ("started_count", "count"),
    ("ended_count", "count"),
    ("changes_count", "count"),
    ("renewals_count", "count"),
    ("in_force_share", "share"),
)


@numba.njit(cache=True, nogil=True)
def _walk(
    offsets: Int64s,
    started: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    ended: Int64s,
    planned_end: Int64s,
    fee: Floats,
    terms: Int64s,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    state: Floats,
    windowed: Floats,
    newest: Int64s,
    last_over: Int64s,
) -> None:
    """Read each customer's spells, in the order of their starts, as they were known at *t*.

    An end later than *t* has not happened. A spell that begins within a day of the end of the one begun before it
    continues it: a renewal where amount and levels are the same, a change of plan where they are not. One that begins
    more than a day after all earlier ones are over is a return. ``newest`` and ``last_over`` get the row of the newest
    begun and the last ended spell, -1 where there is none.
    """
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        first, age_start, next_end, last_end = NEVER, np.int64(-1), NEVER, np.int64(-1)
        in_force, fee_now, paid, returns, ups, downs = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        before, cover_end, covered, longest = -1, np.int64(0), np.int64(0), np.int64(0)
        for k in range(offsets[i], offsets[i + 1]):
            if started[k] > t:
                break
            if not usable_from[k] <= t < usable_until[k] or ended[k] < started[k]:
                continue
            is_over = ended[k] <= t
            seen_end = ended[k] if is_over else t
            if first == NEVER:
                first, cover_end = started[k], started[k]
            returns += started[k] > cover_end + DAY_US
            # Time counts once, however many spells are in force at once.
            low = max(started[k], cover_end)
            if seen_end > low:
                covered += seen_end - low
                for w in range(windows.shape[0]):
                    edge = t - windows[w] if windows[w] != NEVER else low
                    windowed[r, w, 4] += max(0, seen_end - max(low, edge))
            cover_end = max(cover_end, seen_end)
            longest = np.int64(max(longest, seen_end - started[k]))
            newest[r] = k
            if not np.isnan(fee[k]):
                paid += fee[k] * ((seen_end - started[k]) / _MONTH_US)
            kind = -1
            if before >= 0 and ended[before] <= t and abs(started[k] - ended[before]) <= DAY_US:
                step = fee[k] - fee[before]
                kind = 3 if terms[k] == terms[before] else 2
                if kind == 2:
                    state[r, 11], state[r, 12] = (t - started[k]) / DAY_US, step
                    ups += step > 0.0
                    downs += step < 0.0
            for w in range(windows.shape[0]):
                is_new = t - started[k] < windows[w]
                windowed[r, w, 0] += is_new
                windowed[r, w, 1] += is_over and t - ended[k] < windows[w]
                if kind >= 0:
                    windowed[r, w, kind] += is_new
            if is_over:
                if ended[k] >= last_end:
                    last_end, last_over[r] = ended[k], k
            else:
                in_force += 1.0
                age_start = max(age_start, started[k])
                if not np.isnan(fee[k]):
                    fee_now += fee[k]
                if planned_end[k] > t:
                    next_end = min(next_end, planned_end[k])
            before = k
        state[r, 0], state[r, 4], state[r, 5] = in_force, fee_now, paid
        state[r, 10], state[r, 13], state[r, 14] = returns, ups, downs
        if in_force > 0.0:
            state[r, 1] = (t - age_start) / DAY_US
        if first != NEVER:
            state[r, 2], state[r, 7] = (t - first) / DAY_US, covered / DAY_US
            state[r, 8], state[r, 9] = (t - first - covered) / DAY_US, longest / DAY_US
        if next_end != NEVER:
            state[r, 3] = (next_end - t) / DAY_US
        if last_over[r] >= 0:
            state[r, 6] = (t - last_end) / DAY_US
        for w in range(windows.shape[0]):
            length = windows[w] if windows[w] != NEVER else t - first
            windowed[r, w, 4] = windowed[r, w, 4] / length if first != NEVER and length > 0 else np.nan


def spell_features(bucket: Bucket, info: TableInfo, plan: FeaturePlan, customer: Int64s, dates: Int64s) -> Columns:
    """Return the features of one spells table; parameters as in :func:`churnml.features.events.event_features`."""
    columns = Columns(info.name, len(dates))
    name, windows = info.name, plan.windows_us
    state = np.empty((len(dates), len(_STATE)), np.float32)
    windowed = np.empty((len(dates), len(windows), len(_WINDOWED)), np.float32)
    newest, last_over = np.full(len(dates), -1, np.int64), np.full(len(dates), -1, np.int64)
    fee = np.full(bucket.table(name).num_rows, np.nan)
    if info.has_amount:
        units, known = bucket.money(name)
        fee = np.where(known, units / _MONEY_UNITS, np.nan)
    clocks = [bucket.instants(name, "started_at"), bucket.known_at(name), bucket.known_until(name)]
    clocks += [bucket.instants(name, "ended_at"), bucket.instants(name, "planned_end")]
    rows = (bucket.offsets(name), *clocks, fee, _terms(bucket, info, fee))
    for low in range(0, len(dates), _TILE):
        # Totals need double precision, the finished columns do not: only a tile is held in it.
        tile = slice(low, low + _TILE)
        exact = np.full(state[tile].shape, np.nan), np.zeros(windowed[tile].shape)
        _walk(*rows, customer[tile], dates[tile], windows, *exact, newest[tile], last_over[tile])
        state[tile], windowed[tile] = exact
    for position, (measure, unit) in enumerate(_STATE):
        has_amount = info.has_amount or measure not in _NEED_AMOUNT
        if has_amount and (measure != "to_planned_end_days" or "planned_end" in info.columns):
            columns.add(measure, state[:, position], family="spells", unit=unit)
    for position, (measure, unit) in enumerate(_WINDOWED):
        values = windowed[:, :, position].astype(np.float64)
        columns.add_windows(measure, values, plan.window_names, family="spells", unit=unit)
    _add_newest(columns, bucket, info, newest, last_over)
    return columns


def _terms(bucket: Bucket, info: TableInfo, fee: Floats) -> Int64s:
    """Return one number for each combination of amount and levels: what a plan is."""
    terms: Int64s = np.unique(fee, return_inverse=True)[1].astype(np.int64)
    for category in info.categories:
        coded = bucket.categories(info.name, category).combine_chunks().dictionary_encode()
        levels = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        terms = np.unique(terms * (len(coded.dictionary) + 1) + levels, return_inverse=True)[1].astype(np.int64)
    return terms


def _add_newest(columns: Columns, bucket: Bucket, info: TableInfo, newest: Int64s, last_over: Int64s) -> None:
    """Add numbers and levels of the newest spell, and why the last one ended."""
    for number in info.numbers:
        values = np.append(bucket.numbers(info.name, number), np.nan)
        columns.add("last", values[newest], family="spells", unit="number", detail=number)
    named = [(category, bucket.categories(info.name, category), newest) for category in info.categories]
    if "end_reason" in info.columns:
        named.append(("end_reason", bucket.table(info.name)["end_reason"], last_over))
    for category, levels, row in named:
        codes, vocabulary = level_codes(levels, ())
        texts = level_texts(np.append(codes, np.int32(-1))[row], vocabulary)
        columns.add("last", texts, family="spells", unit="category", detail=category)
