"""Stable 64-bit hashes of Arrow columns: which bucket a customer falls into, which rows are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["bucket_of", "hash_column", "hash_rows"]

UInt64s = npt.NDArray[np.uint64]

_NULL = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(cache=True, nogil=True)
def _fnv1a(offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8], out: UInt64s) -> None:
    """FNV-1a of each string (Fowler, Noll, Vo), finished by the mixer of SplitMix64."""
    for i in range(offsets.shape[0] - 1):
        h = np.uint64(0xCBF29CE484222325)
        for k in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
        out[i] = h


def _mix(values: UInt64s) -> UInt64s:
    """Spread 64 bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        z = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: UInt64s = z ^ (z >> np.uint64(31))
    return mixed


def hash_column(column: pa.Array) -> UInt64s:
    """Return a hash of each value, the same on every machine; missing values share one.

    Parameters
    ----------
    column : pyarrow.Array, shape (n,)

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    out = np.empty(len(column), dtype=np.uint64)
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_temporal(column.type):
        out[:] = _fixed_width(column)
    else:
        text = _as_text(column)
        offsets = np.frombuffer(text.buffers()[1], dtype=np.int64)[text.offset : text.offset + len(text) + 1]
        data = text.buffers()[2]
        _fnv1a(offsets, np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, np.uint8), out)
    if column.null_count:
        out[pc.is_null(column).to_numpy(zero_copy_only=False)] = _NULL
    return _mix(out)


def _as_text(column: pa.Array) -> pa.Array:
    """Return values as text; what has no text of its own (lists, records, bytes) by its written form."""
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.array([repr(value) for value in column.to_pylist()], pa.large_string())
    try:
        return column.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([repr(value) for value in column.to_pylist()], pa.large_string())


def _fixed_width(column: pa.Array) -> UInt64s:
    width = column.type.bit_width
    plain = column.view(pa.int64() if width == 64 else pa.int32()) if pa.types.is_temporal(column.type) else column
    values = plain.fill_null(0).to_numpy(zero_copy_only=False)
    wide = values.astype(np.float64 if values.dtype.kind == "f" else np.int64) + 0
    bits: UInt64s = wide.view(np.uint64)
    return bits


def hash_rows(columns: Sequence[pa.Array]) -> UInt64s:
    """Return one hash per row over all columns, in their order."""
    total = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        with np.errstate(over="ignore"):
            total = _mix(total * np.uint64(31) + hash_column(column))
    return total


def bucket_of(ids: pa.Array, *, n_buckets: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each customer id; all rows of a customer share one.

    Parameters
    ----------
    ids : pyarrow.StringArray, shape (n,)
    n_buckets : int
        Power of two.
    """
    return (hash_column(ids) & np.uint64(n_buckets - 1)).astype(np.int64)
