"""What is fixed before the customers live: rates per step and customer, and what each company change adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.simulation.clock import STEP_DAYS, STEPS_PER_MONTH, Clock, Floats, Ints, season
from churnml.simulation.mechanism import Change, Mechanism
from churnml.simulation.people import ACQUISITION_CHANNELS, People
from churnml.timeline import DAY_US

__all__ = ["Setting", "change_step", "lay_out"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Rates per step, and per step and customer.

    Parameters
    ----------
    log_rate : ndarray, shape (n_total, n)
        Log monthly rate of starting to fade, without dissatisfaction and campaigns.
    price_part, service_part : ndarray, shape (n_total, n)
        The share of it that prices, and that outages and reorganisations, have added.
    direct_rate : ndarray, shape (2, n)
        Monthly rates of moving away and of dying.
    p_ticket, p_slow : ndarray, shape (n_total, n) and (n_total,)
        Chance of a ticket in a step, chance that its answer is slow.
    p_failure : ndarray, shape (n_total, n)
        Chance of a failed payment in a step.
    price_level : ndarray, shape (n_total, n)
        Factor on amounts.
    """

    log_rate: Floats
    price_part: Floats
    service_part: Floats
    direct_rate: Floats
    p_ticket: Floats
    p_slow: Floats
    p_failure: Floats
    price_level: Floats


def change_step(change: Change, clock: Clock) -> int:
    """Return the step at whose first instant a change starts."""
    return int(change.starts_at_share * clock.n_steps)


def change_profile(change: Change, clock: Clock) -> Floats:
    """Return how much of a change's effect works in each step: 0 before, 1 while full, then halving."""
    since = (np.arange(clock.n_total) - change_step(change, clock)) * STEP_DAYS
    fading = 0.5 ** (np.maximum(since - change.full_days, 0) / change.half_life_days)
    return np.where(since >= 0, fading, 0.0)


def _contract_part(people: People, middles: Ints, mechanism: Mechanism) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the log hazard ratio of being subscribed, and who is, per step and customer."""
    days = (middles[:, None] - people.subscribed_us) / DAY_US
    subscribed = (days >= 0) & (people.subscribed_us >= 0)
    near_term_end = (days > 300) & (days % 365 > 335)
    part = mechanism.subscriber_effect + people.is_yearly * (
        mechanism.contract_effect + mechanism.term_end_effect * near_term_end
    )
    return np.where(subscribed, part, 0.0), subscribed


def _personal_part(people: People, mechanism: Mechanism) -> Floats:
    channel = np.zeros(len(ACQUISITION_CHANNELS))
    channel[ACQUISITION_CHANNELS.index("discount_portal")] = mechanism.discount_portal_effect
    channel[ACQUISITION_CHANNELS.index("referral")] = mechanism.referral_effect
    base = np.log(mechanism.fade_rate)[people.segment] + channel[people.channel] + people.frailty
    return base + mechanism.young_effect * (people.age < 30)


def _base_log_rate(people: People, middles: Ints, contract: Floats, mechanism: Mechanism) -> Floats:
    """Return the log monthly rate of starting to fade, without company changes, service and campaigns."""
    tenure_months = np.maximum(middles[:, None] - people.joined_us, 0) / (30 * DAY_US)
    log_rate = _personal_part(people, mechanism) + contract
    log_rate += mechanism.newcomer_effect * np.exp(-tenure_months / mechanism.newcomer_months)
    return log_rate + season(middles, peak_day=20, strength=mechanism.season_effect)[:, None]


def _direct_rate(people: People, mechanism: Mechanism) -> Floats:
    deceased = np.minimum(mechanism.deceased_rate_at_60 * np.exp((people.age - 60) / 12), 0.004)
    return np.stack([np.full(len(people), mechanism.moved_rate), deceased])


def lay_out(people: People, *, mechanism: Mechanism, clock: Clock) -> Setting:
    """Lay out everything that does not depend on how the customers' lives go."""
    contract, subscribed = _contract_part(people, clock.middles(), mechanism)
    log_rate = _base_log_rate(people, clock.middles(), contract, mechanism)
    price, service = np.zeros_like(log_rate), np.zeros_like(log_rate)
    p_ticket = np.tile(people.tickets_per_month / STEPS_PER_MONTH, (clock.n_total, 1))
    p_slow = np.full(clock.n_total, mechanism.p_slow_answer)
    price_level = np.ones_like(log_rate)
    for change, effect, in_scope in zip(mechanism.changes, people.change_effect, people.in_scope, strict=True):
        is_price = change.type == "price_change"
        part = price if is_price else service
        part += change_profile(change, clock)[:, None] * effect
        first = change_step(change, clock)
        troubled = slice(first, first + max(change.lasts_days // STEP_DAYS, 1))
        p_ticket[troubled] *= np.where(in_scope, change.ticket_factor, 1.0)
        p_slow[troubled] = max(change.p_slow_answer, mechanism.p_slow_answer)
        price_level[first:] *= 1 + change.value * (in_scope & is_price)
    return Setting(
        log_rate=log_rate + price + service,
        price_part=price,
        service_part=service,
        direct_rate=_direct_rate(people, mechanism),
        p_ticket=np.minimum(p_ticket, 0.9),
        p_slow=p_slow,
        p_failure=np.where(subscribed, mechanism.payment_failure_rate / STEPS_PER_MONTH, 0.0),
        price_level=price_level,
    )
