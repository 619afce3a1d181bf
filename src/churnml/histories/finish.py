"""One bucket made ready: both clocks filled, sorted by (customer, time), copies and item lines merged, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import ROW_HASH, TIME, prepared_schema
from churnml.histories.contract import TableContract
from churnml.histories.grouping import LATE_LINE, group_lines
from churnml.storage import digest_file, write_parquet
from churnml.timeline import DAY_US

__all__ = ["FinishedBucket", "finish_bucket", "stored_schema"]

CONTACT_PREFIXES = ("contact_", "consent_")


@dataclass(frozen=True, slots=True)
class FinishedBucket:
    """What became of one bucket of a table: rows kept, copies and lines merged, second rows of a customer."""

    n_rows: int
    n_duplicates: int
    n_grouped: int
    n_twice: int
    days: Mapping[int, int]
    digest: str


def finish_bucket(table: pa.Table | None, contract: TableContract, target: Path, bucket: int) -> FinishedBucket:
    """Sort, merge and write the rows of one bucket.

    Parameters
    ----------
    table : pyarrow.Table or None
        Conformed rows with their hash, in any order; None = no rows.
    contract : TableContract
    target : Path
        Folder of the prepared store; ``<table>/bucket-<number>.parquet`` is written there.
    bucket : int
    """
    if table is None:
        table = prepared_schema(contract).append(pa.field(ROW_HASH, pa.uint64())).empty_table()
    table, n_duplicates = _sorted_unique(_with_clocks(table, contract), contract)
    n_lines = table.num_rows
    if contract.group:
        table = group_lines(table, contract)
    n_twice = 0
    if contract.kind == "customers":
        n_twice = table.num_rows - len(pc.unique(table["customer_id"]))
        contacts = [n for n in table.column_names if n.startswith(CONTACT_PREFIXES)]
        if contacts:
            write_parquet(
                table.select(["customer_id", *contacts]), target / "_contacts" / f"bucket-{bucket:04d}.parquet"
            )
    table = table.select(stored_schema(contract).names)
    path = target / contract.name / f"bucket-{bucket:04d}.parquet"
    write_parquet(table, path)
    return FinishedBucket(
        table.num_rows, n_duplicates, n_lines - table.num_rows, n_twice, _days(table, contract), digest_file(path)
    )


def stored_schema(contract: TableContract) -> pa.Schema:
    """Return the columns of a bucket file: without contact data, grouping keys and the row hash."""
    fields = [f for f in prepared_schema(contract) if not f.name.startswith((*CONTACT_PREFIXES, "group_"))]
    if contract.kind != "customers" and not contract.known_at:
        position = 1 + next(i for i, f in enumerate(fields) if f.name in {"occurred_at", "started_at"})
        fields.insert(position, pa.field("known_at", TIME))
    if contract.group:
        fields.append(pa.field(LATE_LINE, pa.bool_()))
    return pa.schema(fields)


def _with_clocks(table: pa.Table, contract: TableContract) -> pa.Table:
    """Fill the second clock: a row without ``known_at`` is known when it happens."""
    if contract.kind == "customers":
        return table
    happened = table["started_at" if contract.kind == "spells" else "occurred_at"]
    if "known_at" not in table.column_names:
        return table.append_column("known_at", happened)
    position = table.column_names.index("known_at")
    return table.set_column(position, "known_at", pc.coalesce(table["known_at"], happened))


def _sorted_unique(table: pa.Table, contract: TableContract) -> tuple[pa.Table, int]:
    """Sort by (customer, time, known_at, content) and count exact copies once."""
    keys = [table[ROW_HASH].to_numpy()]
    for clock in ("known_at", "ended_at", "started_at", "occurred_at"):
        if clock in table.column_names:
            keys.append(pc.fill_null(table[clock].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy())
    if contract.id:
        keys.append(_customer_rank(table["customer_id"]))
    order = np.lexsort(keys)
    table = table.take(pa.array(order))
    copies = np.ones(table.num_rows, dtype=bool)
    copies[:1] = False
    for key in keys:
        sorted_key = key[order]
        copies[1:] &= sorted_key[1:] == sorted_key[:-1]
    if not contract.drop_duplicates or not copies.any():
        return table, 0
    return table.filter(pa.array(~copies)), int(copies.sum())


def _customer_rank(ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    coded = ids.combine_chunks().dictionary_encode()
    rank = np.empty(len(coded.dictionary), dtype=np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    ranks: npt.NDArray[np.int64] = rank[coded.indices.to_numpy()]
    return ranks


def _days(table: pa.Table, contract: TableContract) -> dict[int, int]:
    """Return rows per UTC day, counted from the epoch; for spells their starts and ends."""
    counts: dict[int, int] = {}
    for clock in ("occurred_at", "started_at", "ended_at"):
        if clock in table.column_names and contract.kind != "customers":
            instants = table[clock].drop_null().cast(pa.int64()).to_numpy()
            for day, n in zip(*np.unique(instants // DAY_US, return_counts=True), strict=True):
                counts[int(day)] = counts.get(int(day), 0) + int(n)
    return counts
