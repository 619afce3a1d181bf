"""Features of an events table: rhythm, amounts, numbers, levels, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.columns import Arena, Columns
from churnml.features.plan import FeaturePlan
from churnml.features.rows import EventRows
from churnml.features.sweep import sweep_levels, sweep_rhythm, sweep_values
from churnml.histories.bucket import Bucket
from churnml.histories.store import TableInfo

__all__ = ["EventSource", "event_features"]

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_MONEY_UNITS = 10_000.0
_NO_PLACE = np.int32(-1)
_RHYTHM = (
    ("recency_days", "recency", "days"),
    ("tenure_days", "tenure", "days"),
    ("gap_mean_days", "rhythm", "days"),
    ("gap_std_days", "rhythm", "days"),
    ("gap_latest_days", "rhythm", "days"),
    ("repeat_days", "rhythm", "count"),
    ("span_days", "rhythm", "days"),
    ("silence_ratio", "rhythm", "ratio"),
    ("silence_deviations", "rhythm", "ratio"),
)
_NEEDED_BY_BTYD = {"tenure_days", "repeat_days", "span_days"}


@dataclass(slots=True)
class EventSource:
    """One events table of a bucket, ready to be swept as often as there are tiles of snapshots.

    Counts and amounts concern activities; refunds (negative amounts) have columns of their own and lower only
    ``net_sum``.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
    plan : FeaturePlan
    """

    bucket: Bucket
    info: TableInfo
    plan: FeaturePlan
    rows: EventRows = field(init=False)
    done: EventRows = field(init=False)
    _is_done: Bools = field(init=False)
    _values: dict[str, tuple[EventRows, Int64s | Floats]] = field(init=False, default_factory=dict)
    _levels: dict[str, tuple[EventRows, Int32s, pa.Array]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Read the clocks and say which rows are activities."""
        self.rows = EventRows.of(self.bucket, self.info.name)
        self._is_done = self.bucket.is_activity(self.info.name)
        self.done = self.rows.where(self._is_done)

    def money(self, which: str) -> tuple[EventRows, Int64s | Floats]:
        """Return rows with a known amount, in ten-thousandths: those ``paid``, those ``refunded``, or the ``net``."""
        if which not in self._values:
            units, known = self.bucket.money(self.info.name)
            chosen = {"paid": known & (units >= 0), "refunded": known & (units < 0), "net": known}[which]
            self._values[which] = self.rows.where(chosen), units if chosen.all() else units[chosen]
        return self._values[which]

    @property
    def has_refunds(self) -> bool:
        """Return whether any amount of the bucket is negative."""
        return len(self.money("refunded")[1]) > 0

    def number(self, column: str) -> tuple[EventRows, Int64s | Floats]:
        """Return the rows, refunds left out, that have a number in a column, and the numbers."""
        if f"n:{column}" not in self._values:
            values = self.bucket.numbers(self.info.name, column)
            chosen = ~self.bucket.is_refund(self.info.name) & ~np.isnan(values)
            self._values[f"n:{column}"] = self.rows.where(chosen), values[chosen]
        return self._values[f"n:{column}"]

    def levels(self, column: str) -> tuple[EventRows, Int32s, pa.Array]:
        """Return the activities that have a level in a column, its number, and the vocabulary, kept levels first."""
        if column not in self._levels:
            codes, vocabulary = self.bucket.codes(self.info.name, column)
            kept = self.plan.levels.get(f"{self.info.name}.{column}", ())
            number, ordered = kept_first(vocabulary, kept)
            chosen = self._is_done & (codes >= 0)
            self._levels[column] = self.rows.where(chosen), number[codes[chosen]], ordered
        return self._levels[column]


def kept_first(vocabulary: Sequence[str], kept: Sequence[str]) -> tuple[Int32s, pa.Array]:
    """Return new numbers of levels: kept ones first, in their order, then the others.

    Parameters
    ----------
    vocabulary, kept : sequence of str
        Levels that occur, and levels that have columns, whether they occur or not.

    Returns
    -------
    number : ndarray of int32, shape (n_levels,)
        New number of each level of the vocabulary.
    ordered : pyarrow.StringArray
        Level of each new number.
    """
    place = {level: n for n, level in enumerate(kept)}
    for level in vocabulary:
        place.setdefault(level, len(place))
    return np.array([place[level] for level in vocabulary], dtype=np.int32), pa.array(list(place), pa.string())


