"""Prepared histories in memory, versions of rows included: what the store holds, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churnml.histories.conform import MONEY, TIME
from churnml.histories.store import TableInfo
from churnml.timeline import DAY_US
from churnml.verification.excerpt import Excerpt

Row = Mapping[str, Any]
FOREVER = np.iinfo(np.int64).max
_CLOCKS = ("known_at", "ended_at", "planned_end", "superseded_at")
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "customers": {"customer_id": pa.string(), "joined": TIME, "c:segment": pa.string()},
    "events": {
        "customer_id": pa.string(),
        "occurred_at": TIME,
        "known_at": TIME,
        "superseded_at": TIME,
        "amount": MONEY,
        "n:items": pa.float64(),
        "c:channel": pa.string(),
    },
    "spells": {
        "customer_id": pa.string(),
        "started_at": TIME,
        "known_at": TIME,
        "ended_at": TIME,
        "planned_end": TIME,
        "superseded_at": TIME,
        "amount": MONEY,
        "c:tier": pa.string(),
        "end_reason": pa.string(),
    },
    "calendar": {
        "occurred_at": TIME,
        "known_at": TIME,
        "ended_at": TIME,
        "superseded_at": TIME,
        "type": pa.string(),
        "scope": pa.string(),
        "value": pa.float64(),
    },
}


def memory_history(as_of: int, tables: Mapping[str, tuple[str, Sequence[Row]]], **more: Any) -> Excerpt:
    """Return a history from rows by table: name -> (kind, rows with ``id`` and the columns of the kind)."""
    prepared = {name: _table(kind, rows) for name, (kind, rows) in tables.items()}
    infos = {name: _info(name, kind, prepared[name]) for name, (kind, _) in tables.items()}
    return Excerpt(Path("memory"), as_of, 1, infos, held=prepared, **more)


def _table(kind: str, rows: Sequence[Row]) -> pa.Table:
    start = {"spells": "started_at", "customers": "joined"}.get(kind, "occurred_at")
    plain = [_row(kind, row, start) for row in rows]
    plain.sort(key=lambda row: [row.get("customer_id", ""), *(_order(row.get(c)) for c in (start, *_CLOCKS[:2][::-1]))])
    return pa.table({name: pa.array([row[name] for row in plain], dtype) for name, dtype in COLUMNS[kind].items()})


def _order(instant: int | None) -> int:
    return FOREVER if instant is None else instant


def _row(kind: str, row: Row, start: str) -> dict[str, Any]:
    given = {"customer_id": row.get("id"), "known_at": row.get(start), **row}
    given["known_at"] = row.get(start) if given["known_at"] is None else given["known_at"]
    return {name: given.get(name, given.get(name.partition(":")[2])) for name in COLUMNS[kind]}


def _info(name: str, kind: str, table: pa.Table) -> TableInfo:
    names = tuple(table.column_names)
    clocks = [c for c in ("occurred_at", "started_at", "ended_at") if c in names]
    instants = [table[clock].drop_null().cast(pa.int64()).to_numpy() for clock in clocks]
    day, count = np.unique(np.concatenate([np.empty(0, np.int64), *instants]) // DAY_US, return_counts=True)
    parts = {prefix: tuple(n[2:] for n in names if n.startswith(prefix)) for prefix in ("n:", "c:")}
    has_amount = "amount" in names
    return TableInfo(
        name,
        kind,
        f"{name}.parquet",
        table.num_rows,
        parts["n:"],
        parts["c:"],
        has_amount,
        names,
        "",
        day,
        count,
    )
