"""One decision per customer: contact, hold out, or leave out with the first reason that holds."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.campaign.allocate import Allocation, allocate
from churnml.campaign.candidates import Candidates
from churnml.campaign.consent import permit
from churnml.campaign.decisions import EXCLUSIONS, Decisions, Ranking
from churnml.campaign.eligibility import broken_rule
from churnml.campaign.gains import Gains, action_gains
from churnml.campaign.holdout import assign
from churnml.campaign.limits import CampaignLimit, campaign_limits, limit_uses, stopped_by, unfit
from churnml.campaign.outcome import Outcome, decisions_table
from churnml.campaign.pauses import past_contacts
from churnml.campaign.people import People, people_of
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.playbook import Playbook
from churnml.campaign.reach import Reach, reach_of
from churnml.campaign.teams import NO_TEAM, working_days
from churnml.timeline import days_to_us, us_to_date

__all__ = ["EXCLUSIONS", "Decisions", "Ranking", "decide"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def decide(
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    playbook: Playbook | None = None,
    attributes: pa.Table | None = None,
    past: pa.Table | None = None,
    ledger: pa.Table | None = None,
) -> Decisions:
    """Decide for every scored customer; the order of the rows changes nothing.

    Rules narrow what can be done with a customer, in the order of :data:`EXCLUSIONS`. Of the candidates left a share is
    set aside by stratum of value tier and segment, before anything is allocated; the others get the actions that
    together gain most under all limits. Of those set aside who would have been taken at the prices of the limits is the
    hold-out; nobody else is compared.

    Where the value of nobody at risk is known, the customers expected to be kept, ``p_churn`` times effect, take the
    place of the expected gain. A value missing for some only leaves those out: no gain can be shown for them.

    Parameters
    ----------
    scores : Table
        ``customer_id``, ``as_of``, ``p_churn`` (null = not at risk), ``clv``, ``model_version``; where present also
        ``risk_band``, ``value_tier``, ``value_at_risk``, ``contact_by``, ``reason_1`` to ``reason_3``. A null
        ``risk_band`` says that the customer was not scored.
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    plan : CampaignPlan
    playbook : Playbook or None
        Which actions fit whom; None = all fit all.
    attributes : Table or None
        ``customer_id`` and the columns of the customers that rules and segment ask for.
    past : Table or None
        See :func:`churnml.campaign.pauses.past_contacts`.
    ledger : Table or None
        Earlier draws of this campaign, see :func:`churnml.campaign.holdout.assign`.

    Raises
    ------
    DataError
        If there are no scores, a column is missing, a customer is scored twice, or the scores are of several dates or
        models.
    PrivacyError
        If too many consent values are unknown.
    """
    people = people_of(scores, contacts, attributes, plan=plan)
    reach = reach_of(people, plan, permit(people.ids, contacts, plan=plan, channels=plan.used_channels))
    gains = action_gains(people, plan)
    left = Candidates(len(people.ids), len(plan.choices))
    _by_person(left, people, reach, plan)
    priority, labels = _by_action(left, people, reach, plan, playbook, past)
    left.keep_only(np.where(np.isnan(gains.worth), -np.inf, gains.worth) > 0, "gain_not_positive")
    days, n_lost = _days(people, plan)
    limits = campaign_limits(
        plan, spends=gains.spends, channel=reach.channel, team=reach.team_on, n_days=len(days), n_days_lost=n_lost
    )
    wanted = np.where(left.allowed, gains.worth, -np.inf)
    for one in limits:
        if (too_much := unfit(one, shape=left.allowed.shape)) is not None:
            left.allowed &= ~too_much
    held, ledger = _held(people, wanted, plan, ledger)
    found = allocate(np.where(left.allowed, gains.worth, -np.inf), [one.limit for one in limits], withheld=held)
    outcome = _outcome(left, wanted, found, held, gains, limits)
    uses = limit_uses(limits, found, outcome.stopped, value_at_risk=people.at_stake, gain=outcome.gain)
    _name_limits(left, outcome, limits, found)
    table = decisions_table(
        people, plan, reach, left, outcome, days=days, latest=_latest(people, plan), priority=priority, labels=labels
    )
    return Decisions(
        table=table,
        plan=plan,
        as_of=people.as_of,
        model_version=people.model_version,
        consent_mode=reach.permissions.mode,
        consent=reach.permissions.tallies,
        ranking=gains.ranking,
        limits=uses,
        gap=found.gap,
        ledger=ledger,
        spent=outcome.sum_of(gains.spends),
        kept=outcome.sum_of(people.p_leave[:, None] * gains.effect),
    )


def _by_person(left: Candidates, people: People, reach: Reach, plan: CampaignPlan) -> None:
    """Leave out whom a rule about the person concerns, whatever the action."""
    is_silent = np.isnan(people.p_churn)
    left.leave_out(is_silent & people.is_scored, "not_at_risk")
    left.leave_out(reach.permissions.reason == "objected", "objected")
    left.leave_out(is_silent, "not_scored")
    left.leave_out(reach.permissions.reason != "", reach.permissions.reason)
    why = broken_rule(people.attributes, plan.eligibility)
    left.leave_out(why != "", "ineligible", why)


def _by_action(
    left: Candidates, people: People, reach: Reach, plan: CampaignPlan, playbook: Playbook | None, past: pa.Table | None
) -> tuple[npt.NDArray[np.int64], dict[str, pa.Array]]:
    """Forbid the actions that do not fit; return the playbook's priorities and words."""
    priority = np.zeros(len(people.ids), dtype=np.int64)
    labels: dict[str, pa.Array] = {}
    if playbook is not None:
        names = [action.name for action in plan.choices]
        fits, priority, labels = playbook.apply(people.cause, people.tier, people.segment, actions=names)
        left.keep_only(fits, "no_action")
    left.keep_only(reach.channel != "", "no_consent_for_action")
    contacted = past_contacts(people.ids, past, plan=plan)
    if past is not None and plan.pause_days:
        rested = np.zeros_like(left.allowed)
        for channel in plan.used_channels:
            free = ~contacted.in_pause(channel, plan.pause_days, as_of=people.as_of_us)
            rested |= (reach.channel == channel) & free[:, None]
        left.keep_only(rested, "in_pause")
    left.leave_out(contacted.over_cap(plan, as_of=people.as_of_us), "over_cap")
    left.leave_out(np.isin(people.control, plan.leave_out), "uncontrollable")
    if plan.teams:
        shared = {channel for team in plan.teams for channel in team.per_day}
        is_shared = np.isin(reach.channel.astype(str), sorted(shared))
        left.keep_only((reach.team != NO_TEAM) | ~is_shared, "no_team")
    return priority, labels


