"""Invented people: what is delivered about them and what is hidden in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.simulation.clock import SECOND_US, Clock, Floats, Ints
from churnml.simulation.mechanism import SEGMENTS, Mechanism
from churnml.timeline import DAY_US

__all__ = ["ACQUISITION_CHANNELS", "CONSENTS", "COUNTRIES", "People", "draw_people", "is_in_scope"]

COUNTRIES = ("GB", "US", "DE", "CN")
ACQUISITION_CHANNELS = ("search", "referral", "social", "shop", "discount_portal")
CONSENTS = ("yes", "no", "")
CONSENT_CHANNELS = ("email", "phone", "sms")

_COUNTRY_SHARES = (0.40, 0.25, 0.20, 0.15)
_CHANNEL_SHARES = (0.35, 0.15, 0.20, 0.20, 0.10)
_CONSENT_SHARES = ((0.72, 0.16, 0.12), (0.50, 0.32, 0.18), (0.35, 0.40, 0.25))
_LONGEST_BEFORE_DAYS = 8 * 365


@dataclass(frozen=True, slots=True)
class People:
    """Columns over customers; codes index the tuples of this module and ``SEGMENTS``.

    Parameters
    ----------
    segment, country, channel : ndarray of int64, shape (n,)
        Codes.
    consent : ndarray of int64, shape (3, n)
        Codes per consent channel: email, phone, sms.
    age : ndarray of float64, shape (n,)
        Years, never missing here (some are not delivered).
    joined_us, joined_step : ndarray of int64, shape (n,)
        When the customer joined; step -1 = before the window.
    orders_per_month, visits_per_month, tickets_per_month, amount_level : ndarray of float64, shape (n,)
        Personal rates while not fading, and the median amount of an order.
    regularity : ndarray of int64, shape (n,)
        Erlang shape of the gaps between orders, 1 to 4.
    frailty, satisfaction : ndarray of float64, shape (n,)
        Hidden log hazard ratio, and the mean answer level that mirrors it (standardised).
    change_effect : ndarray of float64, shape (n_changes, n)
        Log hazard ratio of each company change for each customer, 0 out of scope.
    in_scope : ndarray of bool, shape (n_changes, n)
        Whom each company change concerns.
    subscribed_us : ndarray of int64, shape (n,)
        First start of a subscription, -1 = never.
    is_yearly : ndarray of bool, shape (n,)
        Yearly contract, otherwise a rolling monthly plan.
    """

    segment: Ints
    country: Ints
    channel: Ints
    consent: Ints
    age: Floats
    joined_us: Ints
    joined_step: Ints
    orders_per_month: Floats
    visits_per_month: Floats
    tickets_per_month: Floats
    amount_level: Floats
    regularity: Ints
    frailty: Floats
    satisfaction: Floats
    change_effect: Floats
    in_scope: npt.NDArray[np.bool_]
    subscribed_us: Ints
    is_yearly: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.segment)


def _codes(rng: np.random.Generator, n: int, shares: tuple[float, ...]) -> Ints:
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, rng.random(n), side="right").astype(np.int64)


def _joining(rng: np.random.Generator, n: int, mechanism: Mechanism, clock: Clock) -> tuple[Ints, Ints]:
    """Draw joining instants and steps: a share before the window, the others evenly inside it."""
    before = rng.random(n) < mechanism.share_joined_before
    days = np.minimum(rng.exponential(30 * mechanism.months_before_mean, n), _LONGEST_BEFORE_DAYS)
    seconds = np.floor(days * 86_400).astype(np.int64) + 1
    position = rng.random(n) * clock.n_steps
    joined = np.where(before, clock.start_us - seconds * SECOND_US, clock.place(position))
    return joined, np.where(before, -1, np.floor(position).astype(np.int64))


def is_in_scope(scope: str, *, segment: Ints, country: Ints, channel: Ints) -> npt.NDArray[np.bool_]:
    """Return who a change concerns; the empty scope is everybody.

    Raises
    ------
    ValueError
        If the scope names an attribute or a value that does not exist.
    """
    if not scope:
        return np.ones(len(segment), dtype=bool)
    known = {"segment": (segment, SEGMENTS), "country": (country, COUNTRIES)}
    known["acquisition_channel"] = (channel, ACQUISITION_CHANNELS)
    attribute, _, value = scope.partition("=")
    if attribute not in known or value not in known[attribute][1]:
        raise ValueError("scope must be empty or 'segment=', 'country=' or 'acquisition_channel=' and a known value")
    codes, values = known[attribute]
    concerned: npt.NDArray[np.bool_] = codes == values.index(value)
    return concerned


def _sensitivity(rng: np.random.Generator, n: int, mechanism: Mechanism) -> Floats:
    """Draw how much of each change's mean effect a customer feels: gamma with mean 1, shape (n_changes, n)."""
    shapes = [1 / max(change.spread, 1e-3) ** 2 for change in mechanism.changes]
    return np.stack([rng.standard_gamma(shape, n) / shape for shape in shapes]) if shapes else np.zeros((0, n))


