"""Whether a file holds a person: looked for in what it says, whatever it is packed in."""

from __future__ import annotations

import gzip
import mmap
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churnml.forgetting.traces import Traces
from churnml.histories.cells import plain, text_cells

__all__ = ["holds", "id_columns", "perhaps_holds"]

_PIECE = 16 << 20
_OVERLAP = 4 << 10
"""Longer than any word that is looked for: one that stands across two pieces is found in the second."""
_BATCH_ROWS = 1 << 16


def holds(path: Path, traces: Traces, *, columns: Sequence[str] = ()) -> bool:
    """Return whether a file surely holds one of some persons.

    Parquet is read, archives and compressed files are unpacked; of what cannot be read the bytes are looked at.

    Parameters
    ----------
    path : Path
    traces : Traces
    columns : sequence of str, optional
        Columns of a Parquet file with the customer's id; empty = every one that may be.
    """
    return _holds(path, traces, columns, is_sure=True)


def perhaps_holds(path: Path, traces: Traces) -> bool:
    """Return the same, also where an id may stand by chance: for what is made again anyway."""
    return _holds(path, traces, (), is_sure=False)


def _holds(path: Path, traces: Traces, columns: Sequence[str], *, is_sure: bool) -> bool:
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        try:
            if head == b"PAR1":
                return _in_parquet(path, traces, columns)
            if head == b"PK\x03\x04":
                return _in_archive(stream, traces, is_sure=is_sure)
            if head[:2] == b"\x1f\x8b":
                return _in_stream(gzip.open(stream), traces, is_sure=is_sure)
        except (pa.ArrowException, zipfile.BadZipFile, EOFError, OSError, zlib.error, NotImplementedError):
            pass  # damaged, or locked by a password: the bytes are all there is
        return _in_file(stream, traces, is_sure=is_sure)


def _in_file(stream: BinaryIO, traces: Traces, *, is_sure: bool) -> bool:
    if not os.fstat(stream.fileno()).st_size:
        return False
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return traces.in_bytes(data) if is_sure else traces.perhaps_in_bytes(data)


def _in_stream(stream: gzip.GzipFile | IO[bytes], traces: Traces, *, is_sure: bool) -> bool:
    tail = b""
    while piece := stream.read(_PIECE):
        data = tail + piece
        if traces.in_bytes(data) if is_sure else traces.perhaps_in_bytes(data):
            return True
        tail = data[-_OVERLAP:]
    return False


def _in_archive(stream: BinaryIO, traces: Traces, *, is_sure: bool) -> bool:
    with zipfile.ZipFile(stream) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                if traces.in_text(name) or _in_stream(member, traces, is_sure=is_sure):
                    return True
    return False


def _in_parquet(path: Path, traces: Traces, columns: Sequence[str]) -> bool:
    with pq.ParquetFile(path) as source:
        notes = source.metadata.metadata or {}
        if any(traces.in_bytes(text) for note in notes.items() for text in note):
            return True
        named = [name for name in columns if name in source.schema_arrow.names]
        columns = named or list(id_columns(source.schema_arrow))
        texts = [name for name in _texts(source.schema_arrow) if name not in columns]
        ids = pa.array(sorted(traces.ids), pa.string())
        for batch in source.iter_batches(batch_size=_BATCH_ROWS, columns=[*columns, *texts]):
            for name in columns:
                if pc.any(pc.is_in(text_cells(plain(batch[name]), ("",)), value_set=ids)).as_py():
                    return True
            for column in batch.columns:
                if _is_text(plain(column).type) and traces.in_text("\n".join(_values(column))):
                    return True
    return False


def _values(column: pa.Array) -> Iterator[str]:
    return (str(value) for value in plain(column).unique().to_pylist() if value is not None)


def _texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not _is_number(field.type)]


def _is_number(kind: pa.DataType) -> bool:
    checks = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_temporal, pa.types.is_boolean)
    return any(check(kind) for check in checks)


def _is_text(kind: pa.DataType) -> bool:
    return not _is_number(kind)


def id_columns(schema: pa.Schema) -> Iterator[str]:
    """Yield the columns that may name a customer: ``customer_id``; where there is none, every text and whole number."""
    if "customer_id" in schema.names:
        yield "customer_id"
        return
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if (pa.types.is_integer(kind) and _sounds_like_an_id(field.name)) or _is_string(kind):
            yield field.name


def _is_string(kind: pa.DataType) -> bool:
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(check(kind) for check in checks)


def _sounds_like_an_id(name: str) -> bool:
    words = name.casefold().replace("-", "_").replace(" ", "_").split("_")
    return any(word in {"id", "key", "no", "number", "customer", "user", "member", "account"} for word in words) or (
        name.casefold().endswith("id")
    )
