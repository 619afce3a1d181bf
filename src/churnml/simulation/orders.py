"""Orders and their refunds, as they happen and as they reach the warehouse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.simulation.arrivals import arrivals
from churnml.simulation.clock import SECOND_US, STEPS_PER_MONTH, Clock, Floats, Ints, season
from churnml.simulation.columns import instants, money, numbered, numbers, text, to_cents
from churnml.simulation.lives import Lives
from churnml.simulation.mechanism import Mechanism
from churnml.simulation.people import People
from churnml.simulation.setting import Setting
from churnml.timeline import DAY_US

__all__ = ["Orders", "draw_orders", "order_pace", "orders_table"]

ORDER_CHANNELS = ("web", "app", "shop")
PRODUCT_GROUPS = ("household", "garden", "electronics", "clothing", "books")

_P_FAVOURITE = 0.7
_P_LATE = 0.04


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders and refunds of all customers, those beyond the end included; sorted by customer and time.

    Parameters
    ----------
    who, ordered_us, loaded_us, cents, items, channel, group : ndarray of int64, shape (n_rows,)
        Columns; cents and items of a refund are negative.
    refund_of : ndarray of int64, shape (n_rows,)
        Row of the order that a refund gives back, -1 = no refund.
    silence : ndarray of float64, shape (n,)
        Age of the running gap at the end, in expected orders.
    """

    who: Ints
    ordered_us: Ints
    loaded_us: Ints
    cents: Ints
    items: Ints
    channel: Ints
    group: Ints
    refund_of: Ints
    silence: Floats


def order_pace(people: People, *, mechanism: Mechanism, clock: Clock) -> Floats:
    """Return expected orders per step of a settled customer, shape (n_total, n): yearly peak early in December."""
    wave = 1 + season(clock.middles(), peak_day=340, strength=mechanism.order_season)
    return wave[:, None] * people.orders_per_month / STEPS_PER_MONTH


