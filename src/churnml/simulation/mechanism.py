"""Every planted number of the simulated company, in one frozen object; a month is 30 days."""

from __future__ import annotations

from dataclasses import dataclass

from churnml.errors import ConfigError

__all__ = ["SEGMENTS", "Action", "Change", "Mechanism"]

SEGMENTS = ("consumer", "small_business", "premium")
"""Order of every per-segment tuple below."""

PerSegment = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """Something the company did or suffered, and what it does to those in its scope.

    Parameters
    ----------
    change_id, type : str
        Identifier and kind, as delivered in ``company_changes.parquet``.
    scope : str
        Empty = everybody, else ``segment=``, ``country=`` or ``acquisition_channel=`` and one value.
    starts_at_share : float
        When it starts, as a share of the window, in [0, 1); on a grid of ten days.
    announced_days_before, lasts_days : int
        Days from announcement to start; days from start to end, 0 = it lasts.
    value : float
        Delivered figure, for example 0.12 for prices 12 % up; 0 = none.
    effect : float
        Mean log hazard ratio on starting to fade while the effect is full.
    spread : float
        Coefficient of variation of the effect between customers.
    full_days, half_life_days : int
        How long the effect stays full, and how fast it fades after that.
    ticket_factor : float
        Factor on the ticket rate between start and end (at least ten days).
    p_slow_answer : float
        Share of slow answers in that time; 0 = as usual.

    Raises
    ------
    ConfigError
        If it would start outside the window.
    """

    change_id: str
    type: str
    scope: str
    starts_at_share: float
    announced_days_before: int
    lasts_days: int
    value: float
    effect: float
    spread: float = 0.3
    full_days: int = 90
    half_life_days: int = 60
    ticket_factor: float = 1.0
    p_slow_answer: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.starts_at_share < 1:
            raise ConfigError(
                "a change must start inside the window",
                rule="config.range",
                column="starts_at_share",
                next_step="Give a share of the window from 0 to below 1.",
            )


@dataclass(frozen=True, slots=True)
class Action:
    """One retention action: its channel and its log hazard ratio per segment for 90 days after the contact."""

    name: str
    channel: str
    effect: PerSegment


CHANGES = (
    Change("CH1", "reorganisation", "segment=small_business", 0.35, 30, 0, 0.0, 0.7, full_days=120, half_life_days=60),
    Change("CH2", "outage", "", 0.55, 0, 10, 0.0, 0.5, full_days=60, ticket_factor=4.0, p_slow_answer=0.5),
    Change("CH3", "price_change", "segment=premium", 0.70, 45, 0, 0.12, 1.1),
    Change("CH4", "rebranding", "", 0.82, 60, 0, 0.0, 0.0),
)

ACTIONS = (
    Action("call", "phone", (-0.25, -0.70, -0.90)),
    Action("email", "email", (-0.15, 0.10, -0.05)),
    Action("discount", "email", (-0.80, -0.35, -0.10)),
)


@dataclass(frozen=True, slots=True)
class Mechanism:
    """How customers live, suffer, fade and leave; rates are per month, effects are log hazard ratios."""

    # Who there is
    segment_shares: PerSegment = (0.60, 0.25, 0.15)
    share_joined_before: float = 0.45
    months_before_mean: float = 24.0
    p_age_missing: float = 0.12
    subscriber_shares: PerSegment = (0.30, 0.50, 0.65)
    p_yearly_contract: float = 0.5

    # Buying: gamma rates, Erlang gaps (shape 1 = irregular, 4 = regular), lognormal amounts
    orders_per_month: PerSegment = (1.25, 1.80, 2.10)
    order_rate_shape: float = 4.0
    regularity_shares: tuple[float, ...] = (0.35, 0.30, 0.20, 0.15)
    amount_level: PerSegment = (38.0, 95.0, 140.0)
    amount_level_sigma: float = 0.6
    amount_sigma: float = 0.4
    order_season: float = 0.30
    visits_per_month: float = 5.0
    p_refund: float = 0.035
    p_refund_dissatisfied: float = 0.06
    p_full_refund: float = 0.6

    # Starting to fade: rate exp(base + effects), per month
    fade_rate: PerSegment = (0.0170, 0.0105, 0.0075)
    frailty_sigma: float = 0.40
    newcomer_effect: float = 1.1
    newcomer_months: float = 5.0
    season_effect: float = 0.15
    discount_portal_effect: float = 0.45
    referral_effect: float = -0.30
    young_effect: float = 0.25
    subscriber_effect: float = -0.30
    contract_effect: float = -0.60
    term_end_effect: float = 1.0
    dissatisfaction_effect: float = 1.1

    # Fading: activity drops; then the customer leaves or comes back
    leave_rate_fading: float = 0.45
    recovery_rate: float = 0.10
    fading_orders_factor: float = 0.25
    fading_visits_factor: float = 0.12
    fading_amount_factor: float = 0.85

    # Leaving without fading
    moved_rate: float = 0.0010
    deceased_rate_at_60: float = 0.00030
    payment_failure_rate: float = 0.006
    payment_leave_rate: float = 0.35
    payment_memory_per_step: float = 0.60

    # Service: a ticket's slow answer or reopening adds dissatisfaction, which fades
    tickets_per_month: float = 0.08
    p_slow_answer: float = 0.22
    p_reopened_slow: float = 0.30
    p_reopened_fast: float = 0.06
    slow_answer_shock: float = 0.7
    reopened_shock: float = 0.5
    dissatisfaction_memory_per_step: float = 0.88
    dissatisfaction_cap: float = 2.5
    surveys_per_month: float = 0.12
    p_answer_missing: float = 0.10

    # Past campaigns
    campaign_first_step: int = 9
    campaign_every_steps: int = 12
    p_contacted: float = 0.30
    p_control: float = 0.20

    changes: tuple[Change, ...] = CHANGES
    actions: tuple[Action, ...] = ACTIONS
