"""Who may be contacted, and where: only a declared consent opens a channel, everything else keeps it closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent_values import ALLOWED, CONSENT, REFUSED, SILENT, UNKNOWN, by_value, judge
from churnml.campaign.plan import CampaignPlan
from churnml.errors import DataError, PrivacyError

__all__ = ["UNASSIGNED", "ConsentMode", "Permissions", "objectors", "permit"]

UNASSIGNED = "unassigned"
"""Channel of a list without contact data: consent is checked where the contact data live."""

ConsentMode = Literal["recorded", "elsewhere", "missing"]

_OBJECTED = "objected"
# A channel that is not named here needs a contact column of its own name, where the data have one.
_NEEDS = {"email": "email", "phone": "phone", "sms": "phone", "whatsapp": "phone"}

Texts = npt.NDArray[np.object_]
Bools = npt.NDArray[np.bool_]
States = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What each customer agreed to, one entry a customer.

    Parameters
    ----------
    mode : str
        ``recorded``: consent columns decide; ``elsewhere``: the data name neither contact
        details nor consent, ids only; ``missing``: contact details without consent, nobody may be contacted.
    channel : ndarray of str
        First channel asked for that is open; empty where none is.
    reach_at : ndarray of str
        Address or number for that channel; empty where the data hold none.
    reason : ndarray of str
        ``objected``, ``no_consent``, ``no_consent_recorded`` or ``no_contact_data``; empty where a channel is open.
    tallies : mapping
        Channel -> ``allowed``, ``refused``, ``unknown`` (customers) and ``unknown_share``.
    is_open : mapping of str to ndarray of bool
        Channel asked for -> who agreed to it and can be reached there.
    details : mapping of str to ndarray of str
        Channel -> address or number; a channel whose addresses live elsewhere has none.
    """

    mode: ConsentMode
    channel: Texts
    reach_at: Texts
    reason: Texts
    tallies: Mapping[str, Mapping[str, float]]
    is_open: Mapping[str, Bools] = field(default_factory=dict)
    details: Mapping[str, Texts] = field(default_factory=dict)


def permit(
    customers: pa.Array,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    channels: Sequence[str] | None = None,
) -> Permissions:
    """Decide for each customer whether and where contact is allowed.

    Parameters
    ----------
    customers : Array of string
        Customer ids.
    contacts : Table or None
        ``customer_id``, contact details by role (``email``, ``phone``, ``name``, ``language``, ``owner``), per channel
        ``consent_<channel>``, and ``objected`` where objections are recorded. A customer without a row has agreed to
        nothing. None or ids alone = the data name neither contact details nor consent.
    plan : CampaignPlan
        Channels, consent values and the limit of unknown values.
    channels : sequence of str, optional
        In order of preference; None = ``plan.channels``.

    Raises
    ------
    DataError
        If a customer has two rows of contact data.
    PrivacyError
        If a channel's share of unknown consent values is above the limit.
    """
    asked = plan.channels if channels is None else tuple(channels)
    columns = [] if contacts is None else [name for name in contacts.column_names if name != "customer_id"]
    if contacts is None or not columns:
        return _everyone(len(customers), "elsewhere", asked, channel=UNASSIGNED)
    if not any(name.startswith(CONSENT) for name in columns):
        return _everyone(len(customers), "missing", asked, reason="no_consent_recorded")
    aligned = _align(customers, contacts)
    says = judge(plan.consent_values, plan.refusal_values)
    states = {
        channel: by_value(aligned[f"{CONSENT}{channel}"], says).astype(np.int8)
        for channel in asked
        if f"{CONSENT}{channel}" in columns
    }
    tallies = {channel: _tally(channel, state, limit=plan.unknown_consent_limit) for channel, state in states.items()}
    return _first_open(len(customers), aligned, {c: s == ALLOWED for c, s in states.items()}, tallies)


