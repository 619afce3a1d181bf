"""What has been decided, as one table: rows in the order of the files, personal data only where contact is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.candidates import Candidates
from churnml.campaign.consent import UNASSIGNED
from churnml.campaign.economics import risk_bands
from churnml.campaign.gains import Gains
from churnml.campaign.people import PERSONAL, REASONS, People
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.reach import Reach
from churnml.campaign.teams import NO_TEAM, fill_days
from churnml.timeline import DAY_US, us_to_date

__all__ = ["Outcome", "decisions_table"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the allocation, one entry a customer.

    Parameters
    ----------
    is_contact, is_holdout : ndarray of bool
    action : ndarray of int64
        Place of the action chosen, foreseen, or best; -1 = none is allowed.
    stopped : ndarray of int64
        Limit that stopped the customer; -1 = none.
    gain, low, high : ndarray
        Of that action, else of the best one; NaN where the value is not known.
    worth : ndarray
        What the choice goes by.
    """

    is_contact: Bools
    is_holdout: Bools
    action: Int64s
    stopped: Int64s
    gain: Floats
    low: Floats
    high: Floats
    worth: Floats

    @classmethod
    def of(cls, is_contact: Bools, is_holdout: Bools, action: Int64s, stopped: Int64s, gains: Gains) -> Outcome:
        """Take the figures of each customer's action; of who has none, those of the best one."""
        best = np.where(np.isnan(gains.worth), -np.inf, gains.worth).argmax(axis=1)
        at = (np.arange(len(action)), np.where(action < 0, best, action))
        return cls(
            is_contact, is_holdout, action, stopped, gains.gain[at], gains.low[at], gains.high[at], gains.worth[at]
        )

    def sum_of(self, figures: Floats) -> float:
        """Return the sum over the contacts of a figure of each customer and action."""
        rows = np.flatnonzero(self.is_contact)
        return float(figures[rows, self.action[rows]].sum())


