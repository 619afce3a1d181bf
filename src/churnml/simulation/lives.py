"""The hidden life of each customer: settled, fading, gone; step by step through the window and a year beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.simulation.clock import STEPS_PER_MONTH, Clock, Floats, Ints
from churnml.simulation.mechanism import Mechanism
from churnml.simulation.people import CONSENT_CHANNELS, CONSENTS, People
from churnml.simulation.setting import Setting

__all__ = ["CAUSES", "EFFECT_STEPS", "Lives", "Rates", "campaign_steps", "live"]

CAUSES = ("price", "service", "competitor", "need_ended", "moved", "deceased", "payment")
EFFECT_STEPS = 9
"""A retention action works for 90 days."""

_FIRST_DIRECT = CAUSES.index("moved")
_PAUSE_STEPS = 18
"""Somebody who left 180 days ago is no longer contacted: the company sees no activity any more."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lives:
    """What happened to each customer; matrices have shape (n_total, n).

    Parameters
    ----------
    is_here, is_fading : ndarray of bool
        State at the start of each step.
    has_ticket, is_slow, is_reopened, is_failure : ndarray of bool
        Service and payment in each step: a ticket, how it was answered, whether a payment failed.
    dissatisfaction, payment_trouble : ndarray
        State at the start of each step.
    left_position : ndarray, shape (n,)
        When the customer left, in steps; infinite = never.
    cause : ndarray of int64, shape (n,)
        Code in ``CAUSES``, -1 = has not left.
    arm : ndarray of int64, shape (n_campaigns, n)
        0 = not contacted, 1 = control, 2 = treated.
    """

    is_here: Flags
    is_fading: Flags
    has_ticket: Flags
    is_slow: Flags
    is_reopened: Flags
    is_failure: Flags
    dissatisfaction: Floats
    payment_trouble: Floats
    left_position: Floats
    cause: Ints
    arm: Ints


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of one step, per customer: the one place where effects become moves, for lives and for the truth.

    Within a step a customer first may leave, then, if still there, may change between settled and fading. A
    rate r makes a move with the chance 1 - exp(-r).

    Parameters
    ----------
    direct : ndarray, shape (n,)
        Leave without fading.
    fade : ndarray, shape (n,)
        Settled: start to fade.
    leave : ndarray, shape (n,)
        Fading: leave, for whatever cause.
    recover : float
        Fading: settle again.
    """

    direct: Floats
    fade: Floats
    leave: Floats
    recover: float

    @classmethod
    def of(cls, log_fade: Floats, direct: Floats, *, action_factor: Floats | float, mechanism: Mechanism) -> Rates:
        """Turn a log monthly fade rate, a direct monthly rate and an action's hazard ratio into rates per step."""
        return cls(
            direct=direct / STEPS_PER_MONTH,
            fade=np.exp(log_fade) * (action_factor / STEPS_PER_MONTH),
            leave=(direct + mechanism.leave_rate_fading * action_factor) / STEPS_PER_MONTH,
            recover=mechanism.recovery_rate / STEPS_PER_MONTH,
        )


def campaign_steps(mechanism: Mechanism, clock: Clock) -> range:
    """Return the steps in which past campaigns contacted customers."""
    return range(mechanism.campaign_first_step, clock.n_steps, mechanism.campaign_every_steps)


