"""Rest after contacts: pauses by channel and a cap on contacts, from past campaigns whatever their name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import ANY, CampaignPlan
from churnml.timeline import days_to_us

__all__ = ["PastContacts", "past_contacts"]

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


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