def _subscribing(rng: np.random.Generator, joined: Ints, share: Floats, clock: Clock) -> Ints:
    """Draw first subscription starts, a month and a half after joining on average; -1 = never."""
    n = len(joined)
    starts = joined + np.floor(rng.exponential(45 * 86_400, n)).astype(np.int64) * SECOND_US
    # Contracts begin at midnight, the day after signing.
    starts = (starts // DAY_US + 1) * DAY_US
    return np.where(rng.random(n) < share, starts, -1)


def draw_people(rng: np.random.Generator, n: int, *, mechanism: Mechanism, clock: Clock) -> People:
    """Draw ``n`` customers with their hidden traits."""
    segment = _codes(rng, n, mechanism.segment_shares)
    country = _codes(rng, n, _COUNTRY_SHARES)
    channel = _codes(rng, n, _CHANNEL_SHARES)
    joined, joined_step = _joining(rng, n, mechanism, clock)
    shape = mechanism.order_rate_shape
    pace = rng.standard_gamma(shape, n) / shape
    scopes = [is_in_scope(c.scope, segment=segment, country=country, channel=channel) for c in mechanism.changes]
    in_scope = np.stack(scopes) if scopes else np.zeros((0, n), dtype=bool)
    effects = np.array([change.effect for change in mechanism.changes])
    frailty = rng.standard_normal(n)
    return People(
        segment=segment,
        country=country,
        channel=channel,
        consent=np.stack([_codes(rng, n, shares) for shares in _CONSENT_SHARES]),
        age=np.clip(np.round(rng.normal(44, 15, n)), 18, 92),
        joined_us=joined,
        joined_step=joined_step,
        orders_per_month=np.maximum(np.array(mechanism.orders_per_month)[segment] * pace, 0.3),
        visits_per_month=mechanism.visits_per_month * np.sqrt(pace) * np.exp(rng.normal(0, 0.2, n)),
        tickets_per_month=mechanism.tickets_per_month * np.exp(rng.normal(-0.18, 0.6, n)),
        amount_level=np.array(mechanism.amount_level)[segment]
        * np.exp(mechanism.amount_level_sigma * rng.standard_normal(n)),
        regularity=1 + _codes(rng, n, mechanism.regularity_shares),
        frailty=mechanism.frailty_sigma * frailty,
        satisfaction=-0.7 * frailty + np.sqrt(1 - 0.7**2) * rng.standard_normal(n),
        change_effect=effects[:, None] * in_scope * _sensitivity(rng, n, mechanism),
        in_scope=in_scope,
        subscribed_us=_subscribing(rng, joined, np.array(mechanism.subscriber_shares)[segment], clock),
        is_yearly=rng.random(n) < mechanism.p_yearly_contract,
    )
