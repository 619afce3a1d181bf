"""What is remembered of millions of rows in little memory: ids, keys and levels by hash, the same in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["HeavySlots", "KeySample", "LevelCounter", "hash_ids", "normal_hashes"]

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

_CAP = 1 << 16
"""Distinct keys kept at most; of more, every second, fourth, ... by hash, and counts are scaled up."""
_N_SLOTS = 1 << 16
_N_REGISTERS = 1 << 12
_SETTLED_ROWS = 1_000_000
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(h: np.uint64) -> np.uint64:
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _hash_texts(
    offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8], raw: UInt64s, normal: UInt64s, shape: Int64s
) -> None:
    """FNV-1a of each text as it is, and of its normal form: no outer blanks, small letters, 007 and 7.0 as 7."""
    for i in range(offsets.shape[0] - 1):
        low, high = offsets[i], offsets[i + 1]
        h, small = _FNV_START, _FNV_START
        n_digits = 0
        for k in range(low, high):
            byte = data[k]
            h = (h ^ np.uint64(byte)) * _FNV_PRIME
            small = (small ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _FNV_PRIME
            n_digits += 48 <= byte <= 57
        raw[i] = _mixed(h)
        shape[i] = 2 * min(high - low, 63) + (n_digits == high - low)
        if low < high and (data[low] <= 48 or data[high - 1] <= 32 or (data[high - 1] == 48 and n_digits < high - low)):
            small, shape[i] = _trimmed(data, low, high, n_digits)
        normal[i] = _mixed(small)


@numba.njit(cache=True, nogil=True)
def _trimmed(data: npt.NDArray[np.uint8], low: int, high: int, n_digits: int) -> tuple[np.uint64, int]:
    """Return the hash of a text without outer blanks, leading zeros and ``.0``, in small letters, and its shape."""
    while low < high and data[low] <= 32:
        low += 1
    while low < high and data[high - 1] <= 32:
        high -= 1
    if high - low > 2 and data[high - 1] == 48 and data[high - 2] == 46 and n_digits == high - low - 1:
        high -= 2
        n_digits -= 1
    if n_digits == high - low:
        while high - low > 1 and data[low] == 48:
            low += 1
            n_digits -= 1
    shape = 2 * min(high - low, 63) + (n_digits == high - low)
    h = _FNV_START
    for k in range(low, high):
        byte = data[k]
        h = (h ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _FNV_PRIME
    return h, shape


def hash_ids(ids: pa.Array) -> tuple[UInt64s, UInt64s, Int64s]:
    """Return a hash of each text, a hash of its normal form, and its shape; of missing ones those of the empty text.

    The shape is twice the length of the normal form, plus one for nothing but digits, at most 127.

    Parameters
    ----------
    ids : pyarrow.StringArray, shape (n,)
    """
    raw, normal = np.empty(len(ids), dtype=np.uint64), np.empty(len(ids), dtype=np.uint64)
    shape = np.empty(len(ids), dtype=np.int64)
    _, offsets, data = ids.buffers()
    edges = np.frombuffer(offsets, dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    _hash_texts(edges, np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, np.uint8), raw, normal, shape)
    return raw, normal, shape


def normal_hashes(words: list[str]) -> tuple[UInt64s, Int64s]:
    """Return the hashes of the normal forms of some words, and the words' shapes."""
    _, normal, shape = hash_ids(pa.array(words, pa.string()))
    return normal, shape


@numba.njit(cache=True, nogil=True)
def _insert(
    start: int,
    keys: UInt64s,
    sampled_by: UInt64s,
    use: npt.NDArray[np.bool_],
    times: Int64s,
    kinds: npt.NDArray[np.int8],
    level_mask: np.uint64,
    slots: UInt64s,
    normal: UInt64s,
    figures: Int64s,
    n_free: int,
) -> tuple[int, int]:
    """Put rows into the hash table until it is full; return the row reached and how many places are left."""
    mask = np.uint64(slots.shape[0] - 1)
    for i in range(start, keys.shape[0]):
        if not use[i] or sampled_by[i] & level_mask:
            continue
        key = keys[i] if keys[i] else np.uint64(1)
        at = (key >> np.uint64(20)) & mask
        while slots[at] and slots[at] != key:
            at = (at + np.uint64(1)) & mask
        if not slots[at]:
            if n_free == 0:
                return i, 0
            n_free -= 1
            slots[at] = key
            normal[at] = sampled_by[i]
        figures[at, 0] += 1
        t = times[i]
        figures[at, 1] = min(figures[at, 1], t)
        figures[at, 2] = max(figures[at, 2], t)
        if kinds[i] > 0:
            figures[at, 3] = min(figures[at, 3], t)
        elif kinds[i] < 0:
            figures[at, 4] = min(figures[at, 4], t)
    return keys.shape[0], n_free


_LATEST, _EARLIEST = np.iinfo(np.int64).max, np.iinfo(np.int64).min
_EMPTY = np.array([0, _LATEST, _EARLIEST, _LATEST, _LATEST], dtype=np.int64)


