"""Visits, tickets and their answers, survey answers, campaign contacts: where a life leaves its traces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.simulation.arrivals import arrivals
from churnml.simulation.clock import STEPS_PER_MONTH, Clock, Floats, Ints, season
from churnml.simulation.columns import instants, numbers, text
from churnml.simulation.lives import Lives, campaign_steps
from churnml.simulation.mechanism import Mechanism
from churnml.simulation.orders import left_instants
from churnml.simulation.people import People

__all__ = ["campaigns_table", "surveys_table", "tickets_tables", "visits_table"]

DEVICES = ("mobile", "desktop", "tablet")
TOPICS = ("delivery", "product", "account", "service", "payment")
PRIORITIES = ("low", "normal", "high")
ARMS = ("", "control", "treated")

_HOUR_US = 3_600_000_000


def _while_here(who: Ints, at: Ints, people: People, lives: Lives, clock: Clock) -> Ints:
    """Return the rows between a customer's joining and leaving."""
    left = left_instants(lives, clock)
    return np.flatnonzero((at > people.joined_us[who]) & (at < left[who]))


def visits_table(
    rng: np.random.Generator, people: People, lives: Lives, *, ids: pa.Array, mechanism: Mechanism, clock: Clock
) -> pa.Table:
    """Draw visits: a Poisson process that drops while fading, with a favourite device."""
    days = slice(0, clock.n_steps)
    wave = 1 + season(clock.middles()[days], peak_day=340, strength=mechanism.order_season / 2)
    pace = wave[:, None] * people.visits_per_month / STEPS_PER_MONTH
    active = lives.is_here[days] * np.where(lives.is_fading[days], mechanism.fading_visits_factor, 1.0)
    drawn = arrivals(rng, np.ascontiguousarray((pace * active).T), silence_at=clock.n_steps)
    visited = clock.place(drawn.position)
    rows = _while_here(drawn.who, visited, people, lives, clock)
    who, step = drawn.who[rows], drawn.position[rows].astype(np.int64)
    favourite = rng.integers(0, len(DEVICES), len(people)).astype(np.int8)
    other = rng.integers(0, len(DEVICES), len(who), dtype=np.int8)
    # A geometric number is as skewed as page counts are, and fading visitors look at less.
    pages = rng.geometric(np.where(lives.is_fading[step, who], 0.40, 0.25))
    return pa.table(
        {
            "customer_id": text(who, ids),
            "visited_at": instants(visited[rows]),
            "pages": numbers(pages.astype(np.int32)),
            "device": text(np.where(rng.random(len(who), dtype=np.float32) < 0.8, favourite[who], other), DEVICES),
        }
    )


def _answer_hours(rng: np.random.Generator, slow: npt.NDArray[np.bool_]) -> Floats:
    """Draw hours until the answer: about six, or two and a half to eight days when slow."""
    fast = np.minimum(np.exp(rng.normal(np.log(6), 0.8, len(slow))), 47.0)
    hours: Floats = np.where(slow, rng.uniform(60, 200, len(slow)), fast)
    return np.round(hours, 1)


def tickets_tables(
    rng: np.random.Generator, people: People, lives: Lives, *, ids: pa.Array, clock: Clock
) -> tuple[pa.Table, pa.Table]:
    """Return tickets, and the answers given by the end."""
    who, step = np.nonzero(lives.has_ticket[: clock.n_steps].T)
    opened = clock.place(step + rng.random(len(who)))
    hours = _answer_hours(rng, lives.is_slow[step, who])
    topic = np.where(lives.is_failure[step, who], TOPICS.index("payment"), rng.integers(0, 4, len(who)))
    priority = np.searchsorted((0.3, 0.85), rng.random(len(who)))
    rows = _while_here(who, opened, people, lives, clock)
    tickets = pa.table(
        {
            "customer_id": text(who[rows], ids),
            "opened_at": instants(opened[rows]),
            "topic": text(topic[rows], TOPICS),
            "priority": text(priority[rows], PRIORITIES),
        }
    )
    answered = opened + np.rint(hours * 3600).astype(np.int64) * (_HOUR_US // 3600)
    rows = rows[answered[rows] <= clock.end_us]
    reopened = lives.is_reopened[step[rows], who[rows]]
    answers = pa.table(
        {
            "customer_id": text(who[rows], ids),
            "answered_at": instants(answered[rows]),
            "response_hours": numbers(hours[rows]),
            "reopened": numbers(reopened.astype(np.int8)),
        }
    )
    return tickets, answers


def surveys_table(
    rng: np.random.Generator, people: People, lives: Lives, *, ids: pa.Array, mechanism: Mechanism, clock: Clock
) -> pa.Table:
    """Draw survey answers: lower with dissatisfaction and fading, rarer while fading, some left out."""
    days = slice(0, clock.n_steps)
    willing = lives.is_here[days] * np.where(lives.is_fading[days], 0.6, 1.0)
    pace = np.full((clock.n_steps, 1), mechanism.surveys_per_month / STEPS_PER_MONTH)
    drawn = arrivals(rng, np.ascontiguousarray((pace * willing).T), silence_at=clock.n_steps)
    answered = clock.place(drawn.position)
    rows = _while_here(drawn.who, answered, people, lives, clock)
    who, step = drawn.who[rows], drawn.position[rows].astype(np.int64)
    mood = 0.55 * people.satisfaction[who] - 0.9 * lives.dissatisfaction[step, who] - 0.7 * lives.is_fading[step, who]
    csat = np.clip(np.rint(3.9 + mood + 0.55 * rng.standard_normal(len(who))), 1, 5)
    nps = np.clip(np.rint(7.4 + 2.8 * mood + 1.5 * rng.standard_normal(len(who))), 0, 10)
    gap = rng.random(len(who))
    p = mechanism.p_answer_missing
    return pa.table(
        {
            "customer_id": text(who, ids),
            "answered_at": instants(answered[rows]),
            "csat": numbers(csat.astype(np.int8), missing=gap < p),
            "nps": numbers(nps.astype(np.int8), missing=gap > 1 - p),
        }
    )


def campaigns_table(
    rng: np.random.Generator, lives: Lives, *, ids: pa.Array, mechanism: Mechanism, clock: Clock
) -> pa.Table:
    """Return past contacts; the control group has rows too, with the action it was kept from."""
    who, campaign = np.nonzero(lives.arm.T)
    steps = np.array(campaign_steps(mechanism, clock), dtype=np.int64)
    actions = [mechanism.actions[k % len(mechanism.actions)] for k in range(len(steps))]
    names = [f"K{k + 1:02d}_{action.name}" for k, action in enumerate(actions)]
    # The first days of the step: the effect starts with it.
    contacted = clock.place(steps[campaign] + 0.1 * rng.random(len(who)))
    return pa.table(
        {
            "customer_id": text(who, ids),
            "contacted_at": instants(contacted),
            "campaign": text(campaign, names),
            "channel": text(campaign, [action.channel for action in actions]),
            "arm": text(lives.arm[campaign, who], ARMS),
            "action": text(campaign, [action.name for action in actions]),
        }
    )
