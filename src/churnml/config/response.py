"""The block ``response``: what was agreed for a crisis, and how fast customers are to be answered and reached."""

from __future__ import annotations

from pydantic import Field

from churnml.config.fields import Block, PlainPath

__all__ = ["Response"]


class Response(Block):
    """What was agreed for a crisis."""

    playbook: PlainPath | None = Field(
        default=None,
        description="CSV or YAML file, relative to the project: the actions agreed for each alert; null = none.",
    )
    playbook_digest: str | None = Field(default=None, description="Filled in by the pipeline.")
