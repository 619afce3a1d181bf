"""What lies ahead of each customer at the end, computed from the mechanism: chances of leaving, silence, value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnml.simulation.clock import STEPS_AHEAD, STEPS_PER_MONTH, Clock, Floats, Ints
from churnml.simulation.lives import EFFECT_STEPS, Lives, Rates, campaign_steps
from churnml.simulation.mechanism import Mechanism
from churnml.simulation.orders import Orders, order_pace
from churnml.simulation.people import People
from churnml.simulation.setting import Setting

__all__ = ["Outlook"]

_LONGEST_GAP_SHAPE = 4
_LONGEST_MEMORY = 18
"""Steps after which dissatisfaction is forgotten: 0.88 ** 18 = 0.1, and its effect on a rate is below 1 %."""
_TREATED = 2
_YEAR_STEPS = 36.5


@dataclass(frozen=True, slots=True)
class Outlook:
    """The mechanism run forward from the state at the end, in expectation instead of by drawing.

    Of the lives only what has happened by the end is used.

    Parameters
    ----------
    log_fade, direct, running : ndarray, shape (n_ahead, n)
        Per step ahead: expected log monthly rate of starting to fade, expected monthly rate of leaving
        without fading, and the log hazard ratio of the newest campaign while it works.
    """

    people: People
    setting: Setting
    lives: Lives
    mechanism: Mechanism
    clock: Clock
    log_fade: Floats
    direct: Floats
    running: Floats

    @classmethod
    def at_end(cls, people: People, setting: Setting, lives: Lives, *, mechanism: Mechanism, clock: Clock) -> Outlook:
        """Look ahead from the end of the window."""
        ahead = slice(clock.n_steps, clock.n_total)
        return cls(
            people=people,
            setting=setting,
            lives=lives,
            mechanism=mechanism,
            clock=clock,
            log_fade=setting.log_rate[ahead] + _log_trouble_factor(setting, lives, mechanism, clock),
            direct=_direct_rates(setting, lives, mechanism, clock),
            running=_running_campaign(people, lives, mechanism, clock),
        )

    def p_churn(self, *, n_steps: int, effect: Floats | float = 0.0) -> Floats:
        """Return the chance to have left after 1, 2, … ``n_steps`` for somebody who is there at the end.

        Parameters
        ----------
        n_steps : int
            Steps of ten days.
        effect : ndarray, shape (n,), optional
            Log hazard ratio of an action taken at the end; it works for 90 days.

        Returns
        -------
        ndarray, shape (n_steps, n)
        """
        settled, fading = self._start()
        gone = np.empty((n_steps, len(self.people)))
        for k in range(n_steps):
            settled, fading = _advance(settled, fading, self._rates(k, effect))
            gone[k] = 1 - settled - fading
        return gone

    def value(self, orders: Orders) -> Floats:
        """Return the expected net amount of orders in the next 365 days, refunds deducted."""
        m, at = self.mechanism, self.clock.n_steps
        pace = order_pace(self.people, mechanism=m, clock=self.clock)[at:]
        n_steps_counted = np.clip(_YEAR_STEPS - np.arange(STEPS_AHEAD), 0, 1)
        settled, fading = self._start()
        total = np.zeros(len(self.people))
        for k in range(STEPS_AHEAD):
            next_settled, next_fading = _advance(settled, fading, self._rates(k))
            # Who leaves within the step buys for half of it.
            leaving = 0.5 * (settled + fading - next_settled - next_fading) / np.maximum(settled + fading, 1e-12)
            active = settled + fading * m.fading_orders_factor * m.fading_amount_factor
            kept = 1 - self._refunded_share(k)
            total += n_steps_counted[k] * pace[k] * active * (1 - leaving) * kept * self.setting.price_level[at + k]
            settled, fading = next_settled, next_fading
        running_gap = self._running_gap(orders.silence) * self.setting.price_level[at]
        stays = 1 - self.p_churn(n_steps=STEPS_PER_MONTH)[-1]
        mean_amount = self.people.amount_level * float(np.exp(m.amount_sigma**2 / 2))
        value: Floats = (total + running_gap * stays) * mean_amount
        return value

    def p_silent(self, orders: Orders, *, n_steps: int) -> Floats:
        """Return the chance of no order within ``n_steps``: gone, or merely between two orders.

        Gaps are Erlang, so that the running gap is a number of phases still to pass: a Markov chain.
        """
        pace = order_pace(self.people, mechanism=self.mechanism, clock=self.clock)[self.clock.n_steps :]
        shape = self.people.regularity
        phases = _phases_left(orders.silence, shape)
        start = self._start()
        settled, fading = phases * start[0], phases * start[1]
        silent = np.zeros(len(self.people))
        for k in range(n_steps):
            half = 0.5 * shape * pace[k]
            settled = _pass_phases(settled, half)
            fading = _pass_phases(fading, half * self.mechanism.fading_orders_factor)
            there = settled.sum(axis=0) + fading.sum(axis=0)
            settled, fading = _advance(settled, fading, self._rates(k))
            silent += there - settled.sum(axis=0) - fading.sum(axis=0)
            settled = _pass_phases(settled, half)
            fading = _pass_phases(fading, half * self.mechanism.fading_orders_factor)
        p_silent: Floats = silent + settled.sum(axis=0) + fading.sum(axis=0)
        return p_silent

    def _start(self) -> tuple[Floats, Floats]:
        fading = self.lives.is_fading[self.clock.n_steps].astype(np.float64)
        return 1 - fading, fading

    def _rates(self, k: int, effect: Floats | float = 0.0) -> Rates:
        """Return the expected chances of the k-th step ahead."""
        factor = np.exp(self.running[k] + (effect if k < EFFECT_STEPS else 0.0))
        return Rates.of(self.log_fade[k], self.direct[k], action_factor=factor, mechanism=self.mechanism)

    def _refunded_share(self, k: int) -> Floats:
        m, at = self.mechanism, self.clock.n_steps
        memory = m.dissatisfaction_memory_per_step
        mean_shock = sum(p * size for p, size in _shocks(self.setting, at, m))
        fresh = _p_ticket(self.setting, at) * mean_shock * (1 - memory**k) / (1 - memory)
        trouble = np.minimum(self.lives.dissatisfaction[at] * memory**k + fresh, 1.0)
        returned = m.p_full_refund + (1 - m.p_full_refund) * 0.5
        share: Floats = (m.p_refund + m.p_refund_dissatisfied * trouble) * returned
        return share

    def _running_gap(self, silence: Floats) -> Floats:
        """Return how many orders more, or less, than the pace says, because of the age of the running gap."""
        shape = self.people.regularity
        age = np.minimum(silence, 8.0)
        # With phases of mean 1 / shape left to pass, the rest of the gap is as many phases.
        phases = _phases_left(age, shape)
        remaining = (np.arange(1, _LONGEST_GAP_SHAPE + 1) @ phases) / shape
        more: Floats = 1 - remaining + (1 / shape - 1) / 2
        return more


def _p_ticket(setting: Setting, step: int) -> Floats:
    failure = setting.p_failure[step]
    either: Floats = failure + (1 - failure) * setting.p_ticket[step]
    return either


def _shocks(setting: Setting, step: int, mechanism: Mechanism) -> list[tuple[float, float]]:
    """Return the chance and the size of each shock that a ticket can bring."""
    m, p = mechanism, float(setting.p_slow[step])
    slow, again = m.slow_answer_shock, m.reopened_shock
    return [
        (p * (1 - m.p_reopened_slow), slow),
        (p * m.p_reopened_slow, slow + again),
        ((1 - p) * m.p_reopened_fast, again),
    ]


def _log_trouble_factor(setting: Setting, lives: Lives, mechanism: Mechanism, clock: Clock) -> Floats:
    """Return the log of the expected factor that dissatisfaction puts on the rate, per step ahead.

    What is there at the end decays; tickets to come are a compound of independent shocks, whose moment
    generating function is known.
    """
    memory = mechanism.dissatisfaction_memory_per_step
    weights = mechanism.dissatisfaction_effect * memory ** np.arange(STEPS_AHEAD)
    factor: Floats = weights[:, None] * lives.dissatisfaction[clock.n_steps]
    for k in range(STEPS_AHEAD - 1):
        step = clock.n_steps + k
        ticket = _p_ticket(setting, step)
        for later in range(k + 1, min(k + 1 + _LONGEST_MEMORY, STEPS_AHEAD)):
            gain = sum(p * np.expm1(weights[later - k - 1] * size) for p, size in _shocks(setting, step, mechanism))
            factor[later] += ticket * gain
    return factor


def _direct_rates(setting: Setting, lives: Lives, mechanism: Mechanism, clock: Clock) -> Floats:
    """Return expected monthly rates of moving away, dying and leaving over a failed payment."""
    rates = np.empty((STEPS_AHEAD, len(lives.cause)))
    trouble = lives.payment_trouble[clock.n_steps]
    for k in range(STEPS_AHEAD):
        rates[k] = setting.direct_rate.sum(axis=0) + mechanism.payment_leave_rate * trouble
        trouble = mechanism.payment_memory_per_step * trouble + setting.p_failure[clock.n_steps + k]
    return rates


def _running_campaign(people: People, lives: Lives, mechanism: Mechanism, clock: Clock) -> Floats:
    """Return what the newest campaign before the end still does, per step ahead."""
    running = np.zeros((STEPS_AHEAD, len(people)))
    steps = campaign_steps(mechanism, clock)
    if steps:
        action = mechanism.actions[(len(steps) - 1) % len(mechanism.actions)]
        n_left = max(steps[-1] + EFFECT_STEPS - clock.n_steps, 0)
        running[:n_left] = np.where(lives.arm[-1] == _TREATED, np.array(action.effect)[people.segment], 0.0)
    return running


def _advance(settled: Floats, fading: Floats, rates: Rates) -> tuple[Floats, Floats]:
    """Move the shares of settled and fading by one step."""
    stays, holds = settled * np.exp(-rates.direct), fading * np.exp(-rates.leave)
    begins, recovers = stays * -np.expm1(-rates.fade), holds * -np.expm1(-rates.recover)
    return stays - begins + recovers, holds - recovers + begins


def _phases_left(silence: Floats, shape: Ints) -> Floats:
    """Return the chance that r = 1, 2, … phases of the running gap are left, shape (4, n)."""
    left: Floats = np.zeros((_LONGEST_GAP_SHAPE, len(shape)))
    passed = np.ones(len(shape))
    for j in range(_LONGEST_GAP_SHAPE):
        rows = np.flatnonzero(shape > j)
        left[shape[rows] - j - 1, rows] = passed[rows]
        passed = passed * shape * silence / (j + 1)
    chances: Floats = left / left.sum(axis=0)
    return chances


def _pass_phases(phases: Floats, expected: Floats) -> Floats:
    """Let a Poisson number of phases pass; what passes the last phase has ordered and is dropped."""
    chance = np.exp(-expected)
    passed = phases * chance
    for j in range(1, _LONGEST_GAP_SHAPE):
        chance = chance * expected / j
        passed[:-j] += phases[j:] * chance
    return passed
