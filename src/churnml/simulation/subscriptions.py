"""Subscriptions as spells: yearly contracts that renew, monthly plans that run, changes of plan, endings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.simulation.clock import Clock, Floats, Ints
from churnml.simulation.columns import instants, money, text
from churnml.simulation.lives import CAUSES, Lives
from churnml.simulation.mechanism import SEGMENTS
from churnml.simulation.orders import left_instants
from churnml.simulation.people import People
from churnml.simulation.setting import Setting
from churnml.timeline import DAY_US, NEVER

__all__ = ["subscriptions_table"]

PLANS = ("basic", "plus", "pro")
PLAN_CENTS = np.array([990, 1990, 4990])
REASONS = (*CAUSES, "plan_change", "renewal")

_YEAR_US = 365 * DAY_US
_PLAN_CHANGE = REASONS.index("plan_change")
_RENEWAL = REASONS.index("renewal")
_MONTHS_TO_CHANGE = 20.0
_P_CHANGE_AT_RENEWAL = 0.25
_PLAN_SHARES = {"consumer": (0.6, 0.3), "small_business": (0.3, 0.5), "premium": (0.15, 0.45)}


@dataclass(frozen=True, slots=True)
class _Spells:
    who: Ints
    starts: Ints
    ends: Ints
    planned: Ints
    plan: Ints
    reason: Ints


def _first_spells(rng: np.random.Generator, people: People, left: Ints, clock: Clock) -> tuple[Ints, Ints, Ints]:
    """Return subscribers, when their first delivered spell starts, and their plan."""
    starts = people.subscribed_us
    # A contract from before the window enters it with its running term only.
    terms = np.maximum(clock.start_us - starts, 0) // _YEAR_US * people.is_yearly
    who = np.flatnonzero((starts >= 0) & (starts < left))
    edges = np.cumsum([_PLAN_SHARES[segment] for segment in SEGMENTS], axis=1)[people.segment[who]]
    plan = (rng.random(len(who))[:, None] >= edges).sum(axis=1)
    return who, (starts + terms * _YEAR_US)[who], plan.astype(np.int64)


def _next_change(rng: np.random.Generator, starts: Ints, is_yearly: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return when a spell ends by itself and why: at its term, or at a change of plan."""
    wait = np.floor(rng.exponential(_MONTHS_TO_CHANGE * 30, len(starts))).astype(np.int64) + 1
    switches = rng.random(len(starts)) < _P_CHANGE_AT_RENEWAL
    ends = np.where(is_yearly, starts + _YEAR_US, starts + wait * DAY_US)
    return ends, np.where(is_yearly & ~switches, _RENEWAL, _PLAN_CHANGE)


def _draw_spells(rng: np.random.Generator, people: People, lives: Lives, clock: Clock) -> _Spells:
    """Follow each subscriber from spell to spell until leaving or the end."""
    left = left_instants(lives, clock)
    who, starts, plan = _first_spells(rng, people, left, clock)
    rounds: list[tuple[Ints, ...]] = []
    while len(who):
        yearly = people.is_yearly[who]
        ends, reason = _next_change(rng, starts, yearly)
        planned = np.where(yearly, starts + _YEAR_US, NEVER)
        leaves = left[who] <= ends
        ends = np.where(leaves, left[who], ends)
        rounds.append((who, starts, ends, planned, plan, np.where(leaves, lives.cause[who], reason)))
        shift = rng.integers(1, len(PLANS), len(who))
        plan = np.where(reason == _PLAN_CHANGE, (plan + shift) % len(PLANS), plan)
        goes_on = ~leaves & (ends <= clock.end_us)
        who, starts, plan = who[goes_on], ends[goes_on], plan[goes_on]
    columns = [np.concatenate(parts) for parts in zip(*rounds, strict=True)] if rounds else [np.zeros(0, np.int64)] * 6
    order = np.lexsort((columns[1], columns[0]))
    return _Spells(*(column[order] for column in columns))


def _fees(spells: _Spells, setting: Setting, clock: Clock) -> Ints:
    """Return monthly fees: the plan's price at the price level when the spell starts."""
    step = np.clip((spells.starts - clock.start_us) // (clock.at_step(1) - clock.start_us), 0, clock.n_steps)
    level: Floats = setting.price_level[step, spells.who]
    return np.rint(PLAN_CENTS[spells.plan] * level).astype(np.int64)


def subscriptions_table(
    rng: np.random.Generator, people: People, setting: Setting, lives: Lives, *, ids: pa.Array, clock: Clock
) -> pa.Table:
    """Return the spells known at the end: what ends later is open, what starts later is not there."""
    spells = _draw_spells(rng, people, lives, clock)
    rows = np.flatnonzero((spells.starts <= clock.end_us) & (spells.ends > clock.start_us))
    ends = spells.ends[rows]
    is_open = ends > clock.end_us
    planned = spells.planned[rows]
    return pa.table(
        {
            "customer_id": text(spells.who[rows], ids),
            "starts_on": instants(spells.starts[rows]),
            "ends_on": instants(ends, missing=is_open),
            "planned_end": instants(planned, missing=planned == NEVER),
            "monthly_fee": money(_fees(spells, setting, clock)[rows]),
            "plan": text(spells.plan[rows], PLANS),
            "reason": text(np.where(is_open, -1, spells.reason[rows]), REASONS),
        }
    )
