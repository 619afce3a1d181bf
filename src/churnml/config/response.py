"""The block ``response``: what was agreed for a crisis, and how fast customers are to be answered and reached."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from churnml.config.fields import Block, Days, PlainPath

__all__ = ["Response"]


class Response(Block):
    """What was agreed for a crisis."""

    playbook: PlainPath | None = Field(
        default=None,
        description="CSV or YAML file, relative to the project: the actions agreed for each alert; null = none.",
    )
    playbook_digest: str | None = Field(default=None, description="Filled in by the pipeline.")
    answer_within_hours: Annotated[float, Field(gt=0, le=8760)] | None = Field(
        default=None, description="Promised time to a first answer, hours; null = relationship.sla_hours."
    )
    list_within_days: Days = Field(default=7, description="By then who was lost is to be on a list, days.")
    contact_within_days: Days = Field(default=14, description="By then who was lost is to be contacted, days.")
    window_days: Days = Field(
        default=30, description="churnml clock, where neither crisis nor alarm says when it began: the last days."
    )
