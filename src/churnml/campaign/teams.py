"""Who makes which contact, and on which day: owners, places a day, working days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import ALL, CampaignPlan

__all__ = ["NO_TEAM", "fill_days", "team_of", "working_days"]

NO_TEAM = -1
"""Nobody is responsible: an owner of no team, on a channel that teams share out."""

Int64s = npt.NDArray[np.int64]


def working_days(plan: CampaignPlan, *, as_of: date, last: date) -> list[date]:
    """Return the days after ``as_of``, up to ``last``, on which contact is made.

    Examples
    --------
    >>> plan = CampaignPlan("spring", holidays=(date(2024, 7, 4),))
    >>> [day.day for day in working_days(plan, as_of=date(2024, 6, 30), last=date(2024, 7, 8))]
    [1, 2, 3, 5, 8]
    """
    days = (as_of + timedelta(days=n) for n in range(1, (last - as_of).days + 1))
    return [day for day in days if day.weekday() in plan.working_days and day not in plan.holidays]


def team_of(plan: CampaignPlan, channel: str, owners: pa.ChunkedArray | None, *, n: int) -> Int64s:
    """Return the place in ``plan.teams`` of the team that contacts each customer on a channel.

    Parameters
    ----------
    plan : CampaignPlan
    channel : str
    owners : ChunkedArray of string or None
        Owner of each customer; None = the data name none.
    n : int
        Number of customers.

    Returns
    -------
    ndarray of int64, shape (n,)
        A team that names the owner, else one of ``all``; where no team shares out the channel, the team of the owner
        as far as there is one; :data:`NO_TEAM` where nobody is responsible.
    """
    sharing = [place for place, team in enumerate(plan.teams) if channel in team.per_day]
    candidates = sharing or list(range(len(plan.teams)))
    found = np.full(n, NO_TEAM, dtype=np.int64)
    for place in candidates:
        if ALL in plan.teams[place].owners:
            found[found == NO_TEAM] = place
    if owners is not None:
        for place in reversed(candidates):
            named = pa.array([owner for owner in plan.teams[place].owners if owner != ALL], pa.string())
            found[pc.is_in(owners, value_set=named).to_numpy()] = place
    return found


def fill_days(order: npt.NDArray[np.intp], days: Sequence[date], *, per_day: int) -> dict[int, date]:
    """Return the day of each contact, the days filled from the first on.

    Parameters
    ----------
    order : ndarray of int
        Contacts, the most urgent first.
    days : sequence of date
        Ascending; there is room for all.
    per_day : int

    Examples
    --------
    >>> found = fill_days(np.array([7, 3, 5]), [date(2024, 7, 1), date(2024, 7, 2)], per_day=2)
    >>> [found[place].day for place in (7, 3, 5)]
    [1, 1, 2]
    """
    return {int(place): days[number // per_day] for number, place in enumerate(order)}
