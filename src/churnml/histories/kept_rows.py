"""Rows by bucket in one private file that outlives the run: read again only where its bytes are what was written."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.histories.spill import BucketSpill, as_stream

__all__ = ["KeptRows"]

_READ_BYTES = 4 << 20


class KeptRows(BucketSpill):
    """A spill whose rows are appended to one file and stay there, so that the next run may begin behind them.

    The file is not synced: nobody takes a byte of it on trust. What lies behind the last mark is overwritten.

    Parameters
    ----------
    path : Path
        Made with mode 0600 where it is not there; its folder exists.
    n_buckets : int
    options
        As for :class:`BucketSpill`.

    Raises
    ------
    BlockingIOError
        If another run uses the file.
    """

    def __init__(self, path: Path, *, n_buckets: int, **options: int) -> None:
        super().__init__(path.parent, n_buckets=n_buckets, **options)
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        self._hash: Any = hashlib.sha256()
        self._end = 0
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(n_buckets)]
        self._new: list[tuple[int, int, int]] = []

    def good_until(self, marks: Sequence[tuple[int, str]]) -> list[Any]:
        """Read the file up to the marks and return the hash up to each that it is good for.

        Parameters
        ----------
        marks : sequence of (end, digest)
            As :meth:`mark` gave them, ascending.
        """
        hashed, at = hashlib.sha256(), 0
        good: list[Any] = []
        for end, digest in marks:
            while at < end:
                data = os.pread(self._file, min(_READ_BYTES, end - at), at)
                if not data:
                    return good
                hashed.update(data)
                at += len(data)
            if hashed.hexdigest() != digest:
                return good
            good.append(hashed.copy())
        return good

    def resume(self, hashed: Any, end: int, chunks: Sequence[tuple[int, int, int]]) -> None:
        """Begin behind a mark.

        Parameters
        ----------
        hashed
            What :meth:`good_until` returned for it.
        end : int
        chunks : sequence of (bucket, begin, length)
            Those of all marks up to it.
        """
        self._hash, self._end = hashed, end
        for bucket, begin, length in chunks:
            self._places[bucket].append((begin, length))

    def mark(self) -> tuple[int, str, list[tuple[int, int, int]]]:
        """Write what is held; returns where the file ends, its SHA-256 so far, and the chunks since the last mark."""
        self._flush()
        chunks, self._new = self._new, []
        return self._end, self._hash.hexdigest(), chunks

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in the file, a bucket after the other."""
        for bucket in range(len(self._places)):
            yield from self._stored(bucket)

    def trim(self) -> None:
        """Cut off what an interrupted run left behind the last mark."""
        os.ftruncate(self._file, self._end)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _store(self, bucket: int, batches: list[pa.RecordBatch]) -> None:
        data = as_stream(batches)
        self._hash.update(data)
        begin = self._end
        while data:
            written = os.pwrite(self._file, data, self._end)
            self._end += written
            data = data[written:]
        self._places[bucket].append((begin, self._end - begin))
        self._new.append((bucket, begin, self._end - begin))

    def _stored(self, bucket: int) -> list[pa.RecordBatch]:
        batches: list[pa.RecordBatch] = []
        for begin, length in self._places[bucket]:
            with pa.ipc.open_stream(os.pread(self._file, length, begin)) as source:
                batches += source
        return batches