def event_features(source: EventSource, customer: Int64s, dates: Int64s, *, arena: Arena | None = None) -> Columns:
    """Return the features of one events table.

    Parameters
    ----------
    source : EventSource
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots sorted by (customer, date): number of the customer in the bucket, and the observation date.
    arena : Arena, optional
        Where the columns' memory comes from.
    """
    columns = Columns(source.info.name, len(dates), frozenset(source.plan.families), arena)
    snapshots = (customer, dates, source.plan.windows_us)
    _add_rhythm(columns, source, snapshots)
    if source.info.has_amount and columns.wants("value", "refunds", "trend", "btyd"):
        _add_values(columns, source.plan, source.money("paid"), snapshots, detail="amount", unit="money")
        _add_refunds(columns, source, snapshots)
    if columns.wants("value"):
        for name in source.info.numbers:
            _add_values(columns, source.plan, source.number(name), snapshots, detail=name, unit="number")
    if columns.wants("levels"):
        for name in source.info.categories:
            _add_levels(columns, source, snapshots, name)
    return columns


def _add_rhythm(columns: Columns, source: EventSource, snapshots: tuple[Int64s, ...]) -> None:
    plan, names = source.plan, source.plan.window_names
    every, n_windows = range(len(names)), len(names)
    needed = columns.wants("trend", "levels")
    place = np.full((3, n_windows), _NO_PLACE)
    place[0] = columns.reserve_windows("count", names, every, family="frequency", unit="count", needed=needed)
    place[1] = columns.reserve_windows("days", names, plan.few_windows, family="frequency", unit="count")
    place[2] = columns.reserve_windows("decayed", names, plan.few_windows, family="intensity", unit="number")
    needs_btyd = columns.wants("btyd") and plan.btyd_table == columns.source
    own = [
        columns.reserve(measure, family=family, unit=unit, needed=needs_btyd and measure in _NEEDED_BY_BTYD)
        for measure, family, unit in _RHYTHM
    ]
    block = columns.allocate()
    if len(block):
        sweep_rhythm(*source.done.arguments, *snapshots, place, np.array(own, dtype=np.int32), block)
    if columns.wants("trend"):
        _add_trends(columns, plan, total="count", measure="count_trend")


def _add_trends(columns: Columns, plan: FeaturePlan, *, total: str, measure: str, detail: str = "") -> None:
    """Add the rate in each window relative to the rate in the next longer one (1 = steady)."""
    days = plan.windows_days
    for w in range(len(days) - 1):
        short, long = (columns.values[f"{columns.source}_{total}_{n}d"].astype(np.float64) for n in days[w : w + 2])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(long != 0, short / long, np.nan) * days[w + 1] / days[w]
        columns.add(
            measure,
            ratio,
            family="trend",
            unit="ratio",
            detail=detail,
            suffix=f"{days[w]}d_{days[w + 1]}d",
            window_days=days[w],
            word="trend",
        )


def _add_values(
    columns: Columns,
    plan: FeaturePlan,
    valued: tuple[EventRows, Int64s | Floats],
    snapshots: tuple[Int64s, ...],
    *,
    detail: str,
    unit: str,
) -> None:
    names = plan.window_names
    is_money = unit == "money"
    measures = (
        ("sum", range(len(names)), is_money and columns.wants("trend", "refunds")),
        ("mean", plan.mean_windows, is_money and columns.wants("btyd")),
        ("max", plan.extreme_windows, False),
        ("min", plan.extreme_windows, False),
        ("std", plan.extreme_windows, False),
    )
    place = np.stack(
        [
            columns.reserve_windows(measure, names, windows, family="value", unit=unit, detail=detail, needed=needed)
            for measure, windows, needed in measures
        ]
    )
    last = columns.reserve("last", family="value", unit=unit, detail=detail)
    block = columns.allocate()
    rows, values = valued
    if len(block):
        scale = _MONEY_UNITS if is_money else 1.0
        sweep_values(*rows.arguments, values, scale, *snapshots, place, last, block)
    if is_money and columns.wants("trend"):
        _add_trends(columns, plan, total=f"{detail}_sum", measure="trend", detail=detail)


