"""How fast customers are listed and contacted, after they were lost or after an event began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.work import kept_work
from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.flow.known import past_contact_rows
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.response.waiting import waiting
from churnml.snapshots.lost import endings, silences
from churnml.timeline import DAY_US, NEVER, parse_instant

__all__ = ["Reach"]

Int64s = npt.NDArray[np.int64]


class Reach:
    """When customers were first listed, and first contacted, after an instant of their own.

    Parameters
    ----------
    params : Params
    history : History
    root : Path
        Project folder, with the work of lists that were made before.

    Attributes
    ----------
    missing : list of str
        ``lists`` where none was kept, ``contacts`` where the project has none.
    """

    def __init__(self, params: Params, history: History, root: Path) -> None:
        self.params, self.history = params, history
        self.listed = dict(_by_customer(_listings(params, root, history)))
        contacts = past_contact_rows(params, history, root=root)
        self.contacted = None
        if contacts is not None:
            self.contacted = dict(_by_customer([(contacts["customer_id"], contacts["at"].cast(pa.int64()))]))
        self.missing = ([] if self.listed else ["lists"]) + ([] if self.contacted is not None else ["contacts"])

    def since_loss(self, first: int, until: int) -> dict[str, Any] | None:
        """Return the times from each loss in ``(first, until]``; None where losses have no date."""
        params, history = self.params, self.history
        if params.churn.definition == "label":
            return None
        lost = silences if params.churn.definition == "inactivity" else endings

        def one(number: int) -> tuple[pa.Array, Int64s, Int64s]:
            bucket = Bucket(history, number)
            who, at, _, back = lost(bucket, history, churn_definition(params), churn_window(params), after=first)
            keep = at <= until
            return bucket.customers.take(pa.array(who[keep])), at[keep], back[keep]

        parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
        ids = [text for part, _, _ in parts for text in part.to_pylist()]
        at, back = (np.concatenate([each[k] for each in parts]) for k in (1, 2))
        return self._told(ids, at, back)

    def since_start(self, customers: pa.Array, first: int) -> dict[str, Any]:
        """Return the times from the beginning of the event, of whom it concerns."""
        n = len(customers)
        never = np.full(n, NEVER, dtype=np.int64)
        return self._told(customers.to_pylist(), np.full(n, first, dtype=np.int64), never)

    def _told(self, ids: list[str], start: Int64s, back: Int64s) -> dict[str, Any]:
        block = self.params.response
        sources = {
            "to_listing": (self.listed or None, block.list_within_days),
            "to_contact": (self.contacted, block.contact_within_days),
        }
        return {
            "n": len(ids),
            **{
                name: None if found is None else self._waiting(ids, start, back, found, standard)
                for name, (found, standard) in sources.items()
            },
        }

    def _waiting(
        self, ids: list[str], start: Int64s, back: Int64s, found: Mapping[str, Int64s], standard: float
    ) -> dict[str, Any]:
        none = np.array([], dtype=np.int64)
        first = np.full(len(ids), NEVER, dtype=np.int64)
        for place, (text, begin) in enumerate(zip(ids, start.tolist(), strict=True)):
            times = found.get(text, none)
            at = int(np.searchsorted(times, begin))
            if at < len(times):
                first[place] = times[at]
        # Who came back of themselves needs no call any more: their wait ended without one.
        until = np.minimum(back, self.history.as_of)
        has_ended = first <= until
        days = np.maximum((np.where(has_ended, first, until) - start) / DAY_US, 0.0)
        returned = ~has_ended & (back <= self.history.as_of)
        told = waiting(days, has_ended, standard=float(standard))
        n = int(returned.sum())
        told |= {"returned": n, "open": told["open"] - n}
        return told | {"overdue": told["overdue"] - int((returned & (days > standard)).sum())}


def _listings(params: Params, root: Path, history: History) -> Iterator[tuple[pa.ChunkedArray, pa.Array]]:
    for work in kept_work(root, names=history.names):
        instant = parse_instant(work.day, timezone=params.histories.timezone)
        listed = work.table.filter(pc.equal(work.table["decision"], "contact"))
        yield listed["customer_id"], pa.array(np.full(listed.num_rows, instant, dtype=np.int64))


def _by_customer(parts: Iterable[tuple[pa.ChunkedArray, pa.Array]]) -> Iterator[tuple[str, Int64s]]:
    """Yield each customer's instants, ascending."""
    found: dict[str, list[int]] = {}
    for ids, instants in parts:
        for text, instant in zip(ids.to_pylist(), instants.to_pylist(), strict=True):
            found.setdefault(text, []).append(instant)
    for text, times in found.items():
        yield text, np.array(sorted(times), dtype=np.int64)