def decisions_table(
    people: People,
    plan: CampaignPlan,
    reach: Reach,
    left: Candidates,
    outcome: Outcome,
    *,
    days: Sequence[date],
    latest: date,
    priority: Int64s,
    labels: Mapping[str, pa.Array],
) -> pa.Table:
    """Put the decisions together, in order.

    Parameters
    ----------
    people, plan, reach, left, outcome
    days : sequence of date
        Working days of the campaign.
    latest : date
        Its last day.
    priority : ndarray of int64, shape (n_customers,)
        Of the playbook: 1 = first.
    labels : mapping of str to Array
        Language -> the playbook's own words.
    """
    order = _order(outcome)
    rank = np.zeros(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    contact_by = _contact_by(people, plan, outcome.is_contact, latest)
    columns = {"customer_id": people.ids, **_decided(left, outcome), **_how(people, plan, reach, outcome, labels)}
    columns |= _figures(people, plan, outcome)
    columns["rank"] = pa.array(rank, mask=~outcome.is_contact)
    columns["contact_by"] = pa.array(contact_by, pa.date32())
    columns["contact_on"] = pa.array(
        _contact_on(plan, reach, outcome, contact_by, priority, rank, days, latest), pa.date32()
    )
    return pa.table(columns).take(pa.array(order))


def _order(outcome: Outcome) -> npt.NDArray[np.intp]:
    """Return contacts by what they gain, then hold-outs, then the others by id."""
    by_worth = np.argsort(-np.nan_to_num(outcome.worth, nan=-np.inf), kind="stable")
    contacts, holdouts = by_worth[outcome.is_contact[by_worth]], by_worth[outcome.is_holdout[by_worth]]
    return np.concatenate([contacts, holdouts, np.flatnonzero(~outcome.is_contact & ~outcome.is_holdout)])


def _decided(left: Candidates, outcome: Outcome) -> dict[str, pa.Array]:
    arms = np.select([outcome.is_contact, outcome.is_holdout], ["contact", "holdout"], default="excluded")
    return {
        "decision": pa.array(arms, pa.string()),
        "exclusion": _texts(left.reason),
        "exclusion_detail": _texts(left.detail),
    }


def _how(
    people: People, plan: CampaignPlan, reach: Reach, outcome: Outcome, labels: Mapping[str, pa.Array]
) -> dict[str, pa.Array]:
    """Return what is done, where, and by whom."""
    at = (np.arange(len(outcome.action)), np.maximum(outcome.action, 0))
    listed, foreseen = outcome.is_contact, outcome.is_contact | outcome.is_holdout
    channel = reach.channel[at]
    shown = np.full(len(channel), UNASSIGNED, dtype=object) if reach.permissions.mode == "elsewhere" else channel
    names = np.array([action.name for action in plan.choices], dtype=object)
    columns = {"channel": _texts(shown, listed), "action": _texts(names[at[1]], foreseen)}
    reach_at = np.full(len(channel), "", dtype=object)
    for name, details in reach.permissions.details.items():
        reach_at[channel == name] = details[channel == name]
    if any(reach_at):
        columns["reach_at"] = _texts(reach_at, listed)
    columns |= {f"action_words_{each}": pc.if_else(pa.array(listed), texts, None) for each, texts in labels.items()}
    if plan.teams:
        teams = np.array([*(team.name for team in plan.teams), ""], dtype=object)
        columns["team"] = _texts(teams[reach.team[at]], listed)
    for name in PERSONAL:
        if name in people.personal.column_names:
            columns[name] = pc.if_else(pa.array(listed), people.personal[name].cast(pa.string()), None)
    return columns


def _figures(people: People, plan: CampaignPlan, outcome: Outcome) -> dict[str, pa.Array]:
    scores = people.scores
    bands = pa.array(risk_bands(people.p_churn, thresholds=plan.risk_bands))
    none = pa.nulls(len(people.ids), pa.string())
    columns = {
        "p_churn": _numbers(people.p_churn),
        "risk_band": scores["risk_band"] if "risk_band" in scores.column_names else bands,
        "clv": _numbers(people.clv),
        "p_leave": _numbers(people.p_leave),
        "value_at_risk": _numbers(people.at_stake),
        "value_at_stake": _numbers(people.p_leave * people.lost),
        "value_tier": people.tier,
        "expected_gain": _numbers(outcome.gain),
        "gain_low": _numbers(outcome.low),
        "gain_high": _numbers(outcome.high),
        "cause": people.cause,
        "control": _texts(people.control),
    }
    if plan.segment:
        columns["segment"] = people.segment
    return columns | {name: scores[name] if name in scores.column_names else none for name in REASONS}


def _contact_by(people: People, plan: CampaignPlan, listed: Bools, latest: date) -> npt.NDArray[np.object_]:
    """Return the last day for each contact: the customer's own, but never after the campaign's or on the day itself."""
    found = np.full(len(listed), None, dtype=object)
    found[listed] = latest
    if "contact_by" in people.scores.column_names:
        first = min(us_to_date(people.as_of_us + DAY_US, timezone=plan.timezone), latest)
        own = people.scores["contact_by"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        for row in np.flatnonzero(listed):
            if own[row] is not None:
                found[row] = min(max(us_to_date(own[row], timezone=plan.timezone), first), latest)
    return found


def _contact_on(
    plan: CampaignPlan,
    reach: Reach,
    outcome: Outcome,
    contact_by: npt.NDArray[np.object_],
    priority: Int64s,
    rank: Int64s,
    days: Sequence[date],
    latest: date,
) -> npt.NDArray[np.object_]:
    """Return the day planned for each contact: soonest who is due soonest, then by priority and rank."""
    rows = np.flatnonzero(outcome.is_contact)
    found = np.full(len(outcome.is_contact), None, dtype=object)
    found[rows] = days[0] if days else latest
    if not len(rows):
        return found
    due = np.array([day.toordinal() for day in contact_by[rows]])
    urgent_first = rows[np.lexsort((rank[rows], priority[rows], due))]
    at = outcome.action[urgent_first]
    channel, team = reach.channel[urgent_first, at], reach.team[urgent_first, at]
    for place, one in enumerate(plan.teams):
        for name, per_day in one.per_day.items():
            mine = urgent_first[(team == place) & (channel == name) & (team != NO_TEAM)]
            for row, day in fill_days(mine, days, per_day=per_day).items():
                found[row] = day
    return found


def _texts(texts: npt.NDArray[np.object_], where: Bools | None = None) -> pa.Array:
    shown = texts != "" if where is None else where & (texts != "")
    return pa.array(texts, pa.string(), mask=~shown)


def _numbers(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
