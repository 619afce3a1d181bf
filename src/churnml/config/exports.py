"""The block ``exports``: into which CRMs and platforms a campaign's list goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from churnml.config.fields import Block, Column, PlainPath, Text
from churnml.config.problems import Problem

__all__ = ["ExportTarget", "Exports", "export_problems"]

Target = Literal[
    "zoho",
    "hubspot",
    "salesforce",
    "fxiaoke",
    "braze",
    "klaviyo",
    "google_customer_match",
    "meta_custom_audiences",
]
Source = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
ConsentChannel = Literal["list", "email", "phone", "sms", "post", "push", "ads"]


class ExportTarget(Block):
    """One target, and how this project uses it."""

    target: Target = Field(description="CRM or platform; see docs/crm.md.")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] | None = Field(
        default=None, description="Folder of the files; null = the target's name."
    )
    edition: Text | None = Field(default=None, description="Edition whose limits hold; null = the smallest.")
    create: bool = Field(
        default=False, description="People without a record there get a new one; otherwise records are only updated."
    )
    ids_only: bool = Field(default=False, description="braze: ids and nothing else, for a segment.")
    id: Column | None = Field(
        default=None, description="What holds the record id: customer_id or a contact role; null = the usual roles."
    )
    consent: ConsentChannel | None = Field(
        default=None,
        description="Whose consent opens this use: a channel, or list = the channel of each row; null = the target's.",
    )
    audience: Text | None = Field(default=None, description="Name of a hashed audience; null = a neutral code.")
    headers: dict[Text, Text] = Field(default={}, description="Our header -> the name of the field in this tenant.")
    picks: dict[Source, dict[Text, Text]] = Field(
        default={},
        description="Column such as risk_band -> code -> value of the tenant's pick list; other codes are rejected.",
    )
    max_rows: int | None = Field(default=None, ge=1, description="Rows of a file at most; null = the edition's.")
    max_megabytes: float | None = Field(
        default=None, gt=0, description="Size of a file at most, MB; null = the edition's."
    )
    template: PlainPath | None = Field(
        default=None, description="fxiaoke: the tenant's import template, .xlsx or .csv."
    )
    mapping: PlainPath | None = Field(default=None, description="fxiaoke: YAML file that fills the template's columns.")
    sheet: Text | None = Field(default=None, description="fxiaoke: sheet of the template; null = the first.")
    header_row: int = Field(default=1, ge=1, le=100, description="fxiaoke: row of the template's headers, from 1.")
    digests: tuple[Text, ...] = Field(
        default=(), description="Written by `configure`: SHA-256 of template and mapping, so that a change is seen."
    )

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.name or self.target


class Exports(Block):
    """Into which CRMs and platforms the campaign's list goes."""

    country: str | None = Field(
        default=None, pattern=r"^[A-Z]{2}$", description="Country of telephone numbers where a customer's is unknown."
    )
    targets: Annotated[tuple[ExportTarget, ...], Field(max_length=50)] = Field(
        default=(), description="Targets, each with files of its own."
    )


def export_problems(exports: Exports) -> Iterator[Problem]:
    """Yield what contradicts itself in the block."""
    seen: Mapping[str, int] = {}
    for place, entry in enumerate(exports.targets):
        key = ("exports", "targets", place)
        if entry.folder in seen:
            yield Problem(key, "a second target with this folder", "config.twice", "Give one of them a name.")
        seen = {**seen, entry.folder: place}
        if (entry.target == "fxiaoke") != (entry.template is not None and entry.mapping is not None):
            yield Problem(key, "template and mapping belong to fxiaoke, and it needs both", "config.target", None)
        if entry.ids_only and entry.target != "braze":
            yield Problem((*key, "ids_only"), "only braze takes ids alone", "config.target", "Take it out.")
