"""Features of an events table: rhythm, amounts, numbers, levels, and what follows from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.columns import Columns
from churnml.features.plan import FeaturePlan
from churnml.features.sweep import sweep_levels, sweep_rhythm, sweep_values
from churnml.histories.bucket import Bucket
from churnml.histories.store import TableInfo

__all__ = ["event_features"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_MONEY_UNITS = 10_000.0


def event_features(bucket: Bucket, info: TableInfo, plan: FeaturePlan, customer: Int64s, dates: Int64s) -> Columns:
    """Return the features of one events table.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
    plan : FeaturePlan
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots: number of the customer in the bucket, and the observation date.

    Returns
    -------
    Columns
        Counts and amounts concern activities; refunds (negative amounts) have columns of their own and lower only
        ``net_sum``.
    """
    columns = Columns(info.name, len(dates))
    done = bucket.is_activity(info.name)
    _add_rhythm(columns, bucket, plan, customer, dates, done)
    if info.has_amount:
        units, known = bucket.money(info.name)
        refund = bucket.is_refund(info.name)
        _add_values(columns, bucket, plan, customer, dates, ~refund & known, units, detail="amount", unit="money")
        _add_refunds(columns, bucket, plan, customer, dates, refund & known, units)
    for name in info.numbers:
        values = bucket.numbers(info.name, name)
        counted = ~bucket.is_refund(info.name) & ~np.isnan(values)
        _add_values(columns, bucket, plan, customer, dates, counted, np.nan_to_num(values), detail=name, unit="number")
    for name in info.categories:
        _add_levels(columns, bucket, plan, customer, dates, done, name)
    return columns


def _rows(bucket: Bucket, table: str) -> tuple[Int64s, Int64s, Int64s]:
    return bucket.offsets(table), bucket.instants(table, "occurred_at"), bucket.known_at(table)


def _add_rhythm(
    columns: Columns, bucket: Bucket, plan: FeaturePlan, customer: Int64s, dates: Int64s, done: Bools
) -> None:
    windows, names = plan.windows_us, plan.window_names
    count, days = columns.empty(len(windows), fill=0.0), columns.empty(len(windows), fill=0.0)
    decayed, rhythm = columns.empty(len(windows) - 1, fill=0.0), columns.empty(6)
    sweep_rhythm(*_rows(bucket, columns.source), done, customer, dates, windows, count, days, decayed, rhythm)
    columns.add_windows("count", count, names, family="frequency", unit="count")
    few = plan.few_windows
    columns.add_windows("days", days[:, few], plan.names_of(few), family="frequency", unit="count")
    columns.add_windows("decayed", decayed[:, few], plan.names_of(few), family="intensity", unit="number")
    recency, tenure, gap_mean, gap_std, latest_gap, n_gaps = rhythm.T
    columns.add("recency_days", recency, family="recency", unit="days")
    columns.add("tenure_days", tenure, family="tenure", unit="days")
    columns.add("gap_mean_days", gap_mean, family="rhythm", unit="days")
    columns.add("gap_std_days", gap_std, family="rhythm", unit="days")
    columns.add("gap_latest_days", latest_gap, family="rhythm", unit="days")
    columns.add("repeat_days", n_gaps, family="rhythm", unit="count")
    span = np.where(n_gaps > 0, tenure - recency, 0.0 * tenure)
    columns.add("span_days", span, family="rhythm", unit="days")
    with np.errstate(divide="ignore", invalid="ignore"):
        columns.add("silence_ratio", recency / gap_mean, family="rhythm", unit="ratio")
        spread = np.where(gap_std > 0, gap_std, np.nan)
        columns.add("silence_deviations", (recency - gap_mean) / spread, family="rhythm", unit="ratio")
    _add_trends(columns, count, plan, measure="count_trend")


def _add_trends(columns: Columns, totals: Floats, plan: FeaturePlan, *, measure: str, detail: str = "") -> None:
    """Add the rate in each window relative to the rate in the next longer one (1 = steady)."""
    days = plan.windows_days
    for w in range(len(days) - 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(totals[:, w + 1] != 0, totals[:, w] / totals[:, w + 1], np.nan) * days[w + 1] / days[w]
        suffix = f"{days[w]}d_{days[w + 1]}d"
        columns.add(
            measure,
            ratio,
            family="trend",
            unit="ratio",
            detail=detail,
            suffix=suffix,
            window_days=days[w],
            word="trend",
        )


def _add_values(
    columns: Columns,
    bucket: Bucket,
    plan: FeaturePlan,
    customer: Int64s,
    dates: Int64s,
    counted: Bools,
    values: Int64s | Floats,
    *,
    detail: str,
    unit: str,
) -> None:
    windows, names = plan.windows_us, plan.window_names
    shape = len(windows)
    total = columns.empty(shape, fill=0.0)
    mean, largest, smallest, spread = (columns.empty(shape) for _ in range(4))
    newest = columns.empty()
    rows = _rows(bucket, columns.source)
    sweep_values(*rows, counted, values, customer, dates, windows, total, mean, largest, smallest, spread, newest)
    scale = _MONEY_UNITS if unit == "money" else 1.0
    columns.add_windows("sum", total / scale, names, family="value", unit=unit, detail=detail)
    some = [*plan.few_windows, len(windows) - 1]
    columns.add_windows("mean", mean[:, some] / scale, plan.names_of(some), family="value", unit=unit, detail=detail)
    longest = plan.few_windows[-1:]
    for measure, result in (("max", largest), ("min", smallest), ("std", spread)):
        chosen = result[:, longest] / scale
        columns.add_windows(measure, chosen, plan.names_of(longest), family="value", unit=unit, detail=detail)
    columns.add("last", newest / scale, family="value", unit=unit, detail=detail)
    if unit == "money":
        _add_trends(columns, total, plan, measure="trend", detail=detail)


def _add_refunds(
    columns: Columns, bucket: Bucket, plan: FeaturePlan, customer: Int64s, dates: Int64s, refunds: Bools, units: Int64s
) -> None:
    windows, names = plan.windows_us, plan.window_names
    shape = len(windows)
    outputs = [columns.empty(shape, fill=0.0), *(columns.empty(shape) for _ in range(4)), columns.empty()]
    sweep_values(*_rows(bucket, columns.source), refunds, units, customer, dates, windows, *outputs)
    refunded = 0.0 - outputs[0] / _MONEY_UNITS
    some = [*plan.few_windows, len(windows) - 1]
    few_names = plan.names_of(some)
    columns.add_windows("refunded_sum", refunded[:, some], few_names, family="refunds", unit="money")
    bought = np.stack([columns.values[f"{columns.source}_amount_sum_{name}"] for name in names], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(bought > 0, refunded / bought, np.nan)
    columns.add_windows("net_sum", (bought - refunded)[:, some], few_names, family="value", unit="money")
    columns.add_windows("refunded_share", share[:, some], few_names, family="refunds", unit="share")


def _add_levels(
    columns: Columns, bucket: Bucket, plan: FeaturePlan, customer: Int64s, dates: Int64s, done: Bools, name: str
) -> None:
    levels = plan.levels.get(f"{columns.source}.{name}", ())
    windows, names, few = plan.windows_us, plan.window_names, plan.few_windows
    level, vocabulary = level_codes(bucket.categories(columns.source, name), levels)
    count = columns.empty(len(windows), len(levels), fill=0.0)
    newest, since_change = np.full(len(dates), -1, dtype=np.int32), columns.empty()
    rows = _rows(bucket, columns.source)
    sweep_levels(*rows, done, level, customer, dates, windows, count, newest, since_change)
    longest = names[-2]
    every = columns.values[f"{columns.source}_count_{longest}"]
    for position, text in enumerate(levels):
        detail = f"{name} {text}"
        chosen = count[:, few, position]
        columns.add_windows("count", chosen, plan.names_of(few), family="levels", unit="count", detail=detail)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(every > 0, count[:, -2, position] / every, np.nan)
        days = plan.windows_days[-1]
        columns.add("share", share, family="levels", unit="share", detail=detail, suffix=longest, window_days=days)
    columns.add("last", level_texts(newest, vocabulary), family="levels", unit="category", detail=name)
    columns.add("since_change_days", since_change, family="levels", unit="days", detail=name)


def level_codes(column: pa.ChunkedArray, kept: tuple[str, ...]) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Return the levels of a column as numbers: kept ones first, in their order, then the others by name.

    Returns
    -------
    codes : ndarray of int32, shape (n_rows,)
        -1 = missing.
    vocabulary : pyarrow.StringArray
        Level of each number.
    """
    others = sorted(set(pc.unique(column).drop_null().to_pylist()) - set(kept))
    vocabulary = pa.array([*kept, *others], pa.string())
    codes: npt.NDArray[np.int32] = pc.fill_null(pc.index_in(column, value_set=vocabulary), -1).to_numpy()
    return codes.astype(np.int32), vocabulary


def level_texts(codes: npt.NDArray[np.int32], vocabulary: pa.Array) -> pa.Array:
    """Return level numbers as text, shape (n_rows,); -1 is missing."""
    return vocabulary.take(pa.array(np.maximum(codes, 0), pa.int32(), mask=codes < 0))
