"""Whom earlier lists of this project named, as the log of contacts of teams that keep no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.kept_ids import key_of_ids
from churnml.config import Params
from churnml.errors import DataError
from churnml.flow.kept_lists import kept_lists
from churnml.flow.pseudonyms import under_key
from churnml.histories.store import History
from churnml.labels.treatments import ListedLog
from churnml.parquet import read_parquet

__all__ = ["listed_contacts"]

Int64s = npt.NDArray[np.int64]


def listed_contacts(params: Params, history: History, *, root: Path) -> ListedLog | None:
    """Return who stood on a list before ``as_of`` to be contacted; None unless ``treatments.lists`` asks for it.

    The newest list of a day counts. Who was held out is on none, so the comparison group stays.

    Raises
    ------
    DataError
        If a record is damaged, or hides its customers by a key that is not here.
    """
    treatments = params.treatments
    if treatments is None or not treatments.lists:
        return None
    ids: list[pa.ChunkedArray] = [pa.chunked_array([], pa.string())]
    instants: list[Int64s] = [np.empty(0, np.int64)]
    kept = kept_lists(root, timezone=params.histories.timezone, until=history.as_of)
    for path, at in kept:
        listed = _listed(path, history, root)
        ids.append(listed)
        # The list is made of what was known at its instant and delivered after it.
        instants.append(np.full(len(listed), at + 1, dtype=np.int64))
    every = pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string())
    return ListedLog(every.combine_chunks(), np.concatenate(instants), frozenset(at for _, at in kept))


def _listed(path: Path, history: History, root: Path) -> pa.ChunkedArray:
    table = read_parquet(path, columns=["customer_id", "decision"])
    stored = under_key(table, key_of_ids(table), wanted=history.key_id, root=root)
    if stored is None:
        raise DataError(
            "hides its customers by a key that is not here",
            rule="data.record_key",
            file=path.name,
            next_step="Hand over the key of that time, or name a table of contacts in treatments.",
        )
    return stored.filter(pc.equal(stored["decision"], "contact"))["customer_id"].cast(pa.string())
