"""The block ``monitoring``: from when a model, its data and its lists are told to need attention."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from churnml.config.fields import Block, Days
from churnml.errors import ConfigError

__all__ = ["Monitoring"]


class Monitoring(Block):
    """What is looked at on each run, and from when it alarms."""

    psi_warn: float = Field(
        default=0.1, gt=0, le=10, description="Stability index, beyond chance, from which a column is told of."
    )
    psi_alarm: float = Field(
        default=0.25, gt=0, le=10, description="Stability index, beyond chance and habit, that is an alarm."
    )
    min_rows: int = Field(
        default=100,
        ge=30,
        description="Fewest customers scored, or with known outcomes, to say anything, at least 30.",
    )
    psi_stop: float | None = Field(
        default=1.0,
        gt=0,
        le=10,
        description="The same, from which `churnml score` stops with exit code 5 instead of marking its manifest: a "
        "unit has changed, a level was renamed, a source is silent; null = never.",
    )
    when_stale: Literal["fail", "mark"] = Field(
        default="fail",
        description="A table older than its max_age_days: scoring stops with exit code 3, or manifest and list say so.",
    )
    keep_customers: int = Field(
        default=200_000,
        ge=100,
        description="Customers whose scores are kept to be compared with what happened, at least 100; the same ones.",
    )
    keep_days: Days = Field(default=730, description="For how long they are kept, days, 1 to 3650.")
    contact_within_days: Days | None = Field(
        default=None,
        description="Service level: listed customers should be contacted within so many days, 1 to 3650; null = "
        "campaign.contact_within_days.",
    )

    @model_validator(mode="after")
    def _alarm_is_above(self) -> Monitoring:
        limits = [self.psi_warn, self.psi_alarm, *([] if self.psi_stop is None else [self.psi_stop])]
        if limits != sorted(limits):
            raise ConfigError(
                "psi_warn, psi_alarm and psi_stop must not descend",
                rule="config.order",
                next_step="Raise the later one.",
            )
        return self
