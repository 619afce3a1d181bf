"""Rows of persons who asked to be forgotten: found by keyed hash, each customer hashed about once."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.hashing import hash_column

__all__ = ["Forgotten", "RowFilter"]

_SLOTS = 1 << 20


class Forgotten(Protocol):
    """Somebody who knows who was forgotten."""

    @property
    def digest(self) -> str:
        """Return what tells this list from any other."""
        ...

    def holds(self, customer: str) -> bool:
        """Return whether a customer was."""
        ...


class RowFilter:
    """Tells which rows are of forgotten persons.

    A keyed hash takes microseconds, and a table names each customer many times: whom it was asked about already is
    remembered by an ordinary hash of the id, the last one of each slot, so that memory is bounded.

    Parameters
    ----------
    forgotten : Forgotten
    """

    def __init__(self, forgotten: Forgotten) -> None:
        self._forgotten = forgotten
        self._known = np.zeros(_SLOTS, dtype=np.uint64)

    @property
    def digest(self) -> str:
        """Return what tells the list from any other."""
        return self._forgotten.digest

    def rows(self, ids: pa.Array) -> npt.NDArray[np.bool_]:
        """Return which rows are of forgotten persons.

        Parameters
        ----------
        ids : Array of string, shape (n,)
            Missing ids belong to nobody.
        """
        hashes = hash_column(ids)
        slots = (hashes & np.uint64(_SLOTS - 1)).astype(np.int64)
        unknown = np.flatnonzero(self._known[slots] != hashes)
        rows = np.zeros(len(ids), dtype=bool)
        if not len(unknown):
            return rows
        asked = ids.take(pa.array(unknown))
        customers = [one for one in asked.unique().to_pylist() if one is not None]
        found = [one for one in customers if self._forgotten.holds(one)]
        if found:
            rows[unknown] = pc.is_in(asked, value_set=pa.array(found, pa.string())).to_numpy(zero_copy_only=False)
        clean = unknown[~rows[unknown]]
        self._known[slots[clean]] = hashes[clean]
        return rows
