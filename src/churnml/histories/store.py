"""Prepared histories as the stages open them: whole customers by bucket, sorted by (customer, time).

Each file is read once, its SHA-256 compared with the manifest's, and what is parsed are those same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from churnml.errors import TimeContractError
from churnml.parquet import open_parquet, read_verified
from churnml.storage import read_sealed_json
from churnml.timeline import DAY_US, us_to_iso

if TYPE_CHECKING:
    from churnml.histories.identities import Names

__all__ = [
    "CONTACTS",
    "History",
    "StoredFile",
    "TableInfo",
    "as_text",
    "bucket_file",
    "check_reaches_as_of",
    "open_history",
]

CONTACTS = "_contacts"
"""Folder of contact data and consent: for lists, never for features."""


def bucket_file(folder: str, bucket: int) -> str:
    """Return the name of a bucket's file inside the store."""
    return f"{folder}/bucket-{bucket:04d}.parquet"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the manifest says of one file: its SHA-256 and how many rows it holds."""

    digest: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What the manifest says of one prepared table."""

    name: str
    kind: str
    file: str
    n_rows: int
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    has_amount: bool
    columns: tuple[str, ...]
    source_digest: str
    day: npt.NDArray[np.int64]
    rows_per_day: npt.NDArray[np.int64]
    files: tuple[StoredFile, ...] = ()
    contact_files: tuple[StoredFile, ...] = ()
    latency_us: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    id_columns: tuple[str, ...] = ()

    @property
    def first_us(self) -> int:
        """Return the day by which one row in a thousand lies: the start of the history, sentinel dates apart."""
        seen = np.cumsum(self.rows_per_day)
        return int(self.day[np.searchsorted(seen, seen[-1] / 1000)]) * DAY_US

    @property
    def last_day_us(self) -> int:
        """Return the first instant of the last day with rows."""
        return int(self.day[-1]) * DAY_US


