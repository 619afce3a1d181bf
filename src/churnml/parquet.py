"""Parquet files of our own: written with checksums, whole or not at all; read back verified."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.errors import DataError, EnvironmentFault
from churnml.private_folders import refuse_shared
from churnml.storage import digest_bytes, digest_fault, new_file

__all__ = [
    "PARQUET_OPTIONS",
    "open_parquet",
    "parquet_bytes",
    "parquet_rows",
    "parquet_schema",
    "read_parquet",
    "read_parquet_batches",
    "read_parquet_groups",
    "read_verified",
    "write_parquet",
    "write_parquet_groups",
    "write_parquet_parts",
]

PARQUET_OPTIONS: dict[str, Any] = {
    "compression": "snappy",
    "use_dictionary": False,
    "write_page_checksum": True,
    "version": "2.6",
    "coerce_timestamps": "us",
    "write_batch_size": 1 << 16,
}
"""How every Parquet file of ours is written."""

_CODED_OPTIONS: dict[str, Any] = {
    "dictionary_pagesize_limit": 1 << 30,  # a vocabulary that outgrew it would be written as plain text
    "row_group_size": 1 << 26,
    "store_decimal_as_integer": True,
    "write_statistics": False,
}


def write_parquet(
    table: pa.Table, final: Path, *, row_group_size: int = 131_072, coded: Sequence[str] | None = None
) -> None:
    """Write an Arrow table as Parquet with page checksums; the same table gives the same bytes.

    Parameters
    ----------
    table : pyarrow.Table
    final : Path
    row_group_size : int
    coded : sequence of str, optional
        Text columns written as a vocabulary and codes whatever their size, the others plain and without statistics,
        in one row group: for files that are read back column by column. None = every column plain.
    """
    options = PARQUET_OPTIONS | {"row_group_size": row_group_size}
    if coded is not None:
        options |= _CODED_OPTIONS | {"use_dictionary": list(coded) or False}
    refuse_shared(final.parent)
    with new_file(final, needs=table.nbytes) as temp:
        pq.write_table(table, temp, **options)


def parquet_bytes(table: pa.Table) -> bytes:
    """Return what :func:`write_parquet` would write."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **PARQUET_OPTIONS, row_group_size=131_072)
    return bytes(sink.getvalue())


def write_parquet_parts(parts: Iterable[pa.Table], final: Path) -> int:
    """Write tables of one schema as the row groups of one Parquet file, one at a time; returns the rows written.

    Made for wide tables of numbers: text is coded, and no extremes are kept of any column.
    """
    n_rows, sink = 0, None
    refuse_shared(final.parent)
    with new_file(final) as temp:
        try:
            for part in parts:
                if sink is None:
                    texts = [field.name for field in part.schema if not pa.types.is_floating(field.type)]
                    options = PARQUET_OPTIONS | {"use_dictionary": texts, "write_statistics": False}
                    sink = pq.ParquetWriter(temp, part.schema, **options)
                sink.write_table(part, row_group_size=max(1, part.num_rows))
                n_rows += part.num_rows
        finally:
            if sink is not None:
                sink.close()
    return n_rows


def write_parquet_groups(parts: Iterable[pa.Table], final: Path, *, rows: int) -> int:
    """Write tables of any size, at least one, as a file of row groups of one size; returns the rows written.

    The bytes are those of :func:`write_parquet` for all of them together.
    """
    n_rows, held, sink = 0, [], None
    refuse_shared(final.parent)
    with new_file(final) as temp:
        try:
            for part in parts:
                sink = sink or pq.ParquetWriter(temp, part.schema, **PARQUET_OPTIONS)
                n_rows += part.num_rows
                held.append(part)
                while sum(table.num_rows for table in held) >= rows:
                    whole = pa.concat_tables(held)
                    sink.write_table(whole.slice(0, rows).combine_chunks(), row_group_size=rows)
                    held = [whole.slice(rows)]
            if sink is not None and (held[-1].num_rows or not n_rows):
                sink.write_table(pa.concat_tables(held).combine_chunks(), row_group_size=rows)
        finally:
            if sink is not None:
                sink.close()
    return n_rows


def read_parquet_batches(path: Path, *, rows: int, wanted: Collection[str]) -> Iterator[pa.Table]:
    """Yield the wanted columns of a Parquet file, as far as it has them, some rows at a time, at least once.

    Raises as :func:`read_parquet`.
    """
    with _as_damage(path.name), pq.ParquetFile(path, page_checksum_verification=True) as source:
        columns = [name for name in source.schema_arrow.names if name in wanted]
        batches = source.iter_batches(rows, columns=columns)
        if not source.metadata.num_rows:
            yield source.schema_arrow.empty_table().select(columns)
        for batch in batches:
            yield pa.Table.from_batches([batch])


def read_parquet_groups(path: Path, *, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of a Parquet file of our own, one at a time; raises as :func:`read_parquet`."""
    with _as_damage(path.name), pq.ParquetFile(path, page_checksum_verification=True) as source:
        for number in range(source.num_row_groups):
            yield source.read_row_group(number, columns=columns)


def read_parquet(path: Path, *, columns: list[str] | None = None, coded: Sequence[str] = ()) -> pa.Table:
    """Read one Parquet file of our own, checksums verified, no partition inference.

    Parameters
    ----------
    path : Path
    columns : list of str, optional
        None = all.
    coded : sequence of str
        Text columns that come as a vocabulary and codes.

    Raises
    ------
    DataError
        If the file is absent, cut or altered.
    EnvironmentFault
        If it may not be read.
    """
    options: dict[str, Any] = {"page_checksum_verification": True, "read_dictionary": list(coded)}
    with _as_damage(path.name), pq.ParquetFile(path, **options) as source:
        return source.read(columns=columns)


def parquet_rows(path: Path) -> int:
    """Return how many rows a Parquet file of our own says it holds; raises as :func:`read_parquet`."""
    with _as_damage(path.name), pq.ParquetFile(path) as source:
        return int(source.metadata.num_rows)


def parquet_schema(path: Path) -> dict[str, str]:
    """Return the type of each column of a Parquet file of our own; raises as :func:`read_parquet`."""
    with _as_damage(path.name), pq.ParquetFile(path) as source:
        return {field.name: str(field.type) for field in source.schema_arrow}


def read_verified(path: Path, *, name: str, digest: str) -> pa.Buffer:
    """Read a file whole and verify its SHA-256.

    Parameters
    ----------
    path : Path
    name : str
        How a message names the file.
    digest : str

    Raises
    ------
    DataError
        If the file is absent or has another digest.
    EnvironmentFault
        If it may not be read.
    """
    with _as_damage(name):
        data = path.read_bytes()
    if digest_bytes(data) != digest:
        raise digest_fault(name)
    return pa.py_buffer(data)


def open_parquet(data: pa.Buffer, *, name: str) -> pq.ParquetFile:
    """Open a Parquet file of our own whose verified bytes are in memory; its columns are decoded when asked for."""
    with _as_damage(name):
        return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)


@contextmanager
def _as_damage(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("file not found", rule="data.file_missing", file=name) from error
    except PermissionError as error:
        raise EnvironmentFault(
            "may not be read", rule="environment.read", file=name, next_step="Mend the permissions."
        ) from error
    except MemoryError:  # Arrow's own is an ArrowException too, and says nothing about the file
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "damaged or no Parquet file", rule="data.damaged", file=name, next_step="Deliver or make it again."
        ) from error
