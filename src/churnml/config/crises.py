"""The blocks ``crises`` and ``guard``: what is a crisis, and what must not happen to models while one lasts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from churnml.config.fields import Block, InnerShare, IsoDate, Text
from churnml.config.problems import Problem
from churnml.config.tables import CustomersTable, Histories, SpellsTable
from churnml.errors import ConfigError, did_you_mean
from churnml.timeline import parse_instant

__all__ = ["Crises", "CrisisKind", "CrisisType", "DeclaredCrisis", "Guard", "Severity", "crisis_problems"]

CrisisType = Literal["operations", "finance", "strategy", "brand_reputation", "natural_disaster", "outside_event"]
Severity = Literal["minor", "serious", "severe"]


class CrisisKind(Block):
    """What entries of one kind in the calendar tables are."""

    type: CrisisType = Field(description="One of six types.")
    severity: Severity = Field(default="serious", description="How bad they are.")


class DeclaredCrisis(Block):
    """A crisis that stands in no calendar table."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = Field(description="Name, each once.")
    type: CrisisType = Field(description="One of six types.")
    severity: Severity = Field(default="serious", description="How bad it is.")
    start: IsoDate = Field(description="ISO date or time from which it lasts; a date means its first instant.")
    end: IsoDate | None = Field(default=None, description="ISO date or time from which it is over; null = it lasts.")
    known_at: IsoDate | None = Field(
        default=None, description="ISO date or time since when it is known as a crisis; null = `start`."
    )
    scope: Text | None = Field(
        default=None,
        description="Whom it concerns: <category>=<level> of the customers or of a spells table; null = everybody.",
    )

    @model_validator(mode="after")
    def _ends_after_start(self) -> DeclaredCrisis:
        start, end = (None if day is None else parse_instant(day, timezone="UTC") for day in (self.start, self.end))
        if start is not None and end is not None and end <= start:
            raise ConfigError(
                "end is not after start", rule="config.order", next_step="Correct one of the two, or leave end out."
            )
        return self


class Crises(Block):
    """Which crises there were and are: this block, or a list of what is declared."""

    declared: tuple[DeclaredCrisis, ...] = Field(default=(), description="Crises that stand in no calendar table.")
    kinds: dict[Text, CrisisKind] = Field(
        default={},
        description="Kind of change in the calendar tables -> what crisis it is, for example outage: {type: "
        "operations}. The names of the six types need no entry: they are serious crises.",
    )

    @model_validator(mode="before")
    @classmethod
    def _list_is_declared(cls, value: Any) -> Any:
        return {"declared": value} if isinstance(value, list | tuple) else value


class Guard(Block):
    """What must not happen to models while the company is not in its normal regime."""

    from_severity: Severity = Field(
        default="serious", description="Mildest crisis in which no model is promoted, and which training looks at."
    )
    on_alarm: bool = Field(
        default=True, description="Whether an alarm of the early warning on losses is no normal regime either."
    )
    fallback: Literal["keep_champion", "recency"] = Field(
        default="keep_champion",
        description="What scores outside the normal regime: the champion, or the agreed simple rule, days since the "
        "last purchase, learned and calibrated on the same rows; the column model_version then says so.",
    )
    training: Literal["keep", "down_weight", "leave_out"] = Field(
        default="keep",
        description="Snapshots of those concerned whose outcome window lies in a crisis: they teach as all others do, "
        "less, or not at all. Tested rows are never touched.",
    )
    weight: InnerShare = Field(default=0.25, description="down_weight: what such a snapshot counts, in (0, 1).")


def crisis_problems(block: Crises, histories: Histories) -> Iterator[Problem]:
    """Yield names that come twice and scopes that name nothing."""
    tables = histories.tables.values()
    known = sorted({name for t in tables if isinstance(t, CustomersTable | SpellsTable) for name in t.categories})
    names: set[str] = set()
    for at, crisis in enumerate(block.declared):
        place = ("crises", "declared", at)
        if crisis.name in names:
            yield Problem((*place, "name"), "names the same crisis twice", "config.twice", "Give each its own name.")
        names.add(crisis.name)
        if crisis.scope is None:
            continue
        category, _, level = (part.strip() for part in crisis.scope.partition("="))
        if category not in known or not level:
            near = did_you_mean(category, known)
            yield Problem(
                (*place, "scope"),
                "not <category>=<level> with a category of the customers table or of a spells table",
                "config.scope",
                near or "Declare the category, or leave scope out for everybody.",
            )
