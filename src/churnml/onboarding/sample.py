"""Rows to look at: all of a small file, pieces from everywhere in a large one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from churnml.errors import DataError
from churnml.histories.contract import CsvDialect, TableContract
from churnml.histories.readers import open_part

__all__ = ["SAMPLE_ROWS", "Sample", "batches_of", "sample_of"]

SAMPLE_ROWS = 200_000
_PIECE_ROWS = 2_000
_MOST_PIECES = 200


class Sample:
    """Rows of a file, and how many it has.

    Parameters
    ----------
    table : pyarrow.Table
        As stored; columns of a CSV file are text.
    n_rows : int
        Of the whole file.
    """

    def __init__(self, table: pa.Table, n_rows: int) -> None:
        self.table, self.n_rows = table, n_rows

    @property
    def is_whole(self) -> bool:
        """Return whether every row of the file is here."""
        return bool(self.table.num_rows == self.n_rows)


def batches_of(path: Path, dialect: CsvDialect) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a file by way of the one reader.

    Raises
    ------
    DataError
        If the file is damaged, or its header no header.
    """
    part = open_part(path, TableContract(path.name, "events", path.name, csv=replace(dialect, null_values=("",))))
    yield from part.batches()


def sample_of(path: Path, dialect: CsvDialect) -> Sample:
    """Return all rows of a file of up to 200,000, else pieces from its beginning to its end.

    Parameters
    ----------
    path : Path
    dialect : CsvDialect
        Of a CSV file; a Parquet file needs none.

    Raises
    ------
    DataError
        If the file is damaged, or has no rows.
    """
    pieces: list[pa.RecordBatch] = []
    n_rows, every = 0, 1
    for at, batch in enumerate(batches_of(path, dialect)):
        room = SAMPLE_ROWS - n_rows
        n_rows += batch.num_rows
        if room > 0:
            pieces.append(batch.slice(0, min(room, batch.num_rows)))
        elif at % every == 0:
            pieces.append(batch.slice(0, _PIECE_ROWS))
            if len(pieces) > _MOST_PIECES:
                pieces, every = [*pieces[:1], *pieces[1::2]], every * 2
    if not n_rows:
        raise DataError("has no rows", rule="data.no_rows", file=path.name, next_step="Leave the file out.")
    return Sample(pa.Table.from_batches(pieces), n_rows)