class KeySample:
    """Distinct keys with their rows, first and last time: all of them up to a cap, beyond it a fair sample by hash.

    Which keys are kept depends only on the set of keys, never on the order of rows (adaptive sampling, Wegman 1984).
    """

    def __init__(self) -> None:
        self.level = 0
        self._grow(1 << 10)
        self._n_free = 1 << 9

    def _grow(self, n_slots: int) -> None:
        self._slots = np.zeros(n_slots, dtype=np.uint64)
        self._normal = np.zeros(n_slots, dtype=np.uint64)
        self._figures = np.tile(_EMPTY, (n_slots, 1))

    def add(
        self,
        keys: UInt64s,
        sampled_by: UInt64s,
        use: npt.NDArray[np.bool_],
        times: Int64s,
        kinds: npt.NDArray[np.int8],
    ) -> None:
        """Add rows.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n,)
            Hash of what a row is counted under.
        sampled_by : ndarray of uint64, shape (n,)
            Hash that decides which keys stay once there are many: keys that share it stay or go together.
        use : ndarray of bool, shape (n,)
        times : ndarray of int64, shape (n,)
        kinds : ndarray of int8, shape (n,)
            1 = purchase, -1 = refund, 0 = neither: their first times are kept apart.
        """
        row = 0
        while True:
            mask = np.uint64((1 << self.level) - 1)
            place = (mask, self._slots, self._normal, self._figures, self._n_free)
            row, self._n_free = _insert(row, keys, sampled_by, use, times, kinds, *place)
            if row == len(keys):
                return
            self._make_room()

    def _make_room(self) -> None:
        kept = self._slots, self._normal, self._figures
        n_slots = len(self._slots)
        if n_slots < 2 * _CAP:
            n_slots *= 2
        else:
            self.level += 1
        stays = kept[0] > 0
        stays &= (kept[1] & np.uint64((1 << self.level) - 1)) == 0
        self._grow(n_slots)
        self._n_free = n_slots // 2 - int(stays.sum())
        _restore(kept[0][stays], kept[1][stays], kept[2][stays], self._slots, self._normal, self._figures)

    @property
    def scale(self) -> int:
        """Return how many keys stand behind each one kept."""
        return 1 << self.level

    @property
    def keys(self) -> UInt64s:
        """Return the keys kept."""
        return self._slots[self._slots > 0]

    @property
    def sampled_by(self) -> UInt64s:
        """Return the second hash of each key kept."""
        return self._normal[self._slots > 0]

    @property
    def figures(self) -> Int64s:
        """Return per key: rows, first time, last time, first purchase, first refund, shape (n_keys, 5)."""
        return self._figures[self._slots > 0]


@numba.njit(cache=True, nogil=True)
def _restore(keys: UInt64s, second: UInt64s, kept: Int64s, slots: UInt64s, normal: UInt64s, figures: Int64s) -> None:
    mask = np.uint64(slots.shape[0] - 1)
    for i in range(keys.shape[0]):
        at = (keys[i] >> np.uint64(20)) & mask
        while slots[at]:
            at = (at + np.uint64(1)) & mask
        slots[at] = keys[i]
        normal[at] = second[i]
        figures[at] = kept[i]


class HeavySlots:
    """Rows by the low bits of their customer's hash: one customer with very many rows stands out of its slot."""

    def __init__(self) -> None:
        self.rows = np.zeros(_N_SLOTS, dtype=np.int64)

    def add(self, hashes: UInt64s) -> None:
        """Add the rows' hashes."""
        _count_slots(hashes, self.rows)


@numba.njit(cache=True, nogil=True)
def _count_slots(hashes: UInt64s, rows: Int64s) -> None:
    for h in hashes:
        rows[h & np.uint64(_N_SLOTS - 1)] += 1


@dataclass(slots=True)
class LevelCounter:
    """How many different values a column has, to within two percent (HyperLogLog, Flajolet et al. 2007)."""

    registers: npt.NDArray[np.uint8]
    n_values: int = 0

    @classmethod
    def empty(cls) -> LevelCounter:
        """Return a counter that has seen nothing."""
        return cls(np.zeros(_N_REGISTERS, dtype=np.uint8))

    def add(self, hashes: UInt64s, n_values: int) -> None:
        """Add distinct values by their hashes, and how many rows they stand for."""
        self.n_values += n_values
        _register(hashes, self.registers)

    @property
    def is_settled(self) -> bool:
        """Return whether so many rows have so few levels that no later row makes the column look like an id."""
        return self.n_values >= _SETTLED_ROWS and self.n_levels < 0.01 * self.n_values

    @property
    def n_levels(self) -> float:
        """Return the estimate; small numbers by the empty registers."""
        n_empty = int((self.registers == 0).sum())
        if n_empty > _N_REGISTERS // 20:
            return float(_N_REGISTERS * np.log(_N_REGISTERS / n_empty))
        harmonic = np.sum(np.exp2(-self.registers.astype(np.float64)))
        return float(0.7213 / (1 + 1.079 / _N_REGISTERS) * _N_REGISTERS**2 / harmonic)


@numba.njit(cache=True, nogil=True)
def _register(hashes: UInt64s, registers: npt.NDArray[np.uint8]) -> None:
    for h in hashes:
        at = h & np.uint64(_N_REGISTERS - 1)
        rest = h >> np.uint64(12)
        rank = 1
        while rank < 53 and not rest & np.uint64(1):
            rank += 1
            rest >>= np.uint64(1)
        registers[at] = max(registers[at], rank)
