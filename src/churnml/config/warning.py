"""The block ``warning``: when a week of losses, or of what runs ahead of them, is an alarm."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from churnml.config.fields import Block

__all__ = ["EarlyWarning"]


class EarlyWarning(Block):
    """When a week is an alarm."""

    false_alarms_per_year: Annotated[float, Field(gt=0, le=12)] = Field(
        default=0.2,
        description="False alarms that all figures together may raise in a quiet year, a count above 0, at most 12.",
    )
    guard_weeks: Annotated[int, Field(ge=2, le=26)] = Field(
        default=8,
        description="Latest weeks from which nothing is learned of what is usual, weeks, 2 to 26.",
    )
    history_weeks: Annotated[int, Field(ge=40, le=520)] = Field(
        default=260, description="How far back is looked, weeks, 40 to 520."
    )
