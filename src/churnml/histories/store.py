"""Prepared histories as the stages open them: whole customers by bucket, sorted by (customer, time)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import TimeContractError
from churnml.storage import read_json, read_parquet
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["History", "TableInfo", "check_reaches_as_of", "open_history"]


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
    """

    folder: Path
    as_of: int
    n_buckets: int
    tables: Mapping[str, TableInfo]

    def read(self, table: str, bucket: int) -> pa.Table:
        """Return one bucket of a table, sorted by (customer, time); a calendar has only bucket 0."""
        return read_parquet(self.folder / table / f"bucket-{bucket:04d}.parquet")

    def of_kind(self, kind: str) -> list[TableInfo]:
        """Return the tables of a kind, by name."""
        return [info for info in self.tables.values() if info.kind == kind]

    def contacts(self) -> pa.Table | None:
        """Return contact data and consent of all customers, or None where the contract declares none."""
        paths = sorted((self.folder / "_contacts").glob("bucket-*.parquet"))
        return pa.concat_tables([read_parquet(path) for path in paths]) if paths else None

    @property
    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each source file."""
        return {info.file: info.source_digest for info in self.tables.values()}


def open_history(folder: Path) -> History:
    """Open what :func:`churnml.histories.prepare.prepare` wrote.

    Raises
    ------
    DataError
        If the folder is incomplete or damaged.
    """
    manifest = read_json(folder / "manifest.json")
    tables = {name: _table_info(name, entry) for name, entry in manifest["tables"].items()}
    return History(folder, manifest["as_of_us"], manifest["n_buckets"], tables)


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
    )


def check_reaches_as_of(history: History, *, table: str) -> None:
    """Refuse an ``as_of`` that lies beyond the data: silence there would be taken for churn.

    The table may end before ``as_of`` by the longest pause it ever made, plus one day.

    Raises
    ------
    TimeContractError
        If the pause before ``as_of`` is longer.
    """
    info = history.tables[table]
    # Sentinel dates long before the history would make every pause look usual.
    pauses = np.diff(info.day[info.day * DAY_US >= info.first_us])
    longest_days = int(pauses.max()) if len(pauses) else 1
    pause_days = history.as_of // DAY_US - int(info.day[-1])
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