class _Company:
    """The moving state while the steps go by."""

    def __init__(self, people: People, setting: Setting, mechanism: Mechanism, clock: Clock) -> None:
        n = len(people)
        self.people, self.setting, self.mechanism = people, setting, mechanism
        self.fading = np.zeros(n, dtype=bool)
        self.left_position = np.full(n, np.inf)
        self.fading_since = np.full(n, -1, dtype=np.int64)
        self.dissatisfaction = np.zeros(n)
        self.payment_trouble = np.zeros(n)
        self.action_factor: Floats | float = 1.0
        self.moving_or_dying = setting.direct_rate.sum(axis=0)
        self.consent = people.consent == CONSENTS.index("yes")

    def contact(self, campaign: int, step: int, u: npt.NDArray[np.float32]) -> Ints:
        """Draw whom a campaign contacts and who is its control group; the treated feel it from this step on."""
        action = self.mechanism.actions[campaign % len(self.mechanism.actions)]
        allowed = self.consent[CONSENT_CHANNELS.index(action.channel)]
        eligible = allowed & (self.people.joined_step < step) & (self.left_position > step - _PAUSE_STEPS)
        chosen = eligible & (u[0] < self.mechanism.p_contacted)
        treated = chosen & (u[1] >= self.mechanism.p_control)
        self.action_factor = np.where(treated, np.exp(action.effect)[self.people.segment], 1.0)
        arm: Ints = chosen.astype(np.int64) + treated
        return arm

    def serve(self, step: int, here: Flags, u: npt.NDArray[np.float32]) -> tuple[Flags, Flags, Flags, Flags]:
        """Draw tickets, slow and reopened answers, failed payments; keep score of the trouble they cause."""
        m = self.mechanism
        failure = here & (u[0] < self.setting.p_failure[step])
        ticket = failure | (here & (u[1] < self.setting.p_ticket[step]))
        slow = ticket & (u[2] < self.setting.p_slow[step])
        reopened = ticket & (u[3] < np.where(slow, m.p_reopened_slow, m.p_reopened_fast))
        shock = m.slow_answer_shock * slow + m.reopened_shock * reopened
        memory = m.dissatisfaction_memory_per_step
        self.dissatisfaction = np.minimum(self.dissatisfaction * memory + shock, m.dissatisfaction_cap)
        self.payment_trouble = self.payment_trouble * m.payment_memory_per_step + failure
        return ticket, slow, reopened, failure

    def move(self, step: int, here: Flags, wait: Floats, u: npt.NDArray[np.float32]) -> None:
        """Move customers between settled, fading and gone: a move is made when its waiting time is below its rate."""
        m = self.mechanism
        log_fade = self.setting.log_rate[step] + m.dissatisfaction_effect * self.dissatisfaction
        direct = self.moving_or_dying + m.payment_leave_rate * self.payment_trouble
        rates = Rates.of(log_fade, direct, action_factor=self.action_factor, mechanism=m)
        movable = here & (self.people.joined_step < step)
        leaves = movable & (wait[0] < np.where(self.fading, rates.leave, rates.direct))
        turns = movable & ~leaves & (wait[1] < np.where(self.fading, rates.recover, rates.fade))
        self.left_position[leaves] = step + u[leaves]
        # Somebody who leaves while fading keeps the date of the decision; who recovers loses it.
        self.fading_since[turns] = np.where(self.fading[turns], -1, step)
        self.fading = (self.fading ^ turns) & ~leaves


def _pick(shares: Floats, u: Floats) -> Ints:
    """Return the row drawn in proportion to its share, per column."""
    cumulative = np.cumsum(shares, axis=0)
    picked: Ints = (u * cumulative[-1] >= cumulative).sum(axis=0)
    return picked


def _causes(rng: np.random.Generator, company: _Company, trouble: Floats) -> Ints:
    """Draw why those who left have left, in proportion to what raised the rate just then."""
    m, setting = company.mechanism, company.setting
    who = np.flatnonzero(np.isfinite(company.left_position))
    step = company.left_position[who].astype(np.int64)
    since = company.fading_since[who]
    # While settled, and by chance while fading, people move, die or cannot pay.
    direct = np.vstack([setting.direct_rate[:, who], m.payment_leave_rate * trouble[1, step, who]])
    p_direct = direct.sum(axis=0) / (direct.sum(axis=0) + m.leave_rate_fading * (since >= 0))
    price = 0.20 + np.expm1(np.maximum(setting.price_part[since, who], 0))
    service = np.maximum(setting.service_part[since, who], 0) + m.dissatisfaction_effect * trouble[0, since, who]
    other = np.ones(len(who))
    shares = np.stack([price, 0.15 + np.expm1(service), 0.35 * other, 0.30 * other])
    u = rng.random((3, len(who)))
    cause = np.full(len(company.left_position), -1, dtype=np.int64)
    cause[who] = np.where(u[0] < p_direct, _FIRST_DIRECT + _pick(direct, u[1]), _pick(shares, u[2]))
    return cause


def live(rng: np.random.Generator, people: People, setting: Setting, *, mechanism: Mechanism, clock: Clock) -> Lives:
    """Let every customer live through all steps, those beyond the end included."""
    n, n_total = len(people), clock.n_total
    company = _Company(people, setting, mechanism, clock)
    flags = np.zeros((6, n_total, n), dtype=bool)
    trouble = np.zeros((2, n_total, n))
    contacts = {step: campaign for campaign, step in enumerate(campaign_steps(mechanism, clock))}
    arm = np.zeros((len(contacts), n), dtype=np.int64)
    for step in range(n_total):
        u, wait = rng.random((7, n), dtype=np.float32), rng.standard_exponential((2, n))
        here = (people.joined_step <= step) & np.isinf(company.left_position)
        if step in contacts:
            arm[contacts[step]] = company.contact(contacts[step], step, u[5:])
        elif step - EFFECT_STEPS in contacts:
            company.action_factor = 1.0
        flags[0, step], flags[1, step] = here, company.fading
        trouble[0, step], trouble[1, step] = company.dissatisfaction, company.payment_trouble
        company.move(step, here, wait, u[4])
        flags[2:, step] = company.serve(step, here, u[:4])
    return Lives(
        is_here=flags[0],
        is_fading=flags[1],
        has_ticket=flags[2],
        is_slow=flags[3],
        is_reopened=flags[4],
        is_failure=flags[5],
        dissatisfaction=trouble[0],
        payment_trouble=trouble[1],
        left_position=company.left_position,
        cause=_causes(rng, company, trouble),
        arm=arm,
    )
