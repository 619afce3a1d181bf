"""Parquet files that grow chunk by chunk, written while the next chunk is being simulated."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.parquet import PARQUET_OPTIONS

__all__ = ["Delivery"]

_GROUP_ROWS = 131_072


class _GrowingFile:
    """One Parquet file; rows wait until they fill a row group, so that many chunks do not make many groups."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_rows = 0
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._n_waiting += table.num_rows
        self.n_rows += table.num_rows
        if self._n_waiting >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            # Personal data: readable by the owner only, from the first byte on.
            self.path.touch(mode=0o600)
            self._writer = pq.ParquetWriter(self.path, table.schema, **PARQUET_OPTIONS)
        self._writer.write_table(table, row_group_size=_GROUP_ROWS)
        self._waiting, self._n_waiting = [], 0

    def close(self) -> None:
        try:
            if self._waiting:
                self._flush()
        finally:
            if self._writer is not None:
                self._writer.close()


class Delivery:
    """Several growing Parquet files behind one writing thread; at most one chunk waits, so memory is bounded.

    Parameters
    ----------
    paths : mapping of str to Path
        Where each table goes.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._files = {name: _GrowingFile(path) for name, path in paths.items()}
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._running: Future[None] | None = None

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait()
        finally:
            self._thread.shutdown()
            for file in self._files.values():
                file.close()

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Append one table to each file; an error of the previous chunk's writing is raised here.

        Raises
        ------
        OSError
            If the disk is full or a file cannot be written.
        """
        self._wait()
        self._running = self._thread.submit(self._append, tables)

    def n_rows(self) -> dict[str, int]:
        """Return the rows per table, complete once the delivery is closed."""
        return {name: file.n_rows for name, file in self._files.items()}

    def _append(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            self._files[name].add(table)

    def _wait(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            running.result()
