"""The block ``campaign``: whom to contact, with what, and within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from churnml.config.fields import Block, Channel, Column, InnerShare, Seed, Text, Texts, ascending
from churnml.errors import ConfigError

__all__ = ["Campaign"]


def _distinct_channels(items: tuple[Channel, ...]) -> tuple[Channel, ...]:
    if len(set(items)) < len(items):
        raise ConfigError("names the same channel twice", rule="config.twice")
    return items


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
    risk_bands: Annotated[tuple[InnerShare, ...], Field(min_length=3, max_length=3), AfterValidator(ascending)] = Field(
        default=(0.2, 0.4, 0.7), description="Probabilities where medium, high and very high begin, in (0, 1)."
    )
    value_column: Column | None = Field(
        default=None, description="Without a clv block: number column of the customers table, value per period."
    )
    value_periods: int = Field(default=12, ge=1, le=1000, description="Periods that `value_column` is counted for.")
    policy_version: Text = Field(default="1", description="Version of the rules, written on every list.")
    seed: Seed = Field(default=1, description="Seed of the hold-out draw.")
