"""Arrow columns from numpy arrays: ids, codes, instants, money."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.simulation.clock import Floats, Ints

__all__ = [
    "INSTANT",
    "MONEY",
    "customer_ids",
    "instants",
    "money",
    "numbered",
    "numbers",
    "strings",
    "text",
    "to_cents",
]

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 2)


def numbers(values: npt.NDArray[np.generic], *, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return a column over the memory of a numpy array."""
    # Built from buffers: pyarrow's own conversion would import pandas first, which takes longer than the rest.
    valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def strings(values: Sequence[str]) -> pa.Array:
    """Return a short column of texts."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def text(codes: npt.NDArray[np.integer], values: Sequence[str] | pa.Array) -> pa.Array:
    """Return one text per code; a negative code is missing."""
    choices = values if isinstance(values, pa.Array) else strings(values)
    missing = codes < 0
    return choices.take(numbers(codes, missing=missing if missing.any() else None))


def numbered(prefix: str, values: Ints, *, n_digits: int) -> pa.Array:
    """Return text ids such as ``C0000001``."""
    n = len(values)
    width = len(prefix) + n_digits
    letters = np.empty((n, width), dtype=np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    rest = values.copy()
    for place in range(width - 1, len(prefix) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, place] = digit + ord("0")
    ends = np.arange(n + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(n, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(letters))


def customer_ids(first: int, n: int) -> pa.Array:
    """Return the ids of ``n`` customers in a row; the first of all has the number 1."""
    return numbered("C", np.arange(first, first + n, dtype=np.int64), n_digits=7)


def instants(us: Ints, *, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return microseconds since the epoch as UTC timestamps."""
    return numbers(us.astype(np.int64, copy=False), missing=missing).view(INSTANT)


def to_cents(amount: Floats) -> Ints:
    """Round amounts of money to whole cents, at least one."""
    return np.maximum(np.rint(amount * 100), 1).astype(np.int64)


def money(cents: Ints) -> pa.Array:
    """Return whole cents as ``decimal(18, 2)`` without a detour over floating point."""
    # A 128-bit little-endian integer: the low half is the number, the high half its sign.
    halves = np.empty((len(cents), 2), dtype=np.int64)
    halves[:, 0], halves[:, 1] = cents, cents >> 63
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(halves)])
