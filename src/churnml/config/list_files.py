"""The block ``campaign.files``: how the files for people are written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from churnml.config.fields import Block

__all__ = ["ListFiles"]


class ListFiles(Block):
    """How the files for people are written."""

    csv_bom: bool = Field(default=True, description="Begin CSV files with the mark by which Excel knows UTF-8.")
    long_texts: Literal["refuse", "shorten"] = Field(
        default="refuse",
        description="What becomes of a list with a text beyond the 32,767 characters of an Excel cell: refused, or the "
        "text cut so that it says so; ids are never cut.",
    )
    names_on_page: bool = Field(default=False, description="Show customers' names in index.html.")
