"""Folders of one Parquet file per bucket: how spine, features and labels lie on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from churnml.engines.local import map_buckets
from churnml.parquet import read_parquet, write_parquet, write_parquet_parts

__all__ = ["bucket_path", "observed_at", "read_buckets", "sort_by_date", "write_buckets"]


def bucket_path(folder: Path, bucket: int) -> Path:
    """Return the file of a bucket."""
    return folder / f"bucket-{bucket:04d}.parquet"


def observed_at(table: pa.Table, instant: int) -> pa.Table:
    """Return the rows of one observation date, microseconds since the epoch."""
    return table.filter(pc.equal(table["observation_date"].cast(pa.int64()), instant))


def write_buckets(
    make: Callable[[int], pa.Table | Iterator[pa.Table]], folder: Path, *, n_buckets: int, threads: int
) -> int:
    """Make and write the table of each bucket.

    Parameters
    ----------
    make : callable
        Takes a bucket number and returns its table, or yields it in pieces.
    folder : Path
        Existing folder.
    n_buckets, threads : int

    Returns
    -------
    int
        Rows in all buckets.
    """

    def one(bucket: int) -> int:
        table = make(bucket)
        if not isinstance(table, pa.Table):
            return write_parquet_parts(table, bucket_path(folder, bucket))
        write_parquet(table, bucket_path(folder, bucket), coded=["customer_id"])
        return int(table.num_rows)

    return sum(map_buckets(one, n_buckets=n_buckets, threads=threads))


def read_buckets(folder: Path, *, keep: Callable[[int, pa.Table], pa.Table] | None = None) -> pa.Table:
    """Return all buckets as one table, dictionaries unified.

    Parameters
    ----------
    folder : Path
    keep : callable, optional
        Takes a bucket's number and table and returns the rows wanted.
    """
    tables = []
    for number, path in enumerate(sorted(folder.glob("bucket-*.parquet"))):
        table = read_parquet(path)
        tables.append(table if keep is None else keep(number, table))
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def sort_by_date(table: pa.Table) -> pa.Table:
    """Return rows in the one order models see: by observation date, then customer."""
    order = pc.sort_indices(table, sort_keys=[("observation_date", "ascending"), ("customer_id", "ascending")])
    return table.take(order).combine_chunks()
