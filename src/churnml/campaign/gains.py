"""What each action would gain with each customer, between a low and a high end, and what money it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.decisions import Ranking
from churnml.campaign.gain import Estimate, expected_gains
from churnml.campaign.people import People
from churnml.campaign.plan import ActionPlan, CampaignPlan

__all__ = ["Gains", "action_gains"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gains:
    """Economics of each customer and action, all of shape (n_customers, n_actions).

    Parameters
    ----------
    worth : ndarray
        What the choice goes by: expected gain, or customers expected to be kept where no value is known.
    gain, low, high : ndarray
        Expected gain in money, and its ends; NaN where they are not known.
    spends : ndarray
        Money the action takes: the contact, and what it is expected to give away.
    effect : ndarray
        Share of the probability of leaving that it removes.
    ranking : str
    """

    worth: Floats
    gain: Floats
    low: Floats
    high: Floats
    spends: Floats
    effect: Floats
    ranking: Ranking


def action_gains(people: People, plan: CampaignPlan) -> Gains:
    """Return the economics of every action with every customer."""
    at_risk = ~np.isnan(people.p_churn)
    known = ~np.isnan(people.clv[at_risk] if at_risk.any() else people.clv)
    ranking: Ranking = "expected_gain" if known.any() else "probability"
    effect = np.column_stack([_effect(action, people.segment) for action in plan.choices])
    spends = np.column_stack([_spends(action, people.clv) for action in plan.choices])
    of_value, of_effect = _ends_of_value(people), [_bound(plan, effect, end) for end in ("low", "high")]
    found = expected_gains(
        Estimate(people.p_leave),
        Estimate(people.lost, *of_value),
        Estimate(effect, *of_effect),
        cost=spends,
    )
    is_known = ~(np.isnan(of_effect[0]) & np.isnan(of_effect[1]) & np.isnan(of_value[0])[:, None])
    low, high = (np.where(is_known, end, np.nan) for end in (found.low, found.high))
    worth = found.expected if ranking == "expected_gain" else people.p_leave[:, None] * effect
    return Gains(worth, found.expected, low, high, spends, effect, ranking)


def _ends_of_value(people: People) -> tuple[Floats, Floats]:
    """Return what is lost at both ends of the interval of the value, as far off in proportion; NaN = not told."""
    unknown, told = np.full(len(people.clv), np.nan), people.scores.column_names
    if "clv_low" not in told or "clv_high" not in told:
        return unknown, unknown
    low, high = (
        pc.fill_null(people.scores[name].cast(pa.float64()), np.nan).to_numpy() for name in ("clv_low", "clv_high")
    )
    ratio = np.divide(people.lost, people.clv, out=np.full(len(people.clv), np.nan), where=people.clv > 0)
    return np.maximum(low, 0.0) * ratio, np.maximum(high, 0.0) * ratio


def _effect(action: ActionPlan, segment: pa.Array) -> Floats:
    by_segment = action.effect_by_segment
    distinct = pc.unique(segment)
    values = np.array([by_segment.get(level, action.effect) for level in distinct.to_pylist()], dtype=np.float64)
    found: Floats = values[pc.index_in(segment, value_set=distinct).to_numpy()]
    return found


def _bound(plan: CampaignPlan, effect: Floats, end: str) -> Floats:
    """Return the ends of the effects, as far from each as the action's own end is from its effect; NaN = not known."""
    ends = [getattr(action, f"effect_{end}") for action in plan.choices]
    shifts = [np.nan if e is None else e - action.effect for e, action in zip(ends, plan.choices, strict=True)]
    return np.asarray(np.clip(effect + np.array(shifts), -1, 1))


def _spends(action: ActionPlan, clv: Floats) -> Floats:
    worth = np.maximum(np.nan_to_num(clv, nan=0.0), 0.0)
    return np.asarray(action.cost + action.take_rate * (action.gives + action.gives_share * worth))
