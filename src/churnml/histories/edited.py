"""A prepared store written again with other rows, or as it stood at an earlier instant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import TIME
from churnml.histories.store import CONTACTS, History, StoredFile, TableInfo, bucket_file, open_history
from churnml.parquet import write_parquet
from churnml.storage import digest_file, new_folder, read_sealed_json, write_sealed_json
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["Edit", "write_edited"]

Edit = Callable[[str, int, pa.Table], pa.Table]
"""Takes table, bucket and its rows as stored; returns other rows of the same columns, in any order."""


def write_edited(history: History, target: Path, *, edit: Edit | None = None, as_of: int | None = None) -> History:
    """Write a store with other rows.

    Parameters
    ----------
    history : History
    target : Path
        Folder of the new store.
    edit : callable, optional
        What becomes of the rows; contact data stay as they are.
    as_of : int, optional
        Only what had happened and was known by then is there, microseconds; None = as the history.

    Returns
    -------
    History
        The new store; its rows are sorted and its digests its own.
    """
    at = history.as_of if as_of is None else as_of
    manifest = read_sealed_json(history.folder / "manifest.json")
    with new_folder(target) as temp:
        for name, info in history.tables.items():
            entry = manifest["tables"][name]
            files, days = [], np.array([], dtype=np.int64)
            for bucket in range(len(info.files)):
                rows = history.read(name, bucket)
                rows = _sorted(_known_by(rows if edit is None else edit(name, bucket, rows), info, at), info)
                files.append(_written(rows, history, name, bucket, temp))
                days = np.concatenate([days, _days(rows)])
            day, counts = np.unique(days, return_counts=True)
            entry["files"] = [{"rows": file.n_rows, "sha256": file.digest} for file in files]
            entry["n_rows"] = sum(file.n_rows for file in files)
            entry["days"] = np.stack([day, counts], axis=1).tolist()
            _copy_contacts(history, info, temp)
        write_sealed_json({**manifest, "as_of": us_to_iso(at), "as_of_us": at}, temp / "manifest.json")
    return open_history(target)


def _known_by(rows: pa.Table, info: TableInfo, at: int) -> pa.Table:
    """Return the rows that had come by an instant; ends and later versions after it have not happened."""
    instant, keep = pa.scalar(at, pa.int64()).cast(TIME), None
    # A change may be known long before it begins.
    clocks = ("known_at",) if info.kind == "calendar" else ("occurred_at", "started_at", "known_at", "joined")
    for clock in clocks:
        if clock in rows.column_names:
            is_there = pc.fill_null(pc.less_equal(rows[clock], instant), True)
            keep = is_there if keep is None else pc.and_(keep, is_there)
    rows = rows if keep is None else rows.filter(keep)
    for clock in ("ended_at", "superseded_at"):
        if clock in rows.column_names and info.kind != "calendar":
            place = rows.column_names.index(clock)
            later = pc.fill_null(pc.greater(rows[clock], instant), False)
            rows = rows.set_column(place, clock, pc.if_else(later, pa.scalar(None, TIME), rows[clock]))
    return rows


def _sorted(rows: pa.Table, info: TableInfo) -> pa.Table:
    names = [name for name in ("customer_id", "occurred_at", "started_at") if name in rows.column_names]
    if not names:
        return rows
    # Equal keys keep their order, so that an unchanged store stays in the order it had.
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    return rows.sort_by([(name, "ascending") for name in [*names, "row"]]).drop_columns(["row"])


def _written(rows: pa.Table, history: History, name: str, bucket: int, temp: Path) -> StoredFile:
    with history.open(name, bucket) as source:
        schema = source.schema_arrow
    coded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    columns: dict[str, Any] = {}
    for field in schema:
        column = rows[field.name].combine_chunks()
        columns[field.name] = pc.dictionary_encode(column.cast(pa.string())) if field.name in coded else column
    path = temp / bucket_file(name, bucket)
    write_parquet(pa.table(columns), path, coded=coded)
    return StoredFile(digest_file(path), rows.num_rows)


def _days(rows: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = [
        rows[clock].cast(pa.int64()).drop_null().to_numpy() // DAY_US
        for clock in ("occurred_at", "started_at", "ended_at")
        if clock in rows.column_names
    ]
    return np.concatenate([np.array([], dtype=np.int64), *found])


def _copy_contacts(history: History, info: TableInfo, temp: Path) -> None:
    for bucket in range(len(info.contact_files)):
        path = temp / bucket_file(CONTACTS, bucket)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes((history.folder / bucket_file(CONTACTS, bucket)).read_bytes())
