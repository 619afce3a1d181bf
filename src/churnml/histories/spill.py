"""Rows on their way to their bucket: kept in memory up to a limit, then appended, encrypted, to a file a bucket."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.sealing import Seal
from churnml.histories.sorting import by_code

__all__ = ["BucketSpill", "as_stream"]

_LIMIT_BYTES = 96 << 20


class BucketSpill:
    """Collects rows by bucket with bounded memory.

    Parameters
    ----------
    folder : Path
        Private folder inside the workspace; its owner removes it.
    n_buckets : int
    limit_bytes : int
        Rows are moved to files (mode 0600) once they take more than this, encrypted with a key of this process alone.
    """

    def __init__(self, folder: Path, *, n_buckets: int, limit_bytes: int = _LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._held: list[list[pa.RecordBatch]] = [[] for _ in range(n_buckets)]
        self._held_bytes = 0
        self._streams: dict[int, BinaryIO] = {}
        self._seal: Seal | None = None

    def add(self, batch: pa.RecordBatch, bucket: npt.NDArray[np.integer] | None) -> None:
        """Add rows; ``bucket`` names the bucket of each, None puts all into the first."""
        if bucket is None or len(self._held) == 1:
            self._held[0].append(batch)
        else:
            order, edges = by_code(bucket, len(self._held))
            batch = batch.take(pa.array(order))
            for number, (low, high) in enumerate(pairwise(edges.tolist())):
                if high > low:
                    self._held[number].append(batch.slice(low, high - low))
        self._held_bytes += batch.nbytes
        if self._held_bytes > self._limit_bytes:
            self._flush()

    def take(self, bucket: int) -> pa.Table | None:
        """Return all rows of a bucket, or None where it has none, and forget them."""
        parts = [*self._stored(bucket), *self._held[bucket]]
        self._held[bucket] = []
        return pa.Table.from_batches(parts) if parts else None

    def close(self) -> None:
        """Close what is still open; the files stay for the folder's owner to remove."""
        for bucket in list(self._streams):
            self._streams.pop(bucket).close()

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:04d}.arrow"

    def _flush(self) -> None:
        for bucket, batches in enumerate(self._held):
            if batches:
                self._store(bucket, batches)
            self._held[bucket] = []
        self._held_bytes = 0

    def _store(self, bucket: int, batches: list[pa.RecordBatch]) -> None:
        """Append rows to the file of their bucket."""
        if self._seal is None:
            self._seal = Seal()
        if bucket not in self._streams:
            descriptor = os.open(self._path(bucket), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            self._streams[bucket] = os.fdopen(descriptor, "w+b")
        self._seal.append(as_stream(batches), self._streams[bucket])

    def _stored(self, bucket: int) -> list[pa.RecordBatch]:
        """Return what lies in the file of a bucket, and remove it."""
        if self._seal is None or bucket not in self._streams:
            return []
        batches: list[pa.RecordBatch] = []
        with self._streams.pop(bucket) as stream:
            stream.seek(0)
            for piece in self._seal.pieces(stream):
                with pa.ipc.open_stream(piece) as source:
                    batches += source
        self._path(bucket).unlink()
        return batches


def as_stream(batches: Sequence[pa.RecordBatch]) -> memoryview:
    """Return the bytes of some batches of one schema."""
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, batches[0].schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
        return memoryview(sink.getvalue()).cast("B")
