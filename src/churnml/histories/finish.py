"""One bucket made ready: sorted by (customer, time), copies, versions and item lines settled, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.conform import GROUP_PREFIX, KEY_PREFIX, ROW_HASH, TIME, prepared_schema
from churnml.histories.contract import TableContract
from churnml.histories.grouping import LATE_LINE, SUPERSEDED, group_lines
from churnml.histories.hashing import hash_rows
from churnml.histories.rows import Coded, Rows, combined, read_column, stored_column
from churnml.histories.sorting import sorted_rows
from churnml.histories.store import CONTACTS, StoredFile, bucket_file
from churnml.histories.versions import superseded_at
from churnml.parquet import write_parquet
from churnml.storage import digest_file
from churnml.timeline import DAY_US, NEVER

__all__ = ["FinishedBucket", "finish_bucket", "stored_schema"]

Int64s = npt.NDArray[np.int64]
CONTACT_PREFIXES = ("contact_", "consent_")


@dataclass(frozen=True, slots=True)
class FinishedBucket:
    """What became of one bucket of a table: its files, copies and lines merged, second rows of a customer."""

    stored: StoredFile
    contacts: StoredFile | None
    n_duplicates: int
    n_grouped: int
    n_twice: int
    n_ties: int
    days: Mapping[int, int]


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
    order, n_duplicates = _order(table, contract)
    names = [name for name in table.column_names if name != ROW_HASH or contract.key]
    rows = Rows({name: read_column(table[name]) for name in names}).take(order)
    n_read, n_ties, n_grouped, n_twice, contact_file = len(order), 0, 0, 0, None
    del table
    if contract.key:
        rows, n_ties = _with_versions(rows, contract)
    if contract.group:
        rows, n_grouped = _grouped(rows, contract)
    if contract.kind == "customers":
        n_twice = n_read - len(rows.texts("customer_id").vocabulary)
        fields = [f for f in prepared_schema(contract) if f.name.startswith(CONTACT_PREFIXES)]
        if fields:
            table = pa.table({name: _text(rows.texts(name)) for name in ("customer_id", *(f.name for f in fields))})
            contact_file = _write(table, target / bucket_file(CONTACTS, bucket))
    stored = {field.name: stored_column(rows.columns[field.name], field.type) for field in stored_schema(contract)}
    file = _write(pa.table(stored), target / bucket_file(contract.name, bucket))
    return FinishedBucket(file, contact_file, n_duplicates, n_grouped, n_twice, n_ties, _days(rows, contract))


def _write(table: pa.Table, path: Path) -> StoredFile:
    write_parquet(table, path, coded=[f.name for f in table.schema if pa.types.is_dictionary(f.type)])
    return StoredFile(digest_file(path), table.num_rows)


def _text(column: Coded) -> pa.Array:
    return stored_column(column, pa.string()).cast(pa.string())


def stored_schema(contract: TableContract) -> pa.Schema:
    """Return the columns of a bucket file: without contact data, grouping keys and the row hash."""
    hidden = (*CONTACT_PREFIXES, GROUP_PREFIX, KEY_PREFIX)
    fields = [f for f in prepared_schema(contract) if not f.name.startswith(hidden)]
    if contract.key:
        fields.insert(1 + [f.name for f in fields].index("known_at"), pa.field(SUPERSEDED, TIME))
    if contract.group:
        fields.append(pa.field(LATE_LINE, pa.bool_()))
    return pa.schema(fields)


def _order(table: pa.Table, contract: TableContract) -> tuple[Int64s, int]:
    """Sort by (customer, both clocks, content), exact copies counted once; returns rows and copies left out."""
    clocks = () if contract.kind == "customers" else (contract.event_time, "known_at")
    keys = _plain(table, [name for name in clocks if name in table.column_names])
    if contract.kind == "spells":
        # The end may lie ahead: among spells begun together, what was known at the start decides first.
        keys += [_hash_at_start(table), *_plain(table, [n for n in ("ended_at",) if n in table.column_names])]
    packed = np.stack([*keys, *_plain(table, [ROW_HASH])])
    codes, n_codes = np.zeros(table.num_rows, dtype=np.int32), 1
    if contract.id:
        who = Rows({"customer_id": read_column(table["customer_id"])}).texts("customer_id")
        codes, n_codes = who.codes, max(1, len(who.vocabulary))
    order, is_copy = sorted_rows(codes, n_codes, packed)
    if not contract.drop_duplicates or not is_copy.any():
        return order, 0
    return order[~is_copy], int(is_copy.sum())


def _plain(table: pa.Table, names: Sequence[str]) -> list[Int64s]:
    rows = Rows({name: read_column(table[name]) for name in names})
    return [rows.plain(name) for name in names]


def _hash_at_start(table: pa.Table) -> Int64s:
    """Return a hash of what is known of each spell when it begins: all but its end and why it ended."""
    later = {"customer_id", "ended_at", "end_reason", ROW_HASH}
    names = [name for name in table.column_names if name not in later]
    batch = pa.RecordBatch.from_arrays([table[name].combine_chunks() for name in names], names=names)
    hashes: Int64s = hash_rows(batch).view(np.int64)
    return hashes


def _with_versions(rows: Rows, contract: TableContract) -> tuple[Rows, int]:
    """Add until when each row counts; what never counted at any instant is left out."""
    who, known = rows.texts("customer_id"), rows.plain("known_at")
    key = combined([rows.texts(f"{KEY_PREFIX}{i}") for i in range(len(contract.key))])
    until, n_ties = superseded_at(who.codes, len(who.vocabulary), key, known, rows.plain(ROW_HASH))
    counts = np.flatnonzero(until > np.maximum(rows.plain(contract.event_time), known))
    return rows.replaced(**{SUPERSEDED: until}).take(counts), n_ties


def _grouped(rows: Rows, contract: TableContract) -> tuple[Rows, int]:
    """Merge item lines; returns the events and how many lines went into others."""
    who = rows.texts("customer_id")
    if not len(who.codes):
        return rows.replaced(**{LATE_LINE: np.empty(0, dtype=bool)}), 0
    group = combined([rows.texts(f"{GROUP_PREFIX}{i}") for i in range(len(contract.group))])
    events, n_groups = group_lines(rows, group, len(who.vocabulary), contract)
    return events, len(who.codes) - n_groups - int(events.plain(LATE_LINE).sum())


def _days(rows: Rows, contract: TableContract) -> dict[int, int]:
    """Return rows per UTC day, counted from the epoch, of the newest versions; for spells their starts and ends."""
    counts: dict[int, int] = {}
    for clock in ("occurred_at", "started_at", "ended_at"):
        if clock not in rows.columns:
            continue
        instants = rows.plain(clock)
        is_newest = rows.plain(SUPERSEDED) == NEVER if contract.key else True
        days = (instants // DAY_US)[(instants != NEVER) & is_newest]
        low = int(days.min()) if len(days) else 0
        if len(days) and int(days.max()) - low < 4 * len(days) + 100_000:
            seen = np.bincount(days - low)
            found = zip((np.flatnonzero(seen) + low).tolist(), seen[seen > 0].tolist(), strict=True)
        else:
            found = zip(*(part.tolist() for part in np.unique(days, return_counts=True)), strict=True)
        for day, n in found:
            counts[day] = counts.get(day, 0) + n
    return counts