def objectors(contacts: pa.Table | None) -> pa.Array:
    """Return the ids of customers who objected to marketing altogether.

    Parameters
    ----------
    contacts : Table or None
        As for :func:`permit`.
    """
    if contacts is None:
        return pa.array([], pa.string())
    return contacts["customer_id"].filter(pa.array(_objected(contacts))).combine_chunks().cast(pa.string())


def _everyone(n: int, mode: ConsentMode, asked: Sequence[str], *, channel: str = "", reason: str = "") -> Permissions:
    is_open = {name: np.full(n, not reason) for name in asked}
    return Permissions(mode, _texts(n, channel), _texts(n, ""), _texts(n, reason), {}, is_open)


def _first_open(
    n: int, aligned: pa.Table, agreed: Mapping[str, Bools], tallies: Mapping[str, Mapping[str, float]]
) -> Permissions:
    """Give each customer the first channel they agreed to and can be reached on."""
    channel, reach_at = _texts(n, ""), _texts(n, "")
    has_agreed, objected = np.zeros(n, dtype=bool), _objected(aligned)
    is_open, details = {}, {}
    for name, allowed in agreed.items():
        found = _details(name, aligned)
        has_agreed |= allowed
        is_open[name] = allowed & ~objected & (found != "" if found is not None else True)
        is_first = is_open[name] & (channel == "")
        channel[is_first] = name
        if found is not None:
            details[name] = found
            reach_at[is_first] = found[is_first]
    reason = np.select(
        [objected, ~has_agreed, channel == ""], ["objected", "no_consent", "no_contact_data"], default=""
    ).astype(object)
    return Permissions("recorded", channel, reach_at, reason, tallies, is_open, details)


def _align(customers: pa.Array, contacts: pa.Table) -> pa.Table:
    """Return the contact rows in the order of the customers; a customer without a row has nulls."""
    ids = contacts["customer_id"].combine_chunks()
    if twice := len(ids) - len(pc.unique(ids)):
        raise DataError(
            "customers have more than one row of contact data",
            rule="data.customer_twice",
            column="customer_id",
            count=twice,
            next_step="Keep one row per customer; two rows may say different things about consent.",
        )
    return contacts.take(pc.index_in(customers, value_set=ids))


def _objected(aligned: pa.Table) -> Bools:
    """Return who objected: whose cell holds anything but a blank or a plain no."""
    if _OBJECTED not in aligned.column_names:
        return np.zeros(aligned.num_rows, dtype=bool)
    harmless = {"", "no", "n", "false", "0"}
    return by_value(aligned[_OBJECTED], lambda text: (text or "").strip().casefold() not in harmless).astype(bool)


def _details(channel: str, aligned: pa.Table) -> Texts | None:
    """Return the address or number for a channel; None where that channel's addresses live elsewhere."""
    column = _NEEDS.get(channel, channel)
    if column not in aligned.column_names:
        # With ids and consents alone the consent still holds. Where other addresses are here, this one is missing.
        is_here = channel in _NEEDS and not set(_NEEDS.values()).isdisjoint(aligned.column_names)
        return _texts(aligned.num_rows, "") if is_here else None
    texts = pc.utf8_trim_whitespace(pc.fill_null(aligned[column].cast(pa.string()), ""))
    return np.asarray(texts.to_pylist(), dtype=object)


def _tally(channel: str, state: States, *, limit: float) -> dict[str, float]:
    counts = {name: int(np.isin(state, said).sum()) for name, said in _STATES.items()}
    share = counts["unknown"] / len(state) if len(state) else 0.0
    if share > limit:
        raise PrivacyError(
            f"{share:.1%} of the consent values are neither a declared consent nor a refusal, above the limit "
            f"of {limit:.1%}",
            rule="privacy.consent_unknown",
            column=f"{CONSENT}{channel}",
            count=counts["unknown"],
            next_step="Declare the values in campaign.consent_values or campaign.refusal_values, or mend the consent "
            "data.",
        )
    return {**counts, "unknown_share": share}


_STATES = {"allowed": [ALLOWED], "refused": [REFUSED], "unknown": [UNKNOWN, SILENT]}


def _texts(n: int, text: str) -> Texts:
    return np.full(n, text, dtype=object)
