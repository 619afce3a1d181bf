"""Who is at risk at an observation date, from rows usable at that date only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.histories.in_force import has_in_force
from churnml.histories.store import History
from churnml.timeline import NEVER

__all__ = ["NOTHING", "Asked", "ChurnDefinition", "at_risk"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NOTHING = np.iinfo(np.int64).min
"""Where no row was usable."""


@dataclass(frozen=True, slots=True)
class ChurnDefinition:
    """What churn means in this project.

    Parameters
    ----------
    kind : {"inactivity", "spell_end", "event", "label"}
    table : str
        Whose silence, end or event is churn.
    active_within_us : int or None
        Inactivity: at risk are customers with an activity in ``(t - active_within, t]``; None = ever.
    end_reasons : tuple of str
        Spell ends that count; empty = all.
    event_column, event_values :
        Which rows of the table are churn events.
    """

    kind: Literal["inactivity", "spell_end", "event", "label"]
    table: str
    active_within_us: int | None = None
    end_reasons: tuple[str, ...] = ()
    event_column: str = ""
    event_values: tuple[str, ...] = ()

    def is_churn_event(self, bucket: Bucket) -> Bools:
        """Return which rows of the table are churn events, shape (n_rows,)."""
        column = bucket.categories(self.table, self.event_column)
        values = pa.array(self.event_values, pa.string())
        chosen: Bools = pc.fill_null(pc.is_in(column, value_set=values), False).to_numpy()
        return chosen


@numba.njit(cache=True, nogil=True)
def _last_usable(
    offsets: Int64s,
    occurred: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    counts: Bools,
    customer: Int64s,
    dates: Int64s,
    out: Int64s,
) -> None:
    """Write for each (customer, date) the newest counted row usable then; ``NOTHING`` where there is none."""
    for r in range(customer.shape[0]):
        low, high = offsets[customer[r]], offsets[customer[r] + 1]
        # Rows ascend in time: what happened after the date is passed over at once, however much it is.
        newest = low + np.searchsorted(occurred[low:high], dates[r], side="right")
        for k in range(newest - 1, low - 1, -1):
            if counts[k] and usable_from[k] <= dates[r] < usable_until[k]:
                out[r] = occurred[k]
                break


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to look up when: numbers of customers and dates, both shape (n_rows,)."""

    bucket: Bucket
    customer: Int64s
    dates: Int64s

    def last(self, table: str, counts: Bools, *, clock: str = "occurred_at") -> Int64s:
        """Return when the newest counted row usable then happened, :data:`NOTHING` where there is none."""
        out = np.full(len(self.customer), NOTHING, dtype=np.int64)
        b = self.bucket
        clocks = b.instants(table, clock), b.known_at(table), b.known_until(table)
        _last_usable(b.offsets(table), *clocks, counts, self.customer, self.dates, out)
        return out


def at_risk(bucket: Bucket, history: History, definition: ChurnDefinition, customer: Int64s, dates: Int64s) -> Bools:
    """Return which (customer, date) pairs are at risk of churn.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
    customer : ndarray of int64, shape (n_rows,)
        Numbers of customers in the bucket.
    dates : ndarray of int64, shape (n_rows,)

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        Inactivity: an activity in ``(t - active_within, t]``. Spell end: a spell in force at *t*. Event: some
        history at or before *t*, and no churn event, or a return after it. Label: everybody in the customers table.
        Each by the version of a row that was known at *t*.
    """
    asked = Asked(bucket, customer, dates)
    if definition.kind == "inactivity":
        last = asked.last(definition.table, bucket.is_activity(definition.table))
        if definition.active_within_us is None:
            return last > NOTHING
        return (last > NOTHING) & (last > dates - definition.active_within_us)
    if definition.kind == "spell_end":
        return has_in_force(bucket, definition.table, customer, dates)
    if definition.kind == "event":
        return _not_yet_left(asked, history, definition)
    listed: Bools = np.diff(bucket.offsets(definition.table)) > 0
    return listed[customer]


def _not_yet_left(asked: Asked, history: History, definition: ChurnDefinition) -> Bools:
    """Return who has a history and has not left, or has come back since.

    Only what customers do by themselves brings them back: another row of the churn table, a purchase (an event of a
    table with amounts) or a new spell. A survey or a call after leaving does not.
    """
    bucket = asked.bucket
    leaving = definition.is_churn_event(bucket)
    left = asked.last(definition.table, leaving)
    seen = back = asked.last(definition.table, ~leaving & bucket.is_activity(definition.table))
    for info in history.of_kind("events"):
        if info.name != definition.table:
            here = asked.last(info.name, bucket.is_activity(info.name))
            seen = np.maximum(seen, here)
            back = np.maximum(back, here) if info.has_amount else back
    for info in history.of_kind("spells"):
        every = np.ones(bucket.table(info.name).num_rows, dtype=bool)
        here = asked.last(info.name, every, clock="started_at")
        seen, back = np.maximum(seen, here), np.maximum(back, here)
    never_left: Bools = (left == NOTHING) & ((seen > NOTHING) | _joined_by(asked, history))
    returned: Bools = (left > NOTHING) & (back > left)
    return never_left | returned


def _joined_by(asked: Asked, history: History) -> Bools:
    """Return who had joined, by the customers table."""
    joined = np.full(len(asked.bucket.customers), NEVER, dtype=np.int64)
    for info in history.of_kind("customers"):
        if "joined" in info.columns:
            who = asked.bucket.rows_of(asked.bucket.table(info.name)["customer_id"])
            joined[who] = asked.bucket.instants(info.name, "joined")
    had_joined: Bools = joined[asked.customer] <= asked.dates
    return had_joined
