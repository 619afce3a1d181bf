"""The rows of sampled customers as plain Python values, for everything that is recomputed record by record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from churnml.histories.conform import category_column, number_column
from churnml.histories.store import TableInfo
from churnml.verification.excerpt import Excerpt
from churnml.verification.oracle import Row

__all__ = ["CustomerRows", "plain_rows"]

CustomerRows = Mapping[str, Sequence[Row]]


def plain_rows(excerpt: Excerpt) -> dict[str, CustomerRows]:
    """Return table -> customer -> rows; calendars as the rows of nobody in particular (key ``""``).

    Times become microseconds; number and category columns are keyed ``("number", name)`` and ``("category", name)``.
    """
    found: dict[str, CustomerRows] = {}
    for info in excerpt.tables.values():
        of: dict[str, list[Row]] = defaultdict(list)
        for row in _rows(excerpt.held[info.name], info):
            of[row.get("customer_id", "")].append(row)
        found[info.name] = of
    return found


def _rows(table: pa.Table, info: TableInfo) -> list[Row]:
    names: dict[str, Any] = {number_column(name): ("number", name) for name in info.numbers}
    names |= {category_column(name): ("category", name) for name in info.categories}
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        columns[names.get(name, name)] = column.to_pylist()
    keys = list(columns)
    rows = [dict(zip(keys, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    for place, row in enumerate(rows):
        row["place"] = place
        if info.kind in {"spells", "calendar"}:
            row.setdefault("ended_at", None)
    return rows
