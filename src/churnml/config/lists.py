"""The block ``lists``: what is listed beside the retention campaign, each key with its bounds and unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from churnml.config.fields import Block, Channel, Column, IsoDate, TableName, Text, Texts, unique
from churnml.config.problems import KeyPath, Problem
from churnml.config.tables import CalendarTable, EventsTable, Histories
from churnml.errors import ConfigError, did_you_mean
from churnml.timeline import parse_instant

__all__ = [
    "Affected",
    "Compensation",
    "Lists",
    "LoyalAlarm",
    "Winback",
    "affected_problems",
    "compensation_problems",
    "list_problems",
]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Channels = Annotated[tuple[Channel, ...], Field(min_length=1), AfterValidator(unique)]


class Winback(Block):
    """Customers who have left and may be asked to come back."""

    name: Name = Field(default="winback", description="Name and folder of the list, and of its hold-out draw.")
    return_within_days: int = Field(
        default=90, ge=1, le=3650, description="A return counts within so many days, 1 to 3650."
    )
    list_for_days: int = Field(
        default=365, ge=1, le=3650, description="Days after the loss for which a customer may stay listed, 1 to 3650."
    )
    cost: float | None = Field(
        default=None, ge=0, description="Cost of one contact, in the currency of the histories; null = campaign.cost."
    )
    capacity: int | None = Field(default=None, ge=0, description="Contacts that can be made; null = campaign.capacity.")
    holdout_share: float | None = Field(
        default=None, ge=0, le=0.5, description="Share left uncontacted at random; null = campaign.holdout_share."
    )
    channels: Channels | None = Field(default=None, description="In order of preference; null = campaign.channels.")
    assumed_return: float | None = Field(
        default=None, gt=0, lt=1, description="Probability of return where the histories cannot teach it, in (0, 1)."
    )
    not_recoverable: Texts = Field(
        default=(),
        description="Further reasons after which nobody is ever listed, beside those of docs/other_lists.md: one of "
        "these begins a word of the reason.",
    )
    recoverable: Texts = Field(
        default=(),
        description="Further last reasons after which a customer may be listed, recognised in the same way.",
    )
    other_reasons: Literal["leave_out", "list"] = Field(
        default="leave_out", description="What happens where the last reason is in neither of the two."
    )
    reason_columns: Texts = Field(
        default=(),
        description="Further categories that tell why somebody left, as <table>.<column>; ends of spells, churn "
        "events and all categories of the customers table are looked at anyway.",
    )


class LoyalAlarm(Block):
    """A warning of its own for long-standing and valuable customers."""

    name: Name = Field(default="loyal_alarm", description="Name and folder of the list.")
    tenure_days: int | None = Field(
        default=730, ge=1, le=36_500, description="Loyal is who has been a customer so long, days; null = not asked."
    )
    tiers: Annotated[tuple[Literal["A", "B", "C"], ...], AfterValidator(unique)] = Field(
        default=("A",), description="Loyal is who is in these tiers of value in the year before; empty = not asked."
    )
    match: Literal["any", "all"] = Field(default="any", description="Whether one of the two is enough.")
    excess: float = Field(
        default=0.2, ge=0, le=10, description="How far above the usual rate the expected one must lie, 0.2 = 20 %."
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="Confidence of the range of usual rates, in (0.5, 1)."
    )
    least_probability: float | None = Field(
        default=None, gt=0, lt=1, description="Listed from this probability of leaving; null = where band high begins."
    )

    @model_validator(mode="after")
    def _somebody_is_loyal(self) -> LoyalAlarm:
        if self.tenure_days is None and not self.tiers:
            raise ConfigError(
                "neither tenure_days nor tiers says who is loyal", rule="config.missing_key", next_step="Give one."
            )
        return self


class Affected(Block):
    """Everybody a change or a fault concerns: a calendar entry, or the buyers of something."""

    name: Name = Field(description="Name and folder of the list.")
    table: TableName = Field(description="Calendar table of the changes, or events table of what was bought.")
    type: Text | None = Field(default=None, description="calendar: kind of change; null = any.")
    on: IsoDate | None = Field(
        default=None, description="calendar: day on which it begins; null = every change that has not begun yet."
    )
    where: dict[Column, Texts] = Field(
        default_factory=dict, description="events: category -> values, exactly as delivered; all must hold."
    )
    at_least: dict[Column, float] = Field(
        default_factory=dict, description="events: number column -> least value, for example delay_days: 5."
    )
    first_day: IsoDate | None = Field(default=None, description="events: first day, in histories.timezone; null = any.")
    last_day: IsoDate | None = Field(default=None, description="events: last day, included; null = any.")
    channels: Channels | None = Field(default=None, description="In order of preference; null = campaign.channels.")


Money = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=2)]


class Compensation(Block):
    """Help for those a fault hit hardest, within a budget."""

    name: Name = Field(description="Name and folder of the list.")
    affected: Name = Field(description="The list of lists.affected that says who is concerned.")
    harm: Text = Field(
        default="rows",
        description="How hard a customer is hit: `rows` (rows concerned), `amount` (their sum), a number column of the "
        "table (its sum), or `value` (value at risk).",
    )
    budget: Money = Field(description="At most this in all, in the currency of the histories, to the cent.")
    least: Annotated[Money, Field(gt=0)] = Field(description="Least amount for whoever is helped; money above 0.")
    most: Money | None = Field(default=None, description="Most for one customer, money; null = no such bound.")
    per_unit: Annotated[Decimal, Field(gt=0, le=10**9)] | None = Field(
        default=None,
        description="What one unit of harm is due, money, for example 0.1: the worst hit get theirs while the "
        "budget lasts; null = the budget is shared in proportion to harm.",
    )

    @model_validator(mode="after")
    def _most_is_not_below_least(self) -> Compensation:
        if self.most is not None and self.most < self.least:
            raise ConfigError("most lies below least", rule="config.order")
        return self


class Lists(Block):
    """Lists beside the retention campaign; each is made where its block is given."""

    winback: Winback | None = Field(
        default=None, description="Customers to win back; null = no such list, {} = with the defaults."
    )
    loyal_alarm: LoyalAlarm | None = Field(
        default=None, description="Warning about loyal customers; null = no such list, {} = with the defaults."
    )
    affected: tuple[Affected, ...] = Field(default=(), description="Whom changes and faults concern.")
    compensation: tuple[Compensation, ...] = Field(default=(), description="Whom to help, and with how much.")

    @property
    def names(self) -> dict[KeyPath, str]:
        """Return where the name of each list stands."""
        found: dict[KeyPath, str] = {}
        if self.winback is not None:
            found["lists", "winback", "name"] = self.winback.name
        if self.loyal_alarm is not None:
            found["lists", "loyal_alarm", "name"] = self.loyal_alarm.name
        found |= {("lists", "affected", n, "name"): block.name for n, block in enumerate(self.affected)}
        return found | {("lists", "compensation", n, "name"): block.name for n, block in enumerate(self.compensation)}


def list_problems(lists: Lists, histories: Histories, *, campaign: str) -> Iterator[Problem]:
    """Yield where the lists contradict the histories or one another."""
    taken = {campaign}
    for place, name in lists.names.items():
        if name in taken:
            yield Problem(place, "is the name of another list too", "config.twice", "Each list has its own folder.")
        taken.add(name)
    for number, block in enumerate(lists.affected):
        yield from affected_problems(block, histories, place=("lists", "affected", number))
    for number, help_block in enumerate(lists.compensation):
        yield from compensation_problems(help_block, lists.affected, histories, place=("lists", "compensation", number))
    for number, column in enumerate(lists.winback.reason_columns if lists.winback else ()):
        table, _, name = column.partition(".")
        if name not in getattr(histories.tables.get(table), "categories", ()):
            words = "not a category of histories.tables, as <table>.<column>"
            yield Problem(("lists", "winback", "reason_columns", number), words, "config.column")


def compensation_problems(
    block: Compensation, rules: Sequence[Affected], histories: Histories, *, place: KeyPath
) -> Iterator[Problem]:
    """Yield what a block of help asks in vain of the list that says who is concerned."""
    rule = next((rule for rule in rules if rule.name == block.affected), None)
    if rule is None:
        near = did_you_mean(block.affected, [rule.name for rule in rules])
        yield Problem((*place, "affected"), "no such list under lists.affected", "config.list", near)
        return
    table = histories.tables.get(rule.table)
    known = ["rows", "value"]
    if isinstance(table, EventsTable):
        known += [*(["amount"] if table.amount is not None else []), *table.numbers]
    if block.harm not in known:
        near = did_you_mean(block.harm, known) or f"There are: {', '.join(known)}."
        yield Problem((*place, "harm"), "nothing that table can say", "config.column", near)


def affected_problems(block: Affected, histories: Histories, *, place: KeyPath) -> Iterator[Problem]:
    """Yield what a rule for the affected asks of its table in vain."""
    table = histories.tables.get(block.table)
    if table is None:
        near = did_you_mean(block.table, list(histories.tables))
        yield Problem((*place, "table"), "no such table under histories.tables", "config.table", near)
    elif isinstance(table, CalendarTable):
        given = [key for key in ("where", "at_least", "first_day", "last_day") if getattr(block, key)]
        yield from (Problem((*place, key), "only with an events table", "config.conflict") for key in given)
    elif isinstance(table, EventsTable):
        given = [key for key in ("type", "on") if getattr(block, key) is not None]
        yield from (Problem((*place, key), "only with a calendar table", "config.conflict") for key in given)
        yield from _rule_problems(block, table, histories, place)
    else:
        words = f"needs a table of kind calendar or events, this one is {table.kind}"
        yield Problem((*place, "table"), words, "config.table")


def _rule_problems(block: Affected, table: EventsTable, histories: Histories, place: KeyPath) -> Iterator[Problem]:
    for key, asked, known in (("where", block.where, table.categories), ("at_least", block.at_least, table.numbers)):
        for name in asked:
            if name not in known:
                kind = "categories" if key == "where" else "numbers"
                words = f"not among the {kind} of that table"
                yield Problem((*place, key, name), words, "config.column", did_you_mean(name, known))
    if not (block.where or block.at_least or block.first_day or block.last_day):
        words = "where, at_least, first_day and last_day: none given, so the rule names everybody"
        yield Problem(place, words, "config.missing_key", "Say what was bought, or when.")
    if block.first_day is not None and block.last_day is not None:
        first, last = (parse_instant(day, timezone=histories.timezone) for day in (block.first_day, block.last_day))
        if last < first:
            yield Problem((*place, "last_day"), "lies before first_day", "config.order")
