"""Features of a spells table: what is in force, how long, until when it is planned, what has changed and ended."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

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


@numba.njit(cache=True, nogil=True)
def _walk(
    offsets: Int64s,
    started: Int64s,
    usable_from: Int64s,
    ended: Int64s,
    planned_end: Int64s,
    fee: Floats,
    customer: Int64s,
    dates: Int64s,
    windows: Int64s,
    state: Floats,
    begun: Floats,
    over: Floats,
    newest: Int64s,
    last_over: Int64s,
) -> None:
    """Read each customer's spells as they were known at *t*: an end later than *t* has not happened.

    ``state`` gets, in this order: number in force, age of the newest in force, tenure since the first, days to the
    nearest planned end in force, fee in force, paid so far, days since the last end. ``newest`` and ``last_over``
    get the row of the newest begun and the last ended spell, -1 where there is none.
    """
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        first, age_start, next_end, last_end = NEVER, np.int64(-1), NEVER, np.int64(-1)
        in_force, fee_now, paid = 0.0, 0.0, 0.0
        for k in range(offsets[i], offsets[i + 1]):
            if started[k] > t or usable_from[k] > t:
                continue
            first, newest[r] = min(first, started[k]), k
            is_over = ended[k] <= t
            months = ((ended[k] if is_over else t) - started[k]) / _MONTH_US
            if not np.isnan(fee[k]):
                paid += fee[k] * months
            for w in range(windows.shape[0]):
                begun[r, w] += t - started[k] < windows[w]
                over[r, w] += is_over and t - ended[k] < windows[w]
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
        state[r, 0], state[r, 4], state[r, 5] = in_force, fee_now, paid
        if in_force > 0.0:
            state[r, 1] = (t - age_start) / DAY_US
        if first != NEVER:
            state[r, 2] = (t - first) / DAY_US
        if next_end != NEVER:
            state[r, 3] = (next_end - t) / DAY_US
        if last_over[r] >= 0:
            state[r, 6] = (t - last_end) / DAY_US


def spell_features(bucket: Bucket, info: TableInfo, plan: FeaturePlan, customer: Int64s, dates: Int64s) -> Columns:
    """Return the features of one spells table; parameters as in :func:`churnml.features.events.event_features`."""
    columns = Columns(info.name, len(dates))
    name, windows = info.name, plan.windows_us
    state = columns.empty(7)
    begun, over = columns.empty(len(windows), fill=0.0), columns.empty(len(windows), fill=0.0)
    newest, last_over = np.full(len(dates), -1, np.int64), np.full(len(dates), -1, np.int64)
    fee = np.full(bucket.table(name).num_rows, np.nan)
    if info.has_amount:
        units, known = bucket.money(name)
        fee = np.where(known, units / _MONEY_UNITS, np.nan)
    clocks = [bucket.instants(name, "started_at"), bucket.known_at(name)]
    clocks += [bucket.instants(name, "ended_at"), bucket.instants(name, "planned_end")]
    _walk(bucket.offsets(name), *clocks, fee, customer, dates, windows, state, begun, over, newest, last_over)
    _add_state(columns, state, info)
    columns.add_windows("started_count", begun, plan.window_names, family="spells", unit="count")
    columns.add_windows("ended_count", over, plan.window_names, family="spells", unit="count")
    _add_newest(columns, bucket, info, newest, last_over)
    return columns


def _add_state(columns: Columns, state: Floats, info: TableInfo) -> None:
    names = (
        "active_count",
        "age_days",
        "tenure_days",
        "to_planned_end_days",
        "amount_now",
        "paid_sum",
        "since_end_days",
    )
    units = ("count", "days", "days", "days", "money", "money", "days")
    for position, (name, unit) in enumerate(zip(names, units, strict=True)):
        if unit == "money" and not info.has_amount:
            continue
        if name == "to_planned_end_days" and "planned_end" not in info.columns:
            continue
        columns.add(name, state[:, position], family="spells", unit=unit)


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
