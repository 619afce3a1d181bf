"""Rows by customer and time: one sort of packed keys, and only what is equal in it compared further."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["by_code", "sorted_rows"]

Int64s = npt.NDArray[np.int64]
_SMALL = 24


def sorted_rows(codes: npt.NDArray[np.integer], n_codes: int, keys: Int64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """Sort rows by a code and then by several keys.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        From 0 to ``n_codes - 1``, for example the customers' ranks.
    n_codes : int
    keys : ndarray of int64, shape (n_keys, n)
        The first orders first; rows equal in all of them may come in any order.

    Returns
    -------
    order : ndarray of int64, shape (n,)
    is_copy : ndarray of bool, shape (n,)
        Which rows of the order equal the row before them in code and keys.
    """
    first = keys[0]
    low, high = (int(first.min()), int(first.max())) if len(first) else (0, 0)
    if n_codes * (high - low + 1) >= 2**63:  # times that cannot be packed with the code: years apart, or missing
        order, starts = by_code(codes, n_codes)
        sort_within(order, starts, keys)
        return order, mark_copies(order, starts, keys)
    packed = codes.astype(np.int64) * (high - low + 1) + (first - low)
    order = np.argsort(packed)
    packed = packed[order]
    differs = packed[1:] != packed[:-1]
    if differs.all():
        return order, np.zeros(len(order), dtype=bool)
    starts = np.concatenate([[0], np.flatnonzero(differs) + 1, [len(order)]])
    sort_within(order, starts, keys)
    return order, mark_copies(order, starts, keys)


@numba.njit(cache=True, nogil=True)
def by_code(codes: npt.NDArray[np.integer], n_codes: int) -> tuple[Int64s, Int64s]:
    """Order rows by a small whole number, equal ones as they stand.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        From 0 to ``n_codes - 1``.
    n_codes : int

    Returns
    -------
    order : ndarray of int64, shape (n,)
    starts : ndarray of int64, shape (n_codes + 1,)
        Where the rows of each code begin in the order.
    """
    starts = np.zeros(n_codes + 1, dtype=np.int64)
    for i in range(codes.shape[0]):
        starts[codes[i] + 1] += 1
    for c in range(n_codes):
        starts[c + 1] += starts[c]
    places = starts[:-1].copy()
    order = np.empty(codes.shape[0], dtype=np.int64)
    for i in range(codes.shape[0]):
        order[places[codes[i]]] = i
        places[codes[i]] += 1
    return order, starts


@numba.njit(cache=True, nogil=True)
def _stands_after(a: np.int64, b: np.int64, keys: Int64s) -> bool:
    for j in range(keys.shape[0]):
        if keys[j, a] != keys[j, b]:
            return bool(keys[j, a] > keys[j, b])
    return False


@numba.njit(cache=True, nogil=True)
def sort_within(order: Int64s, starts: Int64s, keys: Int64s) -> None:
    """Sort each stretch of the order in place by all keys: short runs by insertion, then merged two by two."""
    longest = 0
    for c in range(starts.shape[0] - 1):
        longest = max(longest, starts[c + 1] - starts[c])
    spare = np.empty(longest, dtype=np.int64)
    for c in range(starts.shape[0] - 1):
        n = starts[c + 1] - starts[c]
        rows = order[starts[c] : starts[c + 1]]
        for begin in range(0, n, _SMALL):
            for i in range(begin + 1, min(begin + _SMALL, n)):
                row, k = rows[i], i
                while k > begin and _stands_after(rows[k - 1], row, keys):
                    rows[k] = rows[k - 1]
                    k -= 1
                rows[k] = row
        width = _SMALL
        while width < n:
            for begin in range(0, n, 2 * width):
                middle, end = min(begin + width, n), min(begin + 2 * width, n)
                a, b = begin, middle
                for k in range(begin, end):
                    if b < end and (a >= middle or _stands_after(rows[a], rows[b], keys)):
                        spare[k] = rows[b]
                        b += 1
                    else:
                        spare[k] = rows[a]
                        a += 1
            rows[:] = spare[:n]
            width *= 2


@numba.njit(cache=True, nogil=True)
def mark_copies(order: Int64s, starts: Int64s, keys: Int64s) -> npt.NDArray[np.bool_]:
    """Return which rows of the order equal, in every key, the row before them in their stretch, shape (n,)."""
    copies = np.zeros(order.shape[0], dtype=np.bool_)
    for c in range(starts.shape[0] - 1):
        for i in range(starts[c] + 1, starts[c + 1]):
            same = True
            for j in range(keys.shape[0]):
                same = same and keys[j, order[i]] == keys[j, order[i - 1]]
            copies[i] = same
    return copies
