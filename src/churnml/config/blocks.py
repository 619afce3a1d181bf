"""The blocks of ``params.yaml`` beside ``histories``, each key with its bounds and unit."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from churnml.config.fields import Block, Channel, Column, IsoDate, Text, Texts
from churnml.errors import ConfigError

__all__ = ["Campaign", "Churn", "ChurnEvent", "Clv", "Features", "Simulate", "Snapshots", "Train"]

NumberT = TypeVar("NumberT", int, float)


def _ascending(items: tuple[NumberT, ...]) -> tuple[NumberT, ...]:
    if any(later <= earlier for earlier, later in pairwise(items)):
        raise ConfigError("must ascend, each value once", rule="config.order")
    return items


def _distinct_channels(items: tuple[Channel, ...]) -> tuple[Channel, ...]:
    if len(set(items)) < len(items):
        raise ConfigError("names the same channel twice", rule="config.twice")
    return items


Days = Annotated[int, Field(ge=1, le=3650)]
DaysFromZero = Annotated[int, Field(ge=0, le=3650)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]


class ChurnEvent(Block):
    """The event that is churn (definition ``event``)."""

    column: Column = Field(description="Categorical column of the events table.")
    values: Texts = Field(min_length=1, description="Values of that column that mean churned.")


class Churn(Block):
    """What churn is, for whom, and how far ahead."""

    definition: Literal["inactivity", "spell_end", "event", "label"] = Field(description="What counts as churn.")
    table: Text = Field(description="Table whose silence, end, event or label is churn.")
    horizon_days: Days = Field(default=90, description="Length of the outcome window, days, 1 to 3650.")
    lead_days: DaysFromZero = Field(
        default=0, description="Time to act between the observation date and the outcome window, days, 0 to 3650."
    )
    active_within_days: Days | None = Field(
        default=180,
        description="At risk is who had an event in so many days, 1 to 3650; null = everyone who ever had one.",
    )
    grace_days: DaysFromZero = Field(
        default=0, description="spell_end: renewed within so many days is not churned, 0 to 3650."
    )
    end_reasons: Texts = Field(default=(), description="spell_end: reasons that count as churn; empty = all.")
    event: ChurnEvent | None = Field(default=None, description="event: the column and the values that are churn.")
    label: Column | None = Field(
        default=None, description="label: column of the customers table; empty cell = to score."
    )
    label_values: Texts = Field(
        default=(), description="label: values that mean churned; empty = yes/true/t/1/churned against no/false/f/0."
    )


class Clv(Block):
    """What a customer's value is; without this block there is no value model."""

    table: Text = Field(description="Events or spells table the value is counted from.")
    measure: Literal["amount", "count"] = Field(default="amount", description="Sum the amounts, or count the rows.")
    horizon_days: Days = Field(default=365, description="Length of the value window, days, 1 to 3650.")
    margin: float = Field(default=0.35, gt=0, le=1, description="Share of the amount that is margin, in (0, 1].")
    discount_rate_yearly: float = Field(default=0.1, ge=0, le=10, description="Discount rate per year, 0.1 = 10 %.")


class Snapshots(Block):
    """When customers are observed."""

    anchor: Literal["calendar", "joined"] = Field(
        default="calendar", description="Common dates, or each customer's or spell's own clock."
    )
    every_days: Days = Field(default=30, description="calendar: days between observation dates, 1 to 3650.")
    at_days: Annotated[tuple[DaysFromZero, ...], Field(max_length=100), AfterValidator(_ascending)] = Field(
        default=(), description="joined: days after the own start, ascending, 0 to 3650, for example [30, 60]."
    )
    count: int = Field(default=12, ge=1, le=1000, description="calendar: number of observation dates, 1 to 1000.")


class Features(Block):
    """How far features look back."""

    windows_days: Annotated[tuple[Days, ...], Field(min_length=1, max_length=20), AfterValidator(_ascending)] = Field(
        default=(7, 30, 90, 180, 365), description="Look-back windows, days, ascending, 1 to 3650, at most 20."
    )


class Train(Block):
    """How models are trained."""

    seed: Seed = Field(default=1, description="Seed of every random draw in training.")
    threads: int = Field(default=2, ge=1, le=256, description="Threads, 1 to 256; they do not change the result.")
    max_rows: int = Field(default=2_000_000, ge=100, description="Rows trained on at most, at least 100.")
    tune_trials: int = Field(default=0, ge=0, le=10_000, description="Trials of the parameter search; 0 = no search.")


class Campaign(Block):
    """Whom to contact: the economics, the limits and the hold-out of one campaign."""

    name: str = Field(
        default="retention", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name and folder of the campaign."
    )
    language: Literal["en", "zh"] = Field(default="en", description="Language of the lists.")
    action: str = Field(default="contact", pattern=r"^[a-z_]{1,64}$", description="Key word of what is done.")
    effect: float = Field(
        default=0.15, gt=0, le=1, description="Assumed share of churn probability that a contact removes, in (0, 1]."
    )
    cost: float = Field(default=0.0, ge=0, description="Cost of one contact, in the currency of the histories.")
    capacity: int = Field(default=500, ge=0, description="Contacts that can be made.")
    budget: float | None = Field(default=None, ge=0, description="Money to spend at most; null = no limit.")
    holdout_share: float = Field(default=0.1, ge=0, le=0.5, description="Share left uncontacted at random, 0 to 0.5.")
    contact_within_days: int = Field(default=14, ge=1, le=365, description="Days in which to contact, 1 to 365.")
    channels: Annotated[tuple[Channel, ...], Field(min_length=1), AfterValidator(_distinct_channels)] = Field(
        default=("phone", "email"), description="Channels in order of preference."
    )
    consent_values: Annotated[Texts, Field(min_length=1)] = Field(
        default=("yes",), description="Values of a consent column that allow contact; any other forbids it."
    )
    risk_bands: Annotated[tuple[InnerShare, ...], Field(min_length=3, max_length=3), AfterValidator(_ascending)] = (
        Field(default=(0.2, 0.4, 0.7), description="Probabilities where medium, high and very high begin, in (0, 1).")
    )
    value_column: Column | None = Field(
        default=None, description="Without a clv block: number column of the customers table, value per period."
    )
    value_periods: int = Field(default=12, ge=1, le=1000, description="Periods that `value_column` is counted for.")
    policy_version: Text = Field(default="1", description="Version of the rules, written on every list.")
    seed: Seed = Field(default=1, description="Seed of the hold-out draw.")


class Simulate(Block):
    """The simulated company."""

    customers: int = Field(default=5000, ge=100, le=100_000_000, description="Customers, at least 100.")
    months: int = Field(default=36, ge=1, le=240, description="Length of the history, months, 1 to 240.")
    seed: Seed = Field(default=7, description="Seed of every random draw.")
    end: IsoDate = Field(default="2024-06-30", description="ISO date at which the history ends.")
