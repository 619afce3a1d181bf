"""Consents given and withdrawn over time: the last one known counts, and a withdrawal is never overlooked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent_values import ALLOWED, CONSENT, SILENT, UNKNOWN, by_value, judge
from churnml.campaign.plan import CampaignPlan

__all__ = ["KNOWN_CHANNELS", "with_history"]

KNOWN_CHANNELS = ("email", "phone", "sms", "post", "push", "wechat", "whatsapp", "visit", "ads")

Int64s = npt.NDArray[np.int64]
Judge = Callable[[str | None], int]


def with_history(contacts: pa.Table | None, consents: pa.Table, *, plan: CampaignPlan) -> pa.Table:
    """Return the contact data with what each customer said last in their columns of consent.

    Where column and history both speak of a channel, the one that forbids more stays; a blank cell says nothing.
    Whatever names no known channel and is no declared consent counts for every channel: a withdrawal under a misspelt
    channel must not be lost. Of several entries at one instant, the one that forbids most counts.

    Parameters
    ----------
    contacts : Table or None
        ``customer_id``, and per channel ``consent_<channel>``.
    consents : Table
        ``customer_id``, ``at`` (instant), ``channel``, ``value``; every row known when the list is made.
    plan : CampaignPlan
        Consent and refusal values, what the history writes for every channel, and the channels in use.

    Returns
    -------
    Table
        With a column of consent for each channel in use or named; customers who only have a history are added.
    """
    if contacts is None:
        contacts = pa.table({"customer_id": pa.array([], pa.string())})
    everybody = _with_rows_for(contacts, consents["customer_id"])
    says = judge(plan.consent_values, plan.refusal_values)
    columns = {name: everybody[name] for name in everybody.column_names}
    ids = everybody["customer_id"].combine_chunks()
    for channel in dict.fromkeys((*KNOWN_CHANNELS, *plan.used_channels)):
        name = f"{CONSENT}{channel}"
        cells = columns.get(name, pa.nulls(len(ids), pa.string())).cast(pa.string())
        rows = _last_rows(ids, consents, channel, plan, says)
        if name in columns or channel in plan.used_channels or (rows >= 0).any():
            said = consents["value"].cast(pa.string()).take(pa.array(rows, mask=rows < 0))
            columns[name] = _stricter(cells, said, rows >= 0, says)
    return pa.table(columns)


def _with_rows_for(contacts: pa.Table, ids: pa.ChunkedArray) -> pa.Table:
    """Add a row for each customer who has none."""
    others = pc.unique(ids.filter(pc.invert(pc.is_in(ids, value_set=contacts["customer_id"].combine_chunks()))))
    added = pa.table({"customer_id": others.sort()})
    return pa.concat_tables([contacts, added], promote_options="default")


def _last_rows(ids: pa.Array, consents: pa.Table, channel: str, plan: CampaignPlan, says: Judge) -> Int64s:
    """Return the row of each customer's last entry about a channel; -1 = none."""
    who = pc.index_in(consents["customer_id"], value_set=ids).to_numpy()
    of_all = {text.strip().casefold() for text in plan.all_channels}
    named = by_value(consents["channel"], lambda text: (text or "").strip().casefold())
    state = _entries(consents, says)
    is_foreign = ~np.isin(named, [*KNOWN_CHANNELS, *plan.used_channels, *of_all])
    rows = np.flatnonzero(np.isin(named, [channel, *of_all]) | (is_foreign & (state != ALLOWED)))
    at = consents["at"].cast(pa.int64()).to_numpy()
    # In order of customer, time, and what allows most: the last of a customer counts.
    newest_first = rows[np.lexsort((-state[rows], at[rows], who[rows]))][::-1]
    customers, first = np.unique(who[newest_first], return_index=True)
    found = np.full(len(ids), -1, dtype=np.int64)
    found[customers] = newest_first[first]
    return found


def _entries(consents: pa.Table, says: Judge) -> npt.NDArray[np.int8]:
    """Return what each entry says; one without a value allows nothing."""
    state = by_value(consents["value"], says).astype(np.int8)
    return np.where(state == SILENT, UNKNOWN, state).astype(np.int8)


def _stricter(cells: pa.ChunkedArray, said: pa.ChunkedArray, is_said: npt.NDArray[np.bool_], says: Judge) -> pa.Array:
    """Return for each customer the text that forbids more; of an entry without value, a text that is no consent."""
    texts = pc.if_else(pa.array(is_said), pc.fill_null(said, "?"), None)
    texts = pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), "?", texts)
    column, history = by_value(cells, says), by_value(texts, says)
    return pc.if_else(pa.array(history < column), texts, cells)
