"""The record of trainings and the registry of models: how long to wait for a server, and who lets a model score."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from churnml.config.fields import Block

__all__ = ["Promotion", "Tracking"]


class Tracking(Block):
    """The record of trainings in MLflow: what happens when its store cannot be reached."""

    when_unreachable: Literal["spool", "fail"] = Field(
        default="spool",
        description="Keep the training in `.churnml/spool` until the next run or `churnml sync` brings it there, or "
        "end with exit code 7.",
    )
    wait_seconds: int = Field(
        default=60, ge=1, le=3600, description="Seconds to wait for a tracking server, in all, 1 to 3600."
    )


class Promotion(Block):
    """Who lets a model score."""

    require_approval: bool = Field(
        default=False,
        description="A model scores only once somebody has approved it: `churnml promote --approved-by NAME`.",
    )
