"""Every loss of a period, also of customers who came back: what a ledger of losses is made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.snapshots.churned import losses
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import DAY_US, NEVER, OutcomeWindow

__all__ = ["endings", "silences"]

Int64s = npt.NDArray[np.int64]
Lost = tuple[Int64s, Int64s, Int64s, Int64s]
"""One entry a loss: customer number, when lost, when last there, when back (never = ``NEVER``)."""


def silences(
    bucket: Bucket, history: History, definition: ChurnDefinition, window: OutcomeWindow, *, after: int
) -> Lost:
    """Return every silence that became as long as the horizon in ``(after, as_of]``, by the rows known today.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
        Of kind ``inactivity``.
    window : OutcomeWindow
        Its horizon.
    after : int
        Microseconds.
    """
    table = definition.table
    counts = bucket.is_activity(table) & (bucket.known_until(table) == NEVER)
    who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))[counts]
    at = bucket.instants(table, "occurred_at")[counts]
    following = np.full(len(at), NEVER, dtype=np.int64)
    same = who[1:] == who[:-1]
    following[:-1][same] = at[1:][same]
    since = at + window.horizon_us
    keep = (following > since) & (since > after) & (since <= history.as_of)
    return who[keep], since[keep], at[keep], following[keep]


def endings(
    bucket: Bucket, history: History, definition: ChurnDefinition, window: OutcomeWindow, *, after: int
) -> Lost:
    """Return every end of spells, or churn event, after which the customer was lost in ``(after, as_of]``.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
        Of kind ``spell_end`` or ``event``.
    window : OutcomeWindow
        Its grace.
    after : int
        Microseconds.
    """
    is_spells = definition.kind == "spell_end"
    ended = bucket.instants(definition.table, "ended_at" if is_spells else "occurred_at")
    who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(definition.table)))
    is_end = (ended < NEVER) & (ended <= history.as_of)
    who, ended = who[is_end], ended[is_end]
    # A loss shows once the grace, and the day of the end, are over.
    dates = np.maximum(ended + window.grace_us, ended - ended % DAY_US + DAY_US - 1) if is_spells else ended
    dates = np.minimum(dates, history.as_of)
    found = losses(bucket, history, definition, window, who, dates)
    keep = found.is_lost & (found.since > after)
    # Several spells that end together are one loss.
    pairs = np.unique(np.stack([who[keep], found.since[keep], found.last[keep]], axis=1), axis=0)
    customer, since, last = (np.ascontiguousarray(column) for column in pairs.T)
    now = losses(bucket, history, definition, window, customer, np.full(len(customer), history.as_of))
    is_back = ~now.is_lost | (now.last > last)
    return customer, since, last, np.where(is_back, _next_start(bucket, history, customer, last), NEVER)


def _next_start(bucket: Bucket, history: History, customer: Int64s, last: Int64s) -> Int64s:
    """Return when each customer's next spell, or anything else of theirs, began; the end of the history if unseen."""
    found = np.full(len(customer), history.as_of, dtype=np.int64)
    for info in history.tables.values():
        if info.kind in {"spells", "events"}:
            begun = bucket.instants(info.name, "started_at" if info.kind == "spells" else "occurred_at")
            offsets = bucket.offsets(info.name)
            for place, (who, after) in enumerate(zip(customer.tolist(), last.tolist(), strict=True)):
                rows = begun[offsets[who] : offsets[who + 1]]
                later = np.searchsorted(rows, after, side="right" if info.kind == "events" else "left")
                if later < len(rows):
                    found[place] = min(found[place], rows[later])
    return found
