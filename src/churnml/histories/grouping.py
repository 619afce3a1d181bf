"""Item lines to events: lines of one customer with the same grouping key are one order, call or visit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import MONEY, ROW_HASH, category_column, number_column
from churnml.histories.contract import TableContract

__all__ = ["LATE_LINE", "group_lines"]

LATE_LINE = "is_late_line"
"""Marks what was added to an event after it had become known: its amounts count, the event does not count again."""
_USABLE, _LATE = "_usable_from", "_late_since"


def group_lines(table: pa.Table, contract: TableContract) -> pa.Table:
    """Merge item lines into events, sorted by (customer, time).

    Amounts and numbers are summed, the earliest time counts, and each category takes the level that most lines carry
    (ties: the alphabetically first). Lines that became usable later than the first ones of their event stay rows of
    their own, marked :data:`LATE_LINE`: what was known at an earlier date must not change. A line without a complete
    grouping key is an event of its own.

    Parameters
    ----------
    table : pyarrow.Table
        Conformed lines with the columns ``group_0`` ... and the row hash.
    contract : TableContract
        Its ``group`` is not empty.

    Returns
    -------
    pyarrow.Table
        One row per customer, grouping key and instant of becoming known.
    """
    groups = [f"group_{i}" for i in range(len(contract.group))]
    table = _with_own_keys(table, groups)
    happened, known = table["occurred_at"], table["known_at"]
    table = table.append_column(_USABLE, pc.if_else(pc.greater(known, happened), known, happened))
    table = _with_late_mark(table, ["customer_id", *groups])
    keys = ["customer_id", *groups, _LATE]
    sums = [number_column(name) for name in contract.numbers] + (["amount"] if contract.amount else [])
    if contract.amount:
        table = _replace(table, "amount", table["amount"].combine_chunks().view(pa.int64()))
    merged = _aggregated(table, keys, [("occurred_at", "min"), ("known_at", "max"), *((name, "sum") for name in sums)])
    for category in contract.categories:
        column = category_column(category)
        merged = merged.join(_most_frequent(table, keys, column), keys=keys, join_type="left outer")
    late = pc.greater(merged[_LATE], np.iinfo(np.int64).min)
    merged = merged.append_column(LATE_LINE, late)
    merged = merged.sort_by([(k, "ascending") for k in ("customer_id", "occurred_at", "known_at", *groups)])
    if contract.amount:
        merged = _replace(merged, "amount", merged["amount"].combine_chunks().view(MONEY))
    return merged


def _with_own_keys(table: pa.Table, groups: list[str]) -> pa.Table:
    """Give each line without a complete key one that no other line has."""
    incomplete = np.zeros(table.num_rows, dtype=bool)
    for group in groups:
        incomplete |= pc.is_null(table[group]).to_numpy()
    if not incomplete.any():
        return table
    own = pc.binary_join_element_wise(
        "\x1f",
        table[ROW_HASH].cast(pa.string()),
        pa.array(np.arange(table.num_rows)).cast(pa.string()),
        "",
    )
    for group in groups:
        table = _replace(table, group, pc.if_else(pa.array(incomplete), own, table[group]))
    return table


def _with_late_mark(table: pa.Table, keys: list[str]) -> pa.Table:
    """Add since when a line is late: the instant it became usable, or a constant for the first lines of an event."""
    first = _aggregated(table.select([*keys, _USABLE]), keys, [(_USABLE, "min")]).rename_columns([*keys, "_first"])
    place = table.select([*keys, _USABLE]).append_column("_row_number", pa.array(np.arange(table.num_rows)))
    joined = place.join(first, keys=keys, join_type="inner").sort_by("_row_number")
    usable = joined[_USABLE].cast(pa.int64()).to_numpy()
    is_late = usable > joined["_first"].cast(pa.int64()).to_numpy()
    return table.append_column(_LATE, pa.array(np.where(is_late, usable, np.iinfo(np.int64).min)))


def _aggregated(table: pa.Table, keys: list[str], measures: list[tuple[str, str]]) -> pa.Table:
    """Group and name the results like what they were made of, keys first."""
    found = table.group_by(keys, use_threads=False).aggregate(measures)
    columns = {key: found[key] for key in keys} | {name: found[f"{name}_{how}"] for name, how in measures}
    return pa.table(columns)


def _replace(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _most_frequent(table: pa.Table, keys: list[str], category: str) -> pa.Table:
    known = table.filter(pc.is_valid(table[category]))
    counted = known.group_by([*keys, category], use_threads=False).aggregate([([], "count_all")])
    ranked = counted.sort_by([*((k, "ascending") for k in keys), ("count_all", "descending"), (category, "ascending")])
    return _aggregated(ranked, keys, [(category, "first")])
