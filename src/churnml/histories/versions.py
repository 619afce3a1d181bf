"""Late corrections: rows that are versions of one another, and until when each of them counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import KEY_PREFIX
from churnml.histories.hashing import hash_column, hash_rows
from churnml.histories.sorting import sorted_rows
from churnml.histories.spill import BucketSpill
from churnml.timeline import NEVER

__all__ = ["KeyOwners", "superseded_at"]

Int64s = npt.NDArray[np.int64]


def superseded_at(
    customer: npt.NDArray[np.integer], n_customers: int, key: Int64s, known_at: Int64s, row_hash: Int64s
) -> tuple[Int64s, int]:
    """Return when the next version of each row became known, and how many became known at one instant.

    Of several rows of one customer with one key, the one that became known last counts; of those known at the same
    instant the one with the greatest hash, whatever their order in the files.

    Parameters
    ----------
    customer : ndarray of int, shape (n,)
        Numbers below ``n_customers``.
    n_customers : int
    key, known_at, row_hash : ndarray of int64, shape (n,)

    Returns
    -------
    superseded : ndarray of int64, shape (n,)
        :data:`churnml.timeline.NEVER` for the newest version.
    n_ties : int
    """
    order, _ = sorted_rows(customer, n_customers, np.stack([key, known_at, row_hash]))
    superseded = np.full(len(key), NEVER, dtype=np.int64)
    this, following = order[:-1], order[1:]
    is_version = (customer[this] == customer[following]) & (key[this] == key[following])
    this, following = this[is_version], following[is_version]
    superseded[this] = known_at[following]
    return superseded, int((known_at[this] == known_at[following]).sum())


class KeyOwners:
    """Finds keys that stand under more than one customer, in bounded memory.

    Parameters
    ----------
    folder : Path
        Private folder inside the workspace; its owner removes it.
    n_keys : int
        Columns of the key; 0 = there is none, and nothing to be remembered.
    n_parts : int
        Power of two.
    """

    def __init__(self, folder: Path, *, n_keys: int, n_parts: int) -> None:
        self._names = [f"{KEY_PREFIX}{i}" for i in range(n_keys)]
        self._n_parts = n_parts
        self._spill = BucketSpill(folder, n_buckets=n_parts)

    def see(self, batch: pa.RecordBatch) -> None:
        """Remember who has which key."""
        if not self._names:
            return
        complete = np.ones(batch.num_rows, dtype=bool)
        for name in self._names:
            complete &= pc.is_valid(batch[name]).to_numpy(zero_copy_only=False)
        key = hash_rows(batch.select(self._names))[complete]
        owner = hash_column(batch["customer_id"])[complete]
        pair = pa.RecordBatch.from_pydict({"key": pa.array(key), "owner": pa.array(owner)})
        self._spill.add(pair, (key >> np.uint64(40)).astype(np.int64) & (self._n_parts - 1))

    def count_shared(self) -> int:
        """Return how many keys stand under more than one customer, and forget all."""
        n_shared = 0
        for part in range(self._n_parts):
            pairs = self._spill.take(part)
            if pairs is not None:
                distinct = pairs.group_by(["key", "owner"], use_threads=False).aggregate([])
                owners = distinct.group_by("key", use_threads=False).aggregate([([], "count_all")])
                n_shared += pc.sum(pc.greater(owners["count_all"], 1)).as_py() or 0
        return n_shared

    def close(self) -> None:
        """Close what is still open."""
        self._spill.close()
