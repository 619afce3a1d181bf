"""Parts of the block ``campaign``: what can be done, by whom, how often, and for whom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from churnml.config.fields import Block, Channel, Column, DaysFromZero, Text, Texts
from churnml.errors import ConfigError

__all__ = ["Action", "Actions", "Cap", "ConsentHistory", "Effect", "Eligibility", "Label", "Pauses", "Team", "Teams"]

NO_ACTION = "none"
"""What a playbook says where nothing is to be done; no action may bear the name."""

EffectSize = Annotated[float, Field(ge=-1, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class Label(Block):
    """Words for something, in the languages of the lists."""

    en: Text = Field(description="In English.")
    zh: Text = Field(description="In Chinese.")


class Effect(Block):
    """What an action does to the probability of leaving; a plain number is `assumed`."""

    assumed: EffectSize = Field(
        description="Share of the probability of leaving that the action removes, -1 to 1; below 0 it drives away."
    )
    low: EffectSize | None = Field(default=None, description="Low end of what it may be; null = not known.")
    high: EffectSize | None = Field(default=None, description="High end of what it may be; null = not known.")
    by_segment: dict[Text, EffectSize] = Field(
        default={}, description="Level of `campaign.segment` -> effect there; `assumed` elsewhere."
    )
    learned: bool = Field(
        default=False,
        description="Learn it from past contacts with a control group; `assumed` where that says nothing.",
    )

    @model_validator(mode="after")
    def _within_its_ends(self) -> Effect:
        low = self.assumed if self.low is None else self.low
        high = self.assumed if self.high is None else self.high
        if not low <= self.assumed <= high:
            raise ConfigError("assumed lies outside low and high", rule="config.order")
        return self


def _as_effect(value: Any) -> Any:
    return {"assumed": value} if isinstance(value, str | int | float) else value


class Action(Block):
    """One thing that can be done with a customer."""

    channel: Channel = Field(description="Channel it takes; consent to it is needed.")
    effect: Annotated[Effect, BeforeValidator(_as_effect)] = Field(
        description="What it does to the probability of leaving: a number, or a block."
    )
    cost: float = Field(default=0.0, ge=0, le=1e9, description="Cost of one contact, in the currency of the histories.")
    gives: float = Field(
        default=0.0, ge=0, le=1e9, description="Margin given away to each customer who takes it, money."
    )
    gives_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of the value to come given away to each customer who takes it."
    )
    take_rate: float = Field(default=1.0, ge=0, le=1, description="Share of those contacted who take what is given.")
    label: Label | None = Field(default=None, description="Words on the lists; null = those of the catalogue.")


def _no_reserved_name(actions: dict[str, Action]) -> dict[str, Action]:
    if NO_ACTION in actions:
        raise ConfigError(
            f"no action may be called {NO_ACTION}",
            rule="config.reserved",
            next_step="A playbook says it for no action.",
        )
    return actions


Actions = Annotated[dict[Name, Action], Field(max_length=50), AfterValidator(_no_reserved_name)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Team(Block):
    """Who makes contacts, and how many a day."""

    owners: Annotated[Texts, Field(min_length=1), BeforeValidator(_as_list)] = Field(
        default=("all",), description="Owners whose customers it looks after; `all` = those of no other team."
    )
    per_day: dict[Channel, Annotated[int, Field(ge=0, le=10_000_000)]] = Field(
        min_length=1, description="Channel -> contacts it can make there on a working day."
    )


Teams = Annotated[dict[Name, Team], Field(max_length=200)]


class Cap(Block):
    """How often a customer is contacted at most, whatever the campaign."""

    contacts: int = Field(ge=1, le=1000, description="Contacts at most, 1 to 1000.")
    days: Annotated[int, Field(ge=1, le=3650)] = Field(description="In so many days, the new contact among them.")


def _as_pauses(value: Any) -> Any:
    return {"any": value} if isinstance(value, str | int) else value


Pauses = Annotated[dict[Literal["any"] | Channel, DaysFromZero], BeforeValidator(_as_pauses)]


class Eligibility(Block):
    """A rule that a customer must meet; an empty cell does not meet it."""

    column: Column = Field(description="Column of the scores, or category or number of the customers table.")
    one_of: Texts = Field(default=(), description="Texts it may be; empty = any.")
    none_of: Texts = Field(default=(), description="Texts it may not be.")
    min: float | None = Field(default=None, description="Least number it may be.")
    max: float | None = Field(default=None, description="Greatest number it may be.")
    why: Text = Field(description="What is said of those it leaves out.")

    @property
    def is_of_numbers(self) -> bool:
        """Return whether it bounds a number."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _says_something(self) -> Eligibility:
        if not (self.is_of_numbers or self.one_of or self.none_of):
            raise ConfigError(
                "asks for nothing", rule="config.missing_key", next_step="Give one_of, none_of, min or max."
            )
        if self.is_of_numbers and (self.one_of or self.none_of):
            raise ConfigError("asks for texts and for numbers", rule="config.conflict", next_step="Write two rules.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError("min is above max", rule="config.order")
        return self


class ConsentHistory(Block):
    """An events table of consents given and withdrawn; the last one known counts."""

    table: Text = Field(description="Events table with a row for each consent given or withdrawn.")
    channel: Column = Field(description="Its category that names the channel.")
    value: Column = Field(description="Its category that says what was decided; see `consent_values`.")
    all_channels: Texts = Field(default=("all",), description="Values of the channel column that mean every channel.")