@dataclass(frozen=True, slots=True)
class History:
    """Prepared histories of a project.

    Parameters
    ----------
    folder : Path
    as_of : int
        Microseconds, UTC; no row happened or became known later.
    n_buckets : int
    tables : mapping of str to TableInfo
    holes : tuple of (table, from_us, to_us)
        Stretches ``[from_us, to_us)`` that lack their rows, known and borne: silence in them says nothing.
    key_id : str or None
        Name of the key whose pseudonyms stand in the place of ids; None = ids stand as delivered.
    names : Names, optional
        Whose the pseudonyms are: with it every id that is read is as delivered.
    """

    folder: Path
    as_of: int
    n_buckets: int
    tables: Mapping[str, TableInfo]
    holes: tuple[tuple[str, int, int], ...] = ()
    key_id: str | None = None
    names: Names | None = None

    def open(self, table: str, bucket: int) -> pq.ParquetFile:
        """Open one bucket of a table, digest verified; a calendar has only bucket 0.

        Raises
        ------
        DataError
            If the file is absent, cut, altered or another one.
        """
        return self._open(table, bucket, self.tables[table].files[bucket])

    def _open(self, folder: str, bucket: int, stored: StoredFile) -> pq.ParquetFile:
        name = bucket_file(folder, bucket)
        return open_parquet(read_verified(self.folder / name, name=name, digest=stored.digest), name=name)

    def read(self, name: str, bucket: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one bucket of a table, texts as text, sorted by (customer as stored, time).

        Parameters
        ----------
        name : str
        bucket : int
        columns : sequence of str, optional
            None = all.
        """
        with self.open(name, bucket) as source:
            table = as_text(source.read(columns=None if columns is None else list(columns), use_threads=False))
        return self.named(table, bucket, self.tables[name].id_columns)

    def of_kind(self, kind: str) -> list[TableInfo]:
        """Return the tables of a kind, by name."""
        return [info for info in self.tables.values() if info.kind == kind]

    def contacts(self, bucket: int | None = None) -> pa.Table | None:
        """Return contact data and consent of all customers, or of one bucket's; None where the contract has none."""
        parts, wanted = [], bucket
        for info in self.of_kind("customers"):
            for bucket, stored in enumerate(info.contact_files):
                if wanted is not None and bucket != wanted:
                    continue
                with self._open(CONTACTS, bucket, stored) as source:
                    parts.append(self.named(source.read(use_threads=False), bucket, info.id_columns))
        return pa.concat_tables(parts) if parts else None

    def named(self, table: pa.Table, bucket: int, columns: Sequence[str] = ("customer_id",)) -> pa.Table:
        """Return rows of a bucket with ids as delivered, where it is known whose the pseudonyms are.

        Parameters
        ----------
        table : pyarrow.Table
        bucket : int
        columns : sequence of str, optional
            Those with pseudonyms, as far as they are there.
        """
        if self.names is None:
            return table
        for name in columns:
            if name in table.column_names:
                ids = self.names.delivered(table[name].cast(pa.string()), bucket)
                table = table.set_column(table.column_names.index(name), name, ids)
        return table

    def stored_id(self, customer: str) -> str:
        """Return what stands in the files in the place of an id as :meth:`read` returns it."""
        return customer if self.names is None else self.names.stored(customer) or customer

    @property
    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of what was read of each table."""
        return {info.name: info.source_digest for info in self.tables.values()}


def open_history(folder: Path) -> History:
    """Open what :func:`churnml.histories.prepare.prepare` wrote.

    Raises
    ------
    DataError
        If the folder is incomplete or damaged.
    """
    manifest = read_sealed_json(folder / "manifest.json")
    tables = {name: _table_info(name, entry) for name, entry in manifest["tables"].items()}
    holes = tuple((hole["table"], hole["from_us"], hole["to_us"]) for hole in manifest["holes"])
    return History(folder, manifest["as_of_us"], manifest["n_buckets"], tables, holes, manifest.get("pseudonyms"))


def _table_info(name: str, entry: Mapping[str, Any]) -> TableInfo:
    days = np.array(entry["days"], dtype=np.int64).reshape(-1, 2)
    return TableInfo(
        name=name,
        kind=entry["kind"],
        file=entry["file"],
        n_rows=entry["n_rows"],
        numbers=tuple(entry["numbers"]),
        categories=tuple(entry["categories"]),
        has_amount=entry["has_amount"],
        columns=tuple(entry["columns"]),
        source_digest=entry["source_digest"],
        day=days[:, 0],
        rows_per_day=days[:, 1],
        files=_files(entry["files"]),
        contact_files=_files(entry["contact_files"]),
        latency_us=entry["latency_us"],
        sources={part["file"]: part["sha256"] for part in entry["parts"]},
        id_columns=tuple(entry.get("id_columns", ())),
    )


def _files(entries: Sequence[Mapping[str, Any]]) -> tuple[StoredFile, ...]:
    return tuple(StoredFile(entry["sha256"], entry["rows"]) for entry in entries)


def as_text(table: pa.Table) -> pa.Table:
    """Return a table with its coded columns as plain text."""
    for position, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(position, column.name, table.column(position).cast(pa.string()))
    return table


def check_reaches_as_of(history: History, *, table: str) -> None:
    """Refuse an ``as_of`` that lies beyond the data: silence there would be taken for churn.

    The table may end before ``as_of`` by the longest pause it ever made and the time its rows take to become known,
    plus one day.

    Raises
    ------
    TimeContractError
        If the pause before ``as_of`` is longer.
    """
    info = history.tables[table]
    # Sentinel dates long before the history would make every pause look usual.
    pauses = np.diff(info.day[info.day * DAY_US >= info.first_us])
    longest_days = int(pauses.max()) if len(pauses) else 1
    pause_days = (history.as_of - info.latency_us) // DAY_US - int(info.day[-1])
    if pause_days > longest_days + 1:
        raise TimeContractError(
            f"the last row is {pause_days:,} days before histories.as_of ({us_to_iso(history.as_of)}); the longest "
            f"pause in the table is {longest_days:,} days, so this silence cannot be told from missing data",
            rule="time.as_of_after_data",
            file=info.file,
            column="histories.as_of",
            count=pause_days,
            next_step=f"Set histories.as_of to {us_to_iso(info.last_day_us + DAY_US)}, or deliver the missing rows.",
        )
