"""Rows on their way to their bucket: kept in memory up to a limit, then in private files."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["BucketSpill"]

_LIMIT_BYTES = 256 << 20


class BucketSpill:
    """Collects rows by bucket with bounded memory.

    Parameters
    ----------
    folder : Path
        Private folder inside the workspace; its owner removes it.
    n_buckets : int
    limit_bytes : int
        Rows are moved to files (mode 0600) once they take more than this.
    """

    def __init__(self, folder: Path, *, n_buckets: int, limit_bytes: int = _LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._held: list[list[pa.RecordBatch]] = [[] for _ in range(n_buckets)]
        self._held_bytes = 0
        self._n_parts = [0] * n_buckets

    def add(self, batch: pa.RecordBatch, bucket: npt.NDArray[np.int64] | None) -> None:
        """Add rows; ``bucket`` names the bucket of each, None puts all into the first."""
        if bucket is None or len(self._held) == 1:
            self._held[0].append(batch)
        else:
            order = np.argsort(bucket, kind="stable")
            batch = batch.take(pa.array(order))
            edges = np.searchsorted(bucket[order], np.arange(len(self._held) + 1))
            for number, (low, high) in enumerate(pairwise(edges)):
                if high > low:
                    self._held[number].append(batch.slice(low, high - low))
        self._held_bytes += batch.nbytes
        if self._held_bytes > self._limit_bytes:
            self._flush()

    def take(self, bucket: int) -> pa.Table | None:
        """Return all rows of a bucket, or None where it has none, and forget them."""
        parts = []
        for part in range(self._n_parts[bucket]):
            with pa.OSFile(str(self._path(bucket, part))) as stream, pa.ipc.open_file(stream) as source:
                parts.append(source.read_all())
            self._path(bucket, part).unlink()
        if self._held[bucket]:
            parts.append(pa.Table.from_batches(self._held[bucket]))
            self._held[bucket] = []
        return pa.concat_tables(parts) if parts else None

    def _path(self, bucket: int, part: int) -> Path:
        return self._folder / f"{bucket:04d}-{part:05d}.arrow"

    def _flush(self) -> None:
        for bucket, batches in enumerate(self._held):
            if not batches:
                continue
            path = self._path(bucket, self._n_parts[bucket])
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, batches[0].schema) as sink:
                for batch in batches:
                    sink.write_batch(batch)
            self._n_parts[bucket] += 1
            self._held[bucket] = []
        self._held_bytes = 0
