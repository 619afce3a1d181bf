"""The block ``checks``: how grave a breach of a rule is, and how much of it is borne."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from churnml.config.fields import Block
from churnml.errors import ConfigError, did_you_mean
from churnml.histories.rules import CATALOGUE

__all__ = ["Check", "Checks"]


class Check(Block):
    """What is set for one rule of the data check."""

    severity: Literal["error", "warning", "info"] | None = Field(
        default=None, description="What a breach is: an error stops; null = as the rule has it."
    )
    max_count: int | None = Field(default=None, ge=0, description="Borne up to so many rows; more is a breach.")
    max_share: float | None = Field(
        default=None, ge=0, le=1, description="Borne up to this share of rows, 0 to 1; more is a breach."
    )


def _known_rule(name: object) -> object:
    """Refuse a rule that is none, or that no setting lowers."""
    if not isinstance(name, str) or name not in CATALOGUE:
        near = did_you_mean(str(name), list(CATALOGUE))
        raise ConfigError(
            "no such rule", rule="config.unknown_rule", next_step=near or "docs/params.md lists all rules."
        )
    if CATALOGUE[name].is_fixed:
        raise ConfigError(
            "this rule cannot be lowered: going on would make every later figure wrong",
            rule="config.fixed_rule",
            next_step="Mend the data, or take the line out.",
        )
    return name


Checks = dict[Annotated[str, BeforeValidator(_known_rule)], Check]
