"""Sorted rows that wait in private files, and their merge into one order with few of them in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["SortedFile", "merged"]

_STORED_ROWS = 1_024
_HELD_ROWS = 262_144


class SortedFile:
    """Rows sorted by their first column, a text that no two rows share; written once, then read from the begin.

    Parameters
    ----------
    path : Path
        File to create (mode 0600) in a private folder, whose owner removes it.
    schema : pyarrow.Schema
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._path, self.n_rows = path, 0
        self._file = pa.OSFile(str(path), "wb")
        self._stream = pa.ipc.new_stream(self._file, schema)

    def add(self, table: pa.Table) -> None:
        """Append rows, which come after all added before."""
        self._stream.write_table(table, max_chunksize=_STORED_ROWS)
        self.n_rows += table.num_rows

    def close(self) -> None:
        """End the writing."""
        self._stream.close()
        self._file.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, some at a time."""
        with pa.OSFile(str(self._path), "rb") as file, pa.ipc.open_stream(file) as stream:
            yield from stream

    def column(self, name: str) -> Iterator[npt.NDArray[np.float64]]:
        """Yield a column of numbers, missing as NaN."""
        for batch in self.batches():
            yield pc.fill_null(batch[name], np.nan).to_numpy(zero_copy_only=False)


class _Head:
    """The rows of a file that are in memory."""

    def __init__(self, file: SortedFile, n_rows: int) -> None:
        self._batches, self._n_rows = file.batches(), n_rows
        self.rows: pa.Table | None = None
        self.is_last = False
        self.fill()

    def fill(self) -> None:
        """Read on where nothing is left."""
        if self.is_last or (self.rows is not None and self.rows.num_rows):
            return
        found: list[pa.RecordBatch] = []
        while sum(batch.num_rows for batch in found) < self._n_rows:
            batch = next(self._batches, None)
            if batch is None:
                self.is_last = True
                break
            found.append(batch)
        self.rows = pa.Table.from_batches(found).combine_chunks() if found else None

    @property
    def last(self) -> str | None:
        """Return the id up to which every row of the file is known; None = there are no others."""
        return None if self.is_last or self.rows is None else self.rows[0][-1].as_py()

    def taken(self, edge: str | None) -> pa.Table | None:
        """Return the rows up to an id, and forget them."""
        rows = self.rows
        if rows is None or not rows.num_rows:
            return None
        n = rows.num_rows if edge is None else pc.sum(pc.less_equal(rows[0], edge)).as_py()
        self.rows = rows.slice(n)
        return rows.slice(0, n)


def merged(files: Sequence[SortedFile]) -> Iterator[pa.Table]:
    """Yield the rows of all files in the order of their first column; texts ascend by their bytes in UTF-8.

    At any time about 262,144 rows are held, or 1,024 of each file where there are many files.
    """
    heads = [_Head(file, max(_STORED_ROWS, _HELD_ROWS // len(files))) for file in files if file.n_rows]
    while heads:
        # Python compares texts by code points, which is the order of their bytes too.
        edge = min((head.last for head in heads if head.last is not None), default=None)
        parts = [part for part in (head.taken(edge) for head in heads) if part is not None]
        table = pa.concat_tables(parts)
        yield table.take(pc.sort_indices(table[0])).combine_chunks()
        for head in heads:
            head.fill()
        heads = [head for head in heads if head.rows is not None and head.rows.num_rows]
