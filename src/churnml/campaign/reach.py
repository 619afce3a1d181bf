"""Where each action would reach each customer, and which team would do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.campaign.consent import Permissions
from churnml.campaign.people import People
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.teams import NO_TEAM, team_of

__all__ = ["Reach", "reach_of"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Channel and team of each customer and action.

    Parameters
    ----------
    permissions : Permissions
    channel : ndarray of str, shape (n_customers, n_actions)
        First channel of the action that is open; empty where none is.
    team : ndarray of int64, shape (n_customers, n_actions)
        Place in the plan's teams; :data:`churnml.campaign.teams.NO_TEAM` where nobody is responsible.
    team_on : mapping of str to ndarray of int64, shape (n_customers,)
        Channel -> place of the team.
    """

    permissions: Permissions
    channel: npt.NDArray[np.object_]
    team: npt.NDArray[np.int64]
    team_on: Mapping[str, npt.NDArray[np.int64]]


def reach_of(people: People, plan: CampaignPlan, permissions: Permissions) -> Reach:
    """Find the channel and the team for each customer and action."""
    n, k = len(people.ids), len(plan.choices)
    owners = people.personal["owner"] if "owner" in people.personal.column_names else None
    named = dict.fromkeys((*plan.used_channels, *(channel for team in plan.teams for channel in team.per_day)))
    team_on = {channel: team_of(plan, channel, owners, n=n) for channel in named}
    channel = np.full((n, k), "", dtype=object)
    team = np.full((n, k), NO_TEAM, dtype=np.int64)
    for number, action in enumerate(plan.choices):
        for name in action.channels:
            is_open = permissions.is_open.get(name, np.zeros(n, dtype=bool)) & (channel[:, number] == "")
            channel[is_open, number] = name
            team[is_open, number] = team_on[name][is_open]
    return Reach(permissions, channel, team, team_on)
