"""Stable 64-bit hashes of Arrow columns: which bucket a customer falls into, which rows are the same."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["bucket_of", "hash_column", "hash_rows"]

UInt64s = npt.NDArray[np.uint64]

_NULL = np.uint64(0x9E3779B97F4A7C15)
_MIXED_NULL = np.uint64(0xE220A8397B1DCDAF)


@numba.njit(cache=True, nogil=True)
def _mix(values: UInt64s) -> None:
    """Spread 64 bits in place: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    for i in range(values.shape[0]):
        z = (values[i] ^ (values[i] >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        values[i] = z ^ (z >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _fnv1a(offsets: npt.NDArray[np.integer], data: npt.NDArray[np.uint8], out: UInt64s) -> None:
    """FNV-1a of each string (Fowler, Noll, Vo)."""
    for i in range(offsets.shape[0] - 1):
        h = np.uint64(0xCBF29CE484222325)
        for k in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
        out[i] = h


@numba.njit(cache=True, nogil=True)
def _add_column(total: UInt64s, hashes: UInt64s, name: np.uint64) -> None:
    """Add a column to the hash of each row: in any order of columns, and a missing value like a missing column."""
    for i in range(total.shape[0]):
        if hashes[i] != _MIXED_NULL:
            z = ((hashes[i] ^ name) + _NULL) * np.uint64(0xBF58476D1CE4E5B9)  # a value may be its column's name
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            total[i] += z ^ (z >> np.uint64(31))


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
        return _hash_coded(column)
    out = np.empty(len(column), dtype=np.uint64)
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_temporal(column.type):
        out[:] = _fixed_width(column)
    else:
        text = column if pa.types.is_string(column.type) else _as_text(column)
        width = np.int32 if pa.types.is_string(text.type) else np.int64
        _, places, data = text.buffers()
        offsets = np.frombuffer(places, dtype=width)[text.offset : text.offset + len(text) + 1] if len(text) else None
        if offsets is not None:
            _fnv1a(offsets, np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, np.uint8), out)
    if column.null_count:
        out[pc.is_null(column).to_numpy(zero_copy_only=False)] = _NULL
    _mix(out)
    return out


def _hash_coded(column: pa.DictionaryArray) -> UInt64s:
    """Hash each value of the vocabulary once."""
    vocabulary = np.append(hash_column(column.dictionary), _MIXED_NULL)
    hashes: UInt64s = vocabulary[pc.fill_null(column.indices.cast(pa.int64()), len(vocabulary) - 1).to_numpy()]
    return hashes


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


def hash_rows(batch: pa.RecordBatch) -> UInt64s:
    """Return one hash per row over all columns by their names, in whatever order they stand."""
    total = np.zeros(batch.num_rows, dtype=np.uint64)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        _add_column(total, hash_column(column), hash_column(pa.array([name], pa.string()))[0])
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