def _arriving(rng: np.random.Generator, ordered: Ints) -> Ints:
    """Return when rows reach the warehouse: the night after, sometimes days later."""
    n = len(ordered)
    late_days = np.where(rng.random(n) < _P_LATE, rng.integers(1, 7, n), 0)
    night = (ordered // DAY_US + 1 + late_days) * DAY_US
    return night + (2 * 3600 + rng.integers(0, 2 * 3600, n)) * SECOND_US


def _favourite(rng: np.random.Generator, who: Ints, n: int, n_values: int) -> Ints:
    """Draw codes that mostly are the customer's favourite."""
    favourite = rng.integers(0, n_values, n)
    return np.where(rng.random(len(who)) < _P_FAVOURITE, favourite[who], rng.integers(0, n_values, len(who)))


def draw_orders(
    rng: np.random.Generator, people: People, setting: Setting, lives: Lives, *, mechanism: Mechanism, clock: Clock
) -> Orders:
    """Draw the orders of every customer's life, and the refunds that follow some of them."""
    n = len(people)
    active = lives.is_here * np.where(lives.is_fading, mechanism.fading_orders_factor, 1.0)
    intensity = np.ascontiguousarray((order_pace(people, mechanism=mechanism, clock=clock) * active).T)
    # Who joined long ago is somewhere inside a gap when the window opens.
    head_start = np.where(people.joined_step < 0, rng.random(n), 0.0)
    drawn = arrivals(rng, intensity, silence_at=clock.n_steps, shape=people.regularity, head_start=head_start)
    ordered = clock.place(drawn.position)
    left = left_instants(lives, clock)
    keep = (ordered > people.joined_us[drawn.who]) & (ordered < left[drawn.who])
    who, ordered, step = drawn.who[keep], ordered[keep], drawn.position[keep].astype(np.int64)
    noise = np.exp(mechanism.amount_sigma * rng.standard_normal(len(who)))
    fading = np.where(lives.is_fading[step, who], mechanism.fading_amount_factor, 1.0)
    amount = people.amount_level[who] * noise * fading * setting.price_level[step, who]
    sales = Orders(
        who=who,
        ordered_us=ordered,
        loaded_us=_arriving(rng, ordered),
        cents=to_cents(amount),
        items=1 + rng.poisson(1.2 * noise),
        channel=_favourite(rng, who, n, len(ORDER_CHANNELS)),
        group=_favourite(rng, who, n, len(PRODUCT_GROUPS)),
        refund_of=np.full(len(who), -1, dtype=np.int64),
        silence=drawn.silence,
    )
    trouble = np.minimum(lives.dissatisfaction[step, who], 1.0)
    return _with_refunds(rng, sales, mechanism.p_refund + mechanism.p_refund_dissatisfied * trouble, mechanism)


def left_instants(lives: Lives, clock: Clock) -> Ints:
    """Return when each customer left; the largest integer = never."""
    gone = np.isfinite(lives.left_position)
    left = np.full(len(gone), np.iinfo(np.int64).max)
    left[gone] = clock.place(lives.left_position[gone])
    return left


def _with_refunds(rng: np.random.Generator, sales: Orders, p_refund: Floats, mechanism: Mechanism) -> Orders:
    """Add refunds 2 to 25 days after some orders: rows of their own, whole or in part, never more than was paid."""
    rows = np.flatnonzero(rng.random(len(sales.who)) < p_refund)
    n = len(rows)
    share = np.where(rng.random(n) < mechanism.p_full_refund, 1.0, rng.uniform(0.2, 0.8, n))
    days, seconds = rng.integers(2, 26, n), rng.integers(0, 7200, n)
    refunded = sales.ordered_us[rows] + days * DAY_US + seconds * SECOND_US
    # A refund cannot reach the warehouse before the order that it names.
    loaded = np.maximum(_arriving(rng, refunded), sales.loaded_us[rows])
    who = np.concatenate([sales.who, sales.who[rows]])
    ordered = np.concatenate([sales.ordered_us, refunded])
    order = np.argsort((who << 40) + ordered // SECOND_US, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))

    def merged(column: Ints, added: Ints) -> Ints:
        return np.concatenate([column, added])[order]

    return Orders(
        who=who[order],
        ordered_us=ordered[order],
        loaded_us=merged(sales.loaded_us, loaded),
        cents=merged(sales.cents, -np.maximum(np.floor(sales.cents[rows] * share), 1).astype(np.int64)),
        items=merged(sales.items, -np.ceil(sales.items[rows] * share).astype(np.int64)),
        channel=merged(sales.channel, sales.channel[rows]),
        group=merged(sales.group, sales.group[rows]),
        refund_of=merged(sales.refund_of, rank[rows]),
        silence=sales.silence,
    )


def orders_table(orders: Orders, *, ids: pa.Array, first_number: int, clock: Clock) -> pa.Table:
    """Return what had reached the warehouse at the end, numbered from ``first_number`` on."""
    delivered = is_delivered(orders, clock)
    number = first_number - 1 + np.cumsum(delivered)
    rows = np.flatnonzero(delivered)
    refund_of = orders.refund_of[rows]
    order_ids = numbered("O", number[rows], n_digits=10)
    row_of = np.cumsum(delivered) - 1
    return pa.table(
        {
            "order_id": order_ids,
            "customer_id": text(orders.who[rows], ids),
            "ordered_at": instants(orders.ordered_us[rows]),
            "loaded_at": instants(orders.loaded_us[rows]),
            "net_amount": money(orders.cents[rows]),
            "items": numbers(orders.items[rows].astype(np.int32)),
            "channel": text(orders.channel[rows], ORDER_CHANNELS),
            "product_group": text(orders.group[rows], PRODUCT_GROUPS),
            "refund_of": text(np.where(refund_of >= 0, row_of[refund_of], -1), order_ids),
        }
    )


def is_delivered(orders: Orders, clock: Clock) -> npt.NDArray[np.bool_]:
    """Return which rows had happened and had been loaded at the end."""
    return (orders.ordered_us <= clock.end_us) & (orders.loaded_us <= clock.end_us)
