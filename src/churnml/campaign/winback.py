"""Whom to win back: lost, agreed, recoverable customers by what their return is expected to be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent import Permissions, permit
from churnml.campaign.economics import n_affordable
from churnml.campaign.eligibility import broken_rule
from churnml.campaign.holdout import draw
from churnml.campaign.pauses import PastContacts, past_contacts
from churnml.campaign.plan import CampaignPlan
from churnml.timeline import days_to_us, us_to_date

__all__ = ["WINBACK_EXCLUSIONS", "Lost", "LostDecisions", "decide_lost", "stop_dates"]

WINBACK_EXCLUSIONS = (
    "still_at_risk",
    "past_stop_date",
    "not_recoverable",
    "reason_not_known",
    "objected",
    "no_consent_recorded",
    "no_consent",
    "no_contact_data",
    "ineligible",
    "in_pause",
    "over_cap",
    "return_not_worth",
    "over_budget",
    "over_capacity",
)
"""Why a lost customer is not listed, in the order in which the reasons are looked at."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Lost:
    """The customers lost at ``as_of``.

    Parameters
    ----------
    table : Table
        ``customer_id``; ``since`` (microseconds, from when on lost; null = not known); ``p_return``;
        ``value_after_return`` (null = not known); ``is_at_risk`` (the retention list looks after them); ``verdict`` and
        ``last_verdict``, see :meth:`churnml.campaign.recoverable.ReasonRule.verdict`: the worst of all reasons ever
        given, and that of the last one; ``last_reason`` (text or null).
    list_for_days : int
        How long after the loss a customer may be listed.
    lists_others : bool
        Whether a last reason that is not known may be listed.
    return_within_days : int
        What ``p_return`` is counted for.
    value_days : int
        What the value is counted for; 0 = no value is known.
    learned : mapping
        Which rule the probabilities come from, and how it did on later dates.
    past : Table or None
        Contacts made before, see :func:`churnml.campaign.pauses.past_contacts`.
    attributes : Table or None
        ``customer_id`` and the columns that the campaign's rules ask for.
    """

    table: pa.Table
    list_for_days: int
    lists_others: bool
    return_within_days: int
    value_days: int
    learned: Mapping[str, Any]
    past: pa.Table | None = None
    attributes: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class LostDecisions:
    """What becomes of each lost customer, one entry a row of the sorted table.

    Parameters
    ----------
    decision : ndarray of str
        ``contact``, ``holdout`` or ``excluded``.
    exclusion : ndarray of str
        One of :data:`WINBACK_EXCLUSIONS`; empty where not left out.
    ranked : ndarray of int
        Rows that stand in the ranking, best first.
    gain : ndarray
        Probability of a return times value after it, minus the cost; NaN where no value is known.
    allowed : Permissions
    channel, reach_at : ndarray of str
        First channel that is open and not in a pause, and the address or number there; empty where there is none.
    n_known : int
        Of how many a gain is known.
    """

    decision: Texts
    exclusion: Texts
    ranked: npt.NDArray[np.intp]
    gain: Floats
    allowed: Permissions
    channel: Texts
    reach_at: Texts
    n_known: int


