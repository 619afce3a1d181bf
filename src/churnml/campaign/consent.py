"""Who may be contacted, and where: only a declared consent opens a channel, everything else keeps it closed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import CampaignPlan
from churnml.errors import DataError, PrivacyError

__all__ = ["UNASSIGNED", "ConsentMode", "Permissions", "permit"]

UNASSIGNED = "unassigned"
"""Channel of a list without contact data: consent is checked where the contact data live."""

ConsentMode = Literal["recorded", "elsewhere", "missing"]

_CONSENT = "consent_"
_OBJECTED = "objected"
# A channel that is not named here needs a contact column of its own name, where the data have one.
_NEEDS = {"email": "email", "phone": "phone", "sms": "phone", "whatsapp": "phone"}
_ALLOWED, _REFUSED, _UNKNOWN = 2, 1, 0

Texts = npt.NDArray[np.object_]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What each customer agreed to, one entry a customer.

    Parameters
    ----------
    mode : str
        ``recorded``: consent columns decide; ``elsewhere``: the data name neither contact details nor consent, ids
        only; ``missing``: contact details without consent, nobody may be contacted.
    channel : ndarray of str
        First channel of the campaign that is open; empty where none is.
    reach_at : ndarray of str
        Address or number for that channel; empty where the data hold none.
    reason : ndarray of str
        ``objected``, ``no_consent``, ``no_consent_recorded`` or ``no_contact_data``; empty where a channel is open.
    tallies : mapping
        Channel -> ``allowed``, ``refused``, ``unknown`` (customers) and ``unknown_share``.
    """

    mode: ConsentMode
    channel: Texts
    reach_at: Texts
    reason: Texts
    tallies: Mapping[str, Mapping[str, float]]


def permit(customers: pa.Array, contacts: pa.Table | None, *, plan: CampaignPlan) -> Permissions:
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

    Raises
    ------
    DataError
        If a customer has two rows of contact data.
    PrivacyError
        If a channel's share of unknown consent values is above the limit.
    """
    columns = [] if contacts is None else [name for name in contacts.column_names if name != "customer_id"]
    if contacts is None or not columns:
        return _everyone(len(customers), "elsewhere", channel=UNASSIGNED)
    if not any(name.startswith(_CONSENT) for name in columns):
        return _everyone(len(customers), "missing", reason="no_consent_recorded")
    aligned = _align(customers, contacts)
    states = {
        channel: _states(aligned[f"{_CONSENT}{channel}"], plan)
        for channel in plan.channels
        if f"{_CONSENT}{channel}" in columns
    }
    tallies = {channel: _tally(channel, state, limit=plan.unknown_consent_limit) for channel, state in states.items()}
    return _first_open(len(customers), aligned, {c: s == _ALLOWED for c, s in states.items()}, tallies)


def _everyone(n: int, mode: ConsentMode, *, channel: str = "", reason: str = "") -> Permissions:
    return Permissions(mode, _texts(n, channel), _texts(n, ""), _texts(n, reason), {})


def _first_open(
    n: int, aligned: pa.Table, agreed: Mapping[str, Bools], tallies: Mapping[str, Mapping[str, float]]
) -> Permissions:
    """Give each customer the first channel they agreed to and can be reached on."""
    channel, reach_at = _texts(n, ""), _texts(n, "")
    has_agreed = np.zeros(n, dtype=bool)
    for name, allowed in agreed.items():
        details = _details(name, aligned)
        is_open = allowed & (channel == "") & (details != "" if details is not None else True)
        has_agreed |= allowed
        channel[is_open] = name
        if details is not None:
            reach_at[is_open] = details[is_open]
    objected = _objected(aligned)
    reason = np.select(
        [objected, ~has_agreed, channel == ""], ["objected", "no_consent", "no_contact_data"], default=""
    ).astype(object)
    channel[objected], reach_at[objected] = "", ""
    return Permissions("recorded", channel, reach_at, reason, tallies)


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


def _states(column: pa.ChunkedArray, plan: CampaignPlan) -> npt.NDArray[np.int8]:
    """Return whether each cell is a declared consent, a refusal, or neither."""
    consents, refusals = _normal(plan.consent_values), _normal(plan.refusal_values)

    def state(text: str | None) -> int:
        cell = (text or "").strip().casefold()
        return _ALLOWED if cell and cell in consents else _REFUSED if cell in refusals else _UNKNOWN

    return _by_value(column, state).astype(np.int8)


def _objected(aligned: pa.Table) -> Bools:
    """Return who objected: whose cell holds anything but a blank or a plain no."""
    if _OBJECTED not in aligned.column_names:
        return np.zeros(aligned.num_rows, dtype=bool)
    harmless = {"", "no", "n", "false", "0"}
    return _by_value(aligned[_OBJECTED], lambda text: (text or "").strip().casefold() not in harmless).astype(bool)


def _details(channel: str, aligned: pa.Table) -> Texts | None:
    """Return the address or number for a channel; None where that channel's addresses live elsewhere."""
    column = _NEEDS.get(channel, channel)
    if column not in aligned.column_names:
        # With ids and consents alone the consent still holds. Where other addresses are here, this one is missing.
        is_here = channel in _NEEDS and not set(_NEEDS.values()).isdisjoint(aligned.column_names)
        return _texts(aligned.num_rows, "") if is_here else None
    texts = pc.utf8_trim_whitespace(pc.fill_null(aligned[column].cast(pa.string()), ""))
    return np.asarray(texts.to_pylist(), dtype=object)


def _by_value(column: pa.ChunkedArray, rule: Callable[[str | None], Any]) -> npt.NDArray[Any]:
    """Apply a rule once to each distinct text of a column."""
    texts = column.cast(pa.string())
    distinct = pc.unique(texts)
    found = np.array([rule(text) for text in distinct.to_pylist()])
    places: npt.NDArray[np.int64] = pc.index_in(texts, value_set=distinct).to_numpy()
    return found[places] if len(places) else found[:0]


def _tally(channel: str, state: npt.NDArray[np.int8], *, limit: float) -> dict[str, float]:
    counts = {name: int(np.sum(state == s)) for name, s in _STATES.items()}
    share = counts["unknown"] / len(state) if len(state) else 0.0
    if share > limit:
        raise PrivacyError(
            f"{share:.1%} of the consent values are neither a declared consent nor a refusal, above the limit "
            f"of {limit:.1%}",
            rule="privacy.consent_unknown",
            column=f"{_CONSENT}{channel}",
            count=counts["unknown"],
            next_step="Declare the values in campaign.consent_values, or mend the consent data.",
        )
    return {**counts, "unknown_share": share}


_STATES = {"allowed": _ALLOWED, "refused": _REFUSED, "unknown": _UNKNOWN}


def _normal(values: Collection[str]) -> set[str]:
    return {value.strip().casefold() for value in values}


def _texts(n: int, text: str) -> Texts:
    return np.full(n, text, dtype=object)