def _latest(people: People, plan: CampaignPlan) -> date:
    """Return the last day of the campaign for a list of that day."""
    end = us_to_date(people.as_of_us + days_to_us(plan.contact_within_days), timezone=plan.timezone)
    return end if plan.stop_on is None else min(end, plan.stop_on)


def _days(people: People, plan: CampaignPlan) -> tuple[list[date], int]:
    """Return the working days there are, and how many are lost because the campaign stops."""
    end = us_to_date(people.as_of_us + days_to_us(plan.contact_within_days), timezone=plan.timezone)
    days = working_days(plan, as_of=people.as_of, last=_latest(people, plan))
    return days, len(working_days(plan, as_of=people.as_of, last=end)) - len(days)


def _held(people: People, wanted: Floats, plan: CampaignPlan, ledger: pa.Table | None) -> tuple[Bools, pa.Table]:
    """Set candidates aside, by stratum of value tier and segment."""
    rows = np.flatnonzero((wanted > 0).any(axis=1))
    drawn, ledger = assign(
        people.ids.take(pa.array(rows)),
        people.strata.take(pa.array(rows)),
        campaign=plan.name,
        seed=plan.seed,
        share=plan.holdout_share,
        drawn_on=people.as_of,
        ledger=ledger,
    )
    held = np.zeros(len(people.ids), dtype=bool)
    held[rows] = drawn
    return held, ledger


def _outcome(
    left: Candidates, wanted: Floats, found: Allocation, held: Bools, gains: Gains, limits: list[CampaignLimit]
) -> Outcome:
    """Return what comes of the allocation: contacts, hold-outs, and which limit stopped the others."""
    is_contact = found.choice >= 0
    # Who stands behind the last contact would not have been taken, and is no comparison.
    is_holdout = held & (np.nan_to_num(found.reduced, nan=-np.inf) > 0)
    waits = left.still & ~is_contact & ~is_holdout
    stopped = stopped_by(limits, found, waits & (found.best >= 0))
    for number, one in enumerate(limits):
        if (too_much := unfit(one, shape=wanted.shape)) is not None:
            only_that = waits & (stopped < 0) & (too_much & (wanted > 0)).any(axis=1)
            stopped[only_that] = number
    best = np.where(np.isneginf(wanted).all(axis=1), -1, wanted.argmax(axis=1))
    action = np.where(is_contact, found.choice, np.where(is_holdout, found.best, best))
    return Outcome.of(is_contact, is_holdout, action, stopped, gains)


def _name_limits(left: Candidates, outcome: Outcome, limits: list[CampaignLimit], found: Allocation) -> None:
    """Say of each who waits what stopped them: a limit, or, for the places lost by it, the end of the campaign."""
    for number, one in enumerate(limits):
        waits = outcome.stopped == number
        if one.n_lost:
            rows = np.flatnonzero(waits)
            order = rows[np.argsort(-np.nan_to_num(found.reduced[rows], nan=-np.inf), kind="stable")]
            is_lost = np.zeros(len(waits), dtype=bool)
            is_lost[order[: one.n_lost]] = True
            left.leave_out(is_lost, "after_stop")
        detail = np.full(len(waits), one.limit.name if one.team else "", dtype=object)
        left.leave_out(waits, one.reason, detail)
    # Without any limit in the way, an action was not taken because its gain vanished at the prices.
    left.leave_out(~outcome.is_contact & ~outcome.is_holdout, "over_capacity")
