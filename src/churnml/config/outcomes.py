"""The block ``outcomes``: how files are read that tell what came of contacts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from churnml.config.fields import Block, Column, Text
from churnml.config.tables import Csv

__all__ = ["Outcomes"]

ContactRole = Literal["customer_id", "outcome", "at", "owner", "channel", "list"]


class Outcomes(Block):
    """What a phone team or a CRM sends back, for ``churnml outcomes``."""

    columns: dict[ContactRole, Column] = Field(
        default_factory=dict,
        description="Role -> header of the file, where it is none of those in docs/follow_up.md.",
    )
    words: dict[Text, Literal["done", "not_reached", "refused", "accepted"]] = Field(
        default_factory=dict, description="Own text -> outcome, beside the known ones: whole texts, in any capitals."
    )
    csv: Csv | None = Field(
        default=None,
        description="How a CSV file is written; null = UTF-8, ISO 8601 times, and of comma, semicolon and tab the one "
        "that parts the header.",
    )
    are_contacts: bool = Field(
        default=False,
        description="Pauses and caps go by contacts told of by `churnml outcomes`, with no table in treatments needed.",
    )
    digest: str | None = Field(
        default=None,
        description="Written by `configure`: SHA-256 of the contacts told so far.",
    )
