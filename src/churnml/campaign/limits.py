"""The limits of a campaign as the allocation takes them, and what each of them kept from being done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.campaign.allocate import Allocation, Limit
from churnml.campaign.decisions import LimitUse
from churnml.campaign.plan import CampaignPlan

__all__ = ["CampaignLimit", "campaign_limits", "limit_uses", "stopped_by", "unfit"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class CampaignLimit:
    """A limit and what it means.

    Parameters
    ----------
    limit : Limit
    reason : str
        ``over_budget`` or ``over_capacity``.
    team, channel : str
        Of a team's places; empty otherwise.
    n_lost : int
        Places there would be more, did the campaign not stop before.
    """

    limit: Limit
    reason: str
    team: str = ""
    channel: str = ""
    n_lost: int = 0


def campaign_limits(
    plan: CampaignPlan, *, spends: Floats, channel: Texts, team: Mapping[str, Int64s], n_days: int, n_days_lost: int
) -> list[CampaignLimit]:
    """Return the limits: money, contacts in all, and the places of each team and channel.

    Parameters
    ----------
    plan : CampaignPlan
    spends : ndarray, shape (n_customers, n_actions)
        Money each action takes.
    channel : ndarray of str, shape (n_customers, n_actions)
        Channel each action would take; empty = none.
    team : mapping of str to ndarray of int64, shape (n_customers,)
        Channel -> place in ``plan.teams`` of the team that contacts each customer there.
    n_days, n_days_lost : int
        Working days there are, and those lost because the campaign stops.
    """
    found = []
    if plan.budget is not None:
        found.append(CampaignLimit(Limit("budget", plan.budget, spends), "over_budget"))
    if plan.capacity is not None:
        ones = np.ones(spends.shape[1])
        found.append(CampaignLimit(Limit("capacity", float(plan.capacity), ones), "over_capacity"))
    for place, one in enumerate(plan.teams):
        for name, per_day in one.per_day.items():
            weights = _takes(plan, name, channel)
            limit = Limit(f"{one.name}/{name}", float(per_day * n_days), weights, team[name] == place)
            found.append(CampaignLimit(limit, "over_capacity", one.name, name, per_day * n_days_lost))
    return found


def _takes(plan: CampaignPlan, name: str, channel: Texts) -> Floats:
    """Return which actions take a place on a channel; one row for all where each action has one channel."""
    if all(len(action.channels) == 1 for action in plan.choices):
        return np.array([float(action.channels[0] == name) for action in plan.choices])
    return np.asarray(channel == name, dtype=np.float64)


def unfit(one: CampaignLimit, *, shape: tuple[int, int]) -> Bools | None:
    """Return the actions that alone would break a limit; None where there are none.

    Parameters
    ----------
    one : CampaignLimit
    shape : (n_customers, n_actions)
    """
    too_much = one.limit.weights > one.limit.at_most
    if not too_much.any():
        return None
    members = np.ones(shape[0], dtype=bool) if one.limit.members is None else one.limit.members
    found: Bools = np.broadcast_to(too_much, shape) & members[:, None]
    return found


def stopped_by(limits: Sequence[CampaignLimit], found: Allocation, who: Bools) -> Int64s:
    """Return the limit that stopped each customer: the one that takes most of the gain at its price.

    Parameters
    ----------
    limits : sequence of CampaignLimit
    found : Allocation
    who : ndarray of bool, shape (n_customers,)
        Candidates without an action.

    Returns
    -------
    ndarray of int64, shape (n_customers,)
        -1 for the others.
    """
    stopped = np.full(len(who), -1, dtype=np.int64)
    rows = np.flatnonzero(who)
    if not limits or not len(rows):
        return stopped
    at = (rows, found.best[rows])
    charge, lacks = [], []
    for one in limits:
        weights = np.broadcast_to(one.limit.weights, (len(who), np.shape(one.limit.weights)[-1]))[at]
        weights = weights if one.limit.members is None else np.where(one.limit.members[rows], weights, 0.0)
        charge.append(weights * found.prices[one.limit.name])
        lacks.append(found.used[one.limit.name] + weights > one.limit.at_most)
    charges = np.array(charge).reshape(len(limits), -1)
    # Where prices are nil, whole contacts did not divide a limit evenly: what has no room left is what stopped.
    charges = np.where(charges.max(axis=0) > 0, charges, np.array(lacks).astype(float))
    stopped[rows] = charges.argmax(axis=0)
    return stopped


def limit_uses(
    limits: Sequence[CampaignLimit], found: Allocation, stopped: Int64s, *, value_at_risk: Floats, gain: Floats
) -> tuple[LimitUse, ...]:
    """Return what each limit did.

    Parameters
    ----------
    limits : sequence of CampaignLimit
    found : Allocation
    stopped : ndarray of int64, shape (n_customers,)
        Limit that stopped each customer; -1 = none did.
    value_at_risk, gain : ndarray, shape (n_customers,)
        What is at stake, and the expected gain of the best action; NaN counts as nothing.
    """
    return tuple(
        LimitUse(
            name=one.limit.name,
            reason=one.reason,
            team=one.team,
            channel=one.channel,
            at_most=one.limit.at_most,
            used=float(found.used[one.limit.name]),
            price=float(found.prices[one.limit.name]),
            n_left_out=int((stopped == number).sum()),
            value_at_risk=float(np.nansum(value_at_risk[stopped == number])),
            expected_gain=float(np.nansum(gain[stopped == number])),
        )
        for number, one in enumerate(limits)
    )
