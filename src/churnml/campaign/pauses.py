"""Rest after contacts: pauses by channel and a cap on contacts, from past campaigns whatever their name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent_history import KNOWN_CHANNELS
from churnml.campaign.plan import ANY, CampaignPlan
from churnml.campaign.told import REACHED
from churnml.timeline import days_to_us

__all__ = ["PastContacts", "past_contacts", "with_told"]

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
_CONTACT = ("customer_id", "at", "channel")


class PastContacts:
    """Contacts made before the list, by customer.

    Parameters
    ----------
    who : ndarray of int64, shape (n_contacts,)
        Place of the customer.
    at : ndarray of int64, shape (n_contacts,)
        Microseconds, UTC.
    channel : ndarray of str, shape (n_contacts,)
        Empty = not known, which counts for every channel.
    n_customers : int
    """

    def __init__(self, who: Int64s, at: Int64s, channel: npt.NDArray[np.str_], *, n_customers: int) -> None:
        self._who, self._at, self._channel, self._n = who, at, channel, n_customers

    def in_pause(self, channel: str, pause_days: Mapping[str, int], *, as_of: int) -> Bools:
        """Return who was contacted too lately to be contacted on a channel, shape (n_customers,)."""
        found = np.zeros(self._n, dtype=bool)
        for name, days in pause_days.items():
            if name in {ANY, channel}:
                counts = (self._channel == name) | (self._channel == "") if name != ANY else True
                found[self._who[counts & (self._at > as_of - days_to_us(days))]] = True
        return found

    def over_cap(self, plan: CampaignPlan, *, as_of: int) -> Bools:
        """Return whom one more contact would bring above the cap, shape (n_customers,)."""
        if plan.cap is None:
            return np.zeros(self._n, dtype=bool)
        lately = self._at > as_of - days_to_us(plan.cap.days)
        return np.bincount(self._who[lately], minlength=self._n) >= plan.cap.contacts


def past_contacts(customers: pa.Array, past: pa.Table | None, *, plan: CampaignPlan) -> PastContacts:
    """Return past contacts by the places of the customers.

    Parameters
    ----------
    customers : Array of string
    past : Table or None
        ``customer_id``, ``at`` (instant) and ``channel``: a channel, or the name of one of the plan's actions.
    plan : CampaignPlan
    """
    if past is None or not past.num_rows:
        return PastContacts(
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, dtype=str), n_customers=len(customers)
        )
    who = pc.fill_null(pc.index_in(past["customer_id"], value_set=customers), -1).to_numpy().astype(np.int64)
    at = past["at"].cast(pa.int64()).to_numpy()
    is_known = who >= 0
    return PastContacts(
        who[is_known], at[is_known], _channels(past["channel"], plan)[is_known], n_customers=len(customers)
    )


def with_told(declared: pa.Table | None, told: pa.Table, *, until: int, timezone: str) -> pa.Table:
    """Return declared contacts and those that a phone team or CRM told of, each contact once.

    Who was not reached was not contacted. Both may tell of one contact: one told of is left out where a declared one of
    that customer and day is on the same channel, or where one of the two names no channel.

    Parameters
    ----------
    declared : Table or None
        ``customer_id``, ``at`` and ``channel``.
    told : Table
        See :data:`churnml.campaign.told.TOLD_SCHEMA`.
    until : int
        Microseconds; what came later was not known when the list was made.
    timezone : str
        Whose days are meant.
    """
    told = told.filter(pc.is_in(told["outcome"], value_set=pa.array(REACHED)))
    told = told.filter(pc.less_equal(told["at"].cast(pa.int64()), until)).select(_CONTACT)
    told = told.group_by(list(_CONTACT), use_threads=False).aggregate([])
    if declared is None:
        return told
    known: dict[tuple[str, date], set[str | None]] = {}
    for row in _with_day(declared, timezone).to_pylist():
        # An action's name may stand for any channel.
        channel = row["channel"] if row["channel"] in KNOWN_CHANNELS else None
        known.setdefault((row["customer_id"], row["day"]), set()).add(channel)
    is_new = []
    for row in _with_day(told, timezone).to_pylist():
        channels = known.get((row["customer_id"], row["day"]), set())
        is_new.append(not channels or (row["channel"] is not None and not channels & {row["channel"], None}))
    return pa.concat_tables([declared.select(_CONTACT), told.filter(pa.array(is_new, pa.bool_()))])


def _with_day(contacts: pa.Table, timezone: str) -> pa.Table:
    local = pc.local_timestamp(contacts["at"].cast(pa.timestamp("us", tz=timezone)))
    return contacts.append_column("day", local.cast(pa.date32(), safe=False))


def _channels(column: pa.ChunkedArray, plan: CampaignPlan) -> npt.NDArray[np.str_]:
    """Return the channel of each contact: as written, or that of the action written; empty where it is neither."""
    of_action = {action.name: action.channels[0] for action in plan.actions if len(action.channels) == 1}
    known = {*plan.used_channels, *plan.pause_days} - {ANY}
    texts = column.cast(pa.string())
    distinct = pc.unique(texts)
    named = [(text or "").strip().casefold() for text in distinct.to_pylist()]
    names = np.array([of_action.get(n, n if n in known else "") for n in named], dtype=str)
    found: npt.NDArray[np.str_] = names[pc.index_in(texts, value_set=distinct).to_numpy()]
    return found