def decide_lost(
    table: pa.Table, contacts: pa.Table | None, *, lost: Lost, plan: CampaignPlan, as_of_us: int
) -> LostDecisions:
    """Decide for every lost customer: ask to come back, hold out, or leave out with the first reason that holds.

    Candidates are ranked by the probability of a return times the value after it, minus the cost; where no value is
    known of anybody, by the probability alone. Ties by id. Hold-outs are drawn by hash while walking down, until
    capacity or budget is used up.

    Parameters
    ----------
    table : Table
        That of ``lost``, sorted by customer.
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    lost : Lost
    plan : CampaignPlan
        Name of the list, cost, capacity, budget, channels, hold-out share.
    as_of_us : int
    """
    customers = table["customer_id"].combine_chunks()
    p, value = _floats(table["p_return"]), _floats(table["value_after_return"])
    gain = p * value - plan.cost
    has_values = bool(np.isfinite(gain).any())
    worth = gain if has_values else p
    allowed = permit(customers, contacts, plan=plan)
    rest = past_contacts(customers, lost.past, plan=plan)
    channel, reach_at = _rested(allowed, rest, plan, as_of_us)
    verdict, last = (np.asarray(table[name].to_pylist(), dtype=object) for name in ("verdict", "last_verdict"))
    exclusion = np.select(
        [
            table["is_at_risk"].to_numpy(),
            _is_past(table["since"], lost.list_for_days, plan, as_of_us),
            verdict == "never",
            (last == "other") & (not lost.lists_others),
            allowed.reason != "",
            _breaks_rule(customers, lost.attributes, plan),
            channel == "",
            rest.over_cap(plan, as_of=as_of_us),
            ~(worth > 0),
        ],
        [*WINBACK_EXCLUSIONS[:4], allowed.reason, "ineligible", "in_pause", "over_cap", "return_not_worth"],
        default="",
    ).astype(object)
    ranked = np.flatnonzero(exclusion == "")
    ranked = ranked[np.argsort(-worth[ranked], kind="stable")]
    n_contacts, limit = n_affordable(budget=plan.budget, cost=plan.cost, capacity=plan.capacity)
    held = draw(customers.take(pa.array(ranked)).to_pylist(), campaign=plan.name, seed=plan.seed) < plan.holdout_share
    # Nobody behind the last contact is held out: they would not have been taken, and are no comparison.
    n_before: npt.NDArray[np.int64] = np.cumsum(~held) - ~held
    is_over = np.zeros(len(ranked), dtype=bool) if n_contacts is None else n_before >= n_contacts
    decision = np.full(len(p), "excluded", dtype=object)
    decision[ranked] = np.select([is_over, held], ["excluded", "holdout"], default="contact")
    exclusion[ranked] = np.where(is_over, limit, "")
    n_known = int(np.isfinite(gain).sum())
    return LostDecisions(decision, exclusion, ranked, gain, allowed, channel, reach_at, n_known)


def _rested(allowed: Permissions, rest: PastContacts, plan: CampaignPlan, as_of_us: int) -> tuple[Texts, Texts]:
    """Return the first channel that is open and not in a pause, and where the customer is reached there."""
    channel = np.full(len(allowed.channel), "", dtype=object)
    reach_at = channel.copy()
    for name in plan.channels:
        is_open = allowed.is_open.get(name, np.zeros(len(channel), dtype=bool)) & (channel == "")
        is_open &= ~rest.in_pause(name, plan.pause_days, as_of=as_of_us)
        # Where consent is checked elsewhere, so is the channel.
        channel[is_open] = name if allowed.mode == "recorded" else allowed.channel[is_open]
        if name in allowed.details:
            reach_at[is_open] = allowed.details[name][is_open]
    return channel, reach_at


def _breaks_rule(customers: pa.Array, attributes: pa.Table | None, plan: CampaignPlan) -> Bools:
    """Return who does not meet a rule of the campaign about customers; rules about scores do not concern the lost."""
    known = [] if attributes is None else attributes.column_names
    rules = [rule for rule in plan.eligibility if rule.column in known]
    if attributes is None or not rules:
        return np.zeros(len(customers), dtype=bool)
    place = pc.index_in(customers, value_set=attributes["customer_id"].combine_chunks())
    breaks: Bools = broken_rule(attributes.take(place), rules) != ""
    return breaks


def _is_past(since: pa.ChunkedArray, list_for_days: int, plan: CampaignPlan, as_of_us: int) -> Bools:
    """Return whose last day on the list lies before ``as_of``, by calendar days of the campaign's zone."""
    today = us_to_date(as_of_us, timezone=plan.timezone)
    days = [None if stop is None else stop < today for stop in stop_dates(since, list_for_days, plan)]
    return np.array([bool(is_past) for is_past in days], dtype=bool)


def stop_dates(since: pa.ChunkedArray, list_for_days: int, plan: CampaignPlan) -> list[date | None]:
    """Return the last day of each on the list; None where the day of the loss is not known."""
    reach = days_to_us(list_for_days)
    return [None if at is None else us_to_date(at + reach, timezone=plan.timezone) for at in since.to_pylist()]


def _floats(column: pa.ChunkedArray) -> Floats:
    return pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()  # type: ignore[no-any-return]