def _add_refunds(columns: Columns, source: EventSource, snapshots: tuple[Int64s, ...]) -> None:
    names, some = source.plan.window_names, source.plan.mean_windows
    for measure, family, which, scale in (
        ("refunded_sum", "refunds", "refunded", -_MONEY_UNITS),
        ("net_sum", "refunds", "net", _MONEY_UNITS),
    ):
        place = np.full((5, len(names)), _NO_PLACE)
        place[0] = columns.reserve_windows(measure, names, some, family=family, unit="money")
        block = columns.allocate()
        if which == "net" and len(block) and not source.has_refunds:
            for w, name in zip(some, source.plan.names_of(some), strict=True):
                block[place[0, w], : columns.n_rows] = columns.values[f"{columns.source}_amount_sum_{name}"]
        elif len(block):
            rows, values = source.money(which)
            sweep_values(*rows.arguments, values, scale, *snapshots, place, -1, block)
    if columns.wants("refunds"):
        for name in source.plan.names_of(some):
            refunded, bought = (
                columns.values[f"{columns.source}_{sum_}_{name}"].astype(np.float64)
                for sum_ in ("refunded_sum", "amount_sum")
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(bought > 0, refunded / bought, np.nan)
            columns.add_windows("refunded_share", share[:, None], (name,), family="refunds", unit="share")


def _add_levels(columns: Columns, source: EventSource, snapshots: tuple[Int64s, ...], name: str) -> None:
    plan, names = source.plan, source.plan.window_names
    rows, level, vocabulary = source.levels(name)
    kept = plan.levels.get(f"{columns.source}.{name}", ())
    longest = names[-2]
    place = np.full((len(kept), len(names)), _NO_PLACE)
    for position, text in enumerate(kept):
        place[position] = columns.reserve_windows(
            "count", names, plan.few_windows, family="levels", unit="count", detail=f"{name} {text}"
        )
    change = columns.reserve("since_change_days", family="levels", unit="days", detail=name)
    block, newest = columns.allocate(), np.empty(columns.n_rows, dtype=np.int32)
    sweep_levels(*rows.arguments, level, *snapshots, place, change, newest, block)
    _add_shares(
        columns, [block[row, : columns.n_rows] for row in place[:, -2]], [f"{name} {text}" for text in kept], longest
    )
    columns.add("last", level_texts(newest, vocabulary), family="levels", unit="category", detail=name)


def _add_shares(columns: Columns, counts: Sequence[Float32s], details: Sequence[str], window: str) -> None:
    """Add the share of each level, from its counts in a window."""
    for detail in details:
        columns.reserve("share", family="levels", unit="share", detail=detail, suffix=window)
    every = columns.values[f"{columns.source}_count_{window}"]
    none = every == 0
    # Whole numbers: the quotient in single precision is that in double precision, rounded.
    for count, share in zip(counts, columns.allocate()[:, : columns.n_rows], strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(count, every, out=share)
        share[none] = np.nan


def level_codes(column: pa.ChunkedArray, kept: tuple[str, ...]) -> tuple[Int32s, pa.Array]:
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
    codes: Int32s = pc.fill_null(pc.index_in(column, value_set=vocabulary), -1).to_numpy()
    return codes.astype(np.int32), vocabulary


def level_texts(codes: Int32s, vocabulary: pa.Array) -> pa.Array:
    """Return level numbers as coded text, shape (n_rows,); -1 is missing.

    The dictionary holds only levels that occur among the codes: others may not be known yet.
    """
    occurs = np.zeros(len(vocabulary) + 1, dtype=bool)
    occurs[codes] = True  # a missing level is the last of all
    occurs[-1] = False
    place = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    place[-1] = 0
    indices = pa.array(place[codes], mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, vocabulary.take(pa.array(np.flatnonzero(occurs), pa.int32())))
