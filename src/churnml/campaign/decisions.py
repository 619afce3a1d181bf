"""What a campaign does with every customer, and what its limits cost: the result of :func:`decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent import ConsentMode
from churnml.campaign.holdout import LEDGER
from churnml.campaign.plan import CampaignPlan

__all__ = ["EXCLUSIONS", "Decisions", "LimitUse", "Ranking"]

EXCLUSIONS = (
    "not_at_risk",
    "objected",
    "not_scored",
    "no_consent_recorded",
    "no_consent",
    "no_contact_data",
    "ineligible",
    "no_action",
    "no_consent_for_action",
    "in_pause",
    "over_cap",
    "uncontrollable",
    "no_team",
    "gain_not_positive",
    "over_budget",
    "over_capacity",
    "after_stop",
)
"""Why a customer is left out, in the order in which the reasons are looked at."""

Ranking = Literal["expected_gain", "probability"]


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How far a limit went, and what did not fit because of it.

    Parameters
    ----------
    name : str
        ``budget``, ``capacity``, or ``<team>/<channel>``.
    reason : str
        ``over_budget`` or ``over_capacity``: why those are left out whom it stops.
    team, channel : str
        Of a team's places; empty otherwise.
    at_most, used : float
        Money, or contacts.
    price : float
        What one more unit would gain; 0 where it does not bind.
    n_left_out : int
        Customers it left out.
    value_at_risk, expected_gain : float
        What they have at stake, and what contacting them would be expected to gain; 0 where no value is known.
    """

    name: str
    reason: str
    team: str
    channel: str
    at_most: float
    used: float
    price: float
    n_left_out: int
    value_at_risk: float
    expected_gain: float


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a campaign does with every customer.

    Parameters
    ----------
    table : Table
        ``customer_id``, ``decision`` (contact, holdout, excluded), ``exclusion`` (why left out) and
        ``exclusion_detail`` (which rule, or which team's places), ``rank``, ``channel``, ``reach_at``,
        ``name``/``owner``/``language`` (where declared), ``team`` (where there are teams), ``contact_by`` (latest day),
        ``contact_on`` (day planned within the places of each day) and ``action_words_<language>`` (the playbook's own)
        only for contacts; ``action`` also for hold-outs, for whom it is what would have been done; ``p_churn``,
        ``risk_band``, ``clv``, ``value_at_risk``, ``value_tier``, ``segment`` (where told apart), ``expected_gain`` of
        the action, or the best one, with ``gain_low`` and ``gain_high``, ``reason_1`` to ``reason_3``, ``cause`` of the
        first reason and ``control``, whose doing it is. Contacts by rank, then hold-outs by rank of gain, then the
        others by id.
    plan : CampaignPlan
    as_of : date
        Calendar day of the scores in the campaign's zone.
    model_version : str
    consent_mode : str
        See :class:`churnml.campaign.consent.Permissions`.
    consent : mapping
        Tallies per channel.
    ranking : str
        ``expected_gain``, or ``probability`` where the value of nobody at risk is known: then ``clv``,
        ``value_at_risk`` and ``expected_gain`` are null.
    limits : tuple of LimitUse
        What was used, what did not fit, and the price of one more unit.
    gap : float
        The list gains at most so much less than any list could, as a share.
    ledger : Table
        Who has been drawn for the hold-out so far; to be kept for the next list of the campaign.
    spent : float
        Money for contacts and what they are expected to give away.
    kept : float
        Customers whom the contacts are expected to keep.
    stale : tuple of str
        Tables behind the scores that were older than agreed.
    """

    table: pa.Table
    plan: CampaignPlan
    as_of: date
    model_version: str
    consent_mode: ConsentMode
    consent: Mapping[str, Mapping[str, float]]
    ranking: Ranking = "expected_gain"
    limits: tuple[LimitUse, ...] = ()
    gap: float = 0.0
    ledger: pa.Table = field(default_factory=LEDGER.empty_table)
    spent: float = 0.0
    kept: float = 0.0
    stale: tuple[str, ...] = ()

    def of(self, decision: str) -> pa.Table:
        """Return the rows of one decision."""
        return self.table.filter(pc.equal(self.table["decision"], decision))

    def total(self, column: str) -> float:
        """Return the sum of a column over the contacts, 0 where it has no value."""
        return float(pc.sum(self.of("contact")[column]).as_py() or 0.0)
