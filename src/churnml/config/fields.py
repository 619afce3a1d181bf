"""What a key may hold: texts, column names, paths, dates, zones; shared by every block."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from churnml.errors import ConfigError
from churnml.timeline import parse_instant

__all__ = [
    "Block",
    "Channel",
    "Column",
    "Columns",
    "Days",
    "DaysFromZero",
    "InnerShare",
    "IsoDate",
    "PlainPath",
    "Seed",
    "TableName",
    "Text",
    "Texts",
    "ascending",
    "known_zone",
    "plain_path",
    "printable",
    "unique",
]

Channel = Literal["email", "phone", "sms", "post", "push"]
"""Ways to reach a customer."""

NumberT = TypeVar("NumberT", int, float)

_HOSTILE = re.compile(r"[*?\[\]{}\\:\x00-\x1f\x7f]")
_CONTROL = frozenset({"Cc", "Zl", "Zp"})
_NO_CHARACTERS = "\ufffe\uffff"


class Block(BaseModel):
    """A block of ``params.yaml``: frozen, unknown keys and non-finite numbers refused, values kept out of messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def printable(text: str) -> str:
    """Refuse control characters, which could steer a terminal or break a file, and what YAML has no way to hold."""
    if any(unicodedata.category(character) in _CONTROL or character in _NO_CHARACTERS for character in text):
        raise ConfigError("holds a control character", rule="config.text")
    return text


def ascending(items: tuple[NumberT, ...]) -> tuple[NumberT, ...]:
    """Refuse numbers that do not ascend."""
    if any(later <= earlier for earlier, later in pairwise(items)):
        raise ConfigError("must ascend, each value once", rule="config.order")
    return items


def unique(items: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names an entry twice."""
    if len(set(items)) < len(items):
        raise ConfigError("names the same entry twice", rule="config.twice")
    return items


def plain_path(name: str) -> str:
    """Refuse by its spelling what ``storage.resolve`` refuses; links are seen there, when the file is opened."""
    parts = PurePosixPath(name).parts
    if name != name.strip() or name.startswith(("/", "~")) or ".." in parts or _HOSTILE.search(name):
        raise ConfigError(
            "not a plain path inside the project",
            rule="config.path",
            next_step="Write a relative path without '..', patterns, URL or drive.",
        )
    return name


def known_zone(name: str) -> str:
    """Refuse a name that is no IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            "unknown time zone", rule="config.timezone", next_step="Write an IANA name such as Europe/Berlin or UTC."
        ) from None
    return name


def iso_date(text: str) -> str:
    """Refuse what is no ISO date or time between 1900 and 2199."""
    # Years near the ends of the calendar would overflow when they are moved between zones.
    if text[:4].isdigit() and not "1900" <= text[:4] < "2200":
        raise ConfigError("a date outside 1900 to 2199", rule="config.date")
    parse_instant(text, timezone="UTC")
    return text


Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
Texts = Annotated[tuple[Text, ...], AfterValidator(unique)]
Column = Text
Columns = Texts
PlainPath = Annotated[Text, AfterValidator(plain_path)]
IsoDate = Annotated[Text, AfterValidator(iso_date)]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Days = Annotated[int, Field(ge=1, le=3650)]
DaysFromZero = Annotated[int, Field(ge=0, le=3650)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
