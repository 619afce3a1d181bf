"""The block ``relationship``: the report on how relationships stand, each key with its bounds and unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from churnml.config.fields import Block, Column, Days, InnerShare, IsoDate, PlainPath, TableName, Text, Texts
from churnml.config.problems import Problem
from churnml.config.tables import CustomersTable, EventsTable, Histories, SpellsTable
from churnml.errors import ConfigError, did_you_mean

__all__ = [
    "Earlier",
    "PopulationBlock",
    "Referral",
    "Relationship",
    "Survey",
    "TargetBand",
    "TicketsBlock",
    "relationship_problems",
]

Hours = Annotated[float, Field(gt=0, le=100_000)]
FigureName = Literal[
    "csat", "nps", "churn", "revenue_churn", "clv", "year_value", "frequency", "repeat", "membership", "referral",
    "complaints", "speed", "sla_breach", "reopened", "open", "overdue", "response",
]  # fmt: skip
Score = Annotated[float, Field(ge=-1000, le=1000)]


class PopulationBlock(Block):
    """Whom the report is about: one kind of customers, never a mixture that changes from report to report."""

    column: Column | None = Field(default=None, description="Category of the customers table; null = everybody.")
    value: Text | None = Field(default=None, description="Its one level whose customers are reported on.")
    buyers: Literal["any", "repeat", "one_time"] = Field(
        default="any", description="Only those who had bought more often than once, or just once, before."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> PopulationBlock:
        if (self.column is None) != (self.value is None):
            raise ConfigError("column and value go together", rule="config.missing_key", next_step="Give both.")
        return self


class Survey(Block):
    """A column of scores that customers gave."""

    table: TableName = Field(description="Events table of the answers.")
    score: Column = Field(description="Its number column with the score.")
    kind: Literal["csat", "nps"] = Field(description="Satisfaction, or willingness to recommend from 0 to 10.")
    scale: tuple[Score, Score] | None = Field(
        default=None, description="Lowest and highest score; null = the narrowest usual scale that holds all of them."
    )
    satisfied_from: Score | None = Field(
        default=None, description="csat: lowest satisfied score; null = 4 of 5, 6 of 7, 8 of 10, 75 of 100."
    )

    @model_validator(mode="after")
    def _scale_ascends(self) -> Survey:
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ConfigError("scale does not ascend", rule="config.order", next_step="Write for example [1, 5].")
        return self


class TicketsBlock(Block):
    """Where questions and complaints are opened and answered."""

    table: TableName = Field(description="Events table of tickets opened, or spells table from opened to closed.")
    answers: TableName | None = Field(default=None, description="Events table of the answers, where it is another.")
    hours: Column | None = Field(
        default=None, description="Number column of the time until the answer, in the answers or in the tickets."
    )
    unit: Literal["minutes", "hours", "days"] = Field(default="hours", description="Unit of that column.")
    reopened: Column | None = Field(
        default=None, description="Number column that is above 0 where the customer had to come back."
    )


class Referral(Block):
    """Who came by recommendation."""

    column: Column = Field(description="Category of the customers table.")
    values: Texts = Field(min_length=1, description="Its levels that mean: recommended by a customer.")


class TargetBand(Block):
    """Between which values a figure should lie; one of the two may be left out."""

    low: float | None = Field(default=None, ge=-1e12, le=1e12, description="Lower edge, in the unit of the figure.")
    high: float | None = Field(default=None, ge=-1e12, le=1e12, description="Upper edge, in the unit of the figure.")

    @model_validator(mode="after")
    def _band_ascends(self) -> TargetBand:
        if self.low is None and self.high is None:
            raise ConfigError("neither low nor high", rule="config.missing_key", next_step="Give one or both.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ConfigError("low is above high", rule="config.order", next_step="Exchange the two.")
        return self


class Earlier(Block):
    """Definitions that held before: both are told over two periods, and the break is marked."""

    csat_satisfied_from: Score | None = Field(default=None, description="Lowest satisfied score before.")
    sla_hours: Hours | None = Field(default=None, description="Promised time to answer before, hours.")
    churn_horizon_days: Days | None = Field(default=None, description="churn.horizon_days before.")
    churn_active_within_days: Days | None = Field(default=None, description="churn.active_within_days before.")


class Relationship(Block):
    """One report a period on how relationships with customers stand."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = Field(
        default="relationship", description="Name of the series of reports; another question needs another name."
    )
    question: Text | None = Field(default=None, description="What the report is to answer; null = how they stand.")
    population: PopulationBlock = Field(default=PopulationBlock(), description="Whom the report is about.")
    period_days: Annotated[int, Field(ge=7, le=1830)] = Field(
        default=90, description="Length of a period, compared with the one before, days, 7 to 1830."
    )
    period_end: IsoDate | None = Field(default=None, description="Its end, at most histories.as_of; null = as_of.")
    periods: Annotated[int, Field(ge=2, le=36)] = Field(
        default=6, description="Periods in the charts, this one included."
    )
    segments: Texts | None = Field(
        default=None, description="Categories of the customers table that part customers; null = all short ones."
    )
    minimum: Annotated[int, Field(ge=3, le=1000)] = Field(
        default=10, description="Groups of fewer customers are held back, and what would give them away."
    )
    confidence: InnerShare = Field(default=0.95, description="Of the intervals, in (0, 1).")
    fdr: InnerShare = Field(default=0.05, description="Share of false findings accepted among all findings, in (0, 1).")
    recognise: bool = Field(
        default=True, description="Whether roles that are not declared are read off the names of tables and columns."
    )
    surveys: tuple[Survey, ...] | None = Field(default=None, description="Scores; null = recognised, [] = none.")
    tickets: TicketsBlock | None = Field(default=None, description="Questions and complaints; null = recognised.")
    sla_hours: Hours = Field(default=48.0, description="Promised time to answer, hours.")
    membership: TableName | None = Field(default=None, description="Spells table of memberships; null = recognised.")
    referral: Referral | None = Field(default=None, description="Who was recommended; null = recognised.")
    product_lines: Texts | None = Field(
        default=None, description="Categories that name product lines, as <table>.<column>; null = recognised."
    )
    targets: dict[FigureName, TargetBand] = Field(
        default_factory=dict, description="Figure -> band; churn should be low, and is never 0."
    )
    driver: Text | None = Field(
        default=None, description="Measure of service whose before and after is told; null = the first of the ranking."
    )
    actions: PlainPath | None = Field(default=None, description="CSV file of the register of actions; null = none.")
    actions_digest: str | None = Field(default=None, description="Filled in by the pipeline.")
    earlier: Earlier | None = Field(
        default=None, description="Definitions that held before; null = those of the last report, where they differ."
    )


def relationship_problems(block: Relationship, histories: Histories) -> Iterator[Problem]:
    """Yield where the block contradicts the histories."""
    tables = histories.tables
    people = next((t for t in tables.values() if isinstance(t, CustomersTable)), None)
    categories = () if people is None else people.categories

    def column(place: tuple[str | int, ...], name: str, known: tuple[str, ...], of: str) -> Iterator[Problem]:
        if name not in known:
            yield Problem(("relationship", *place), f"not among the {of}", "config.column", did_you_mean(name, known))

    if block.population.column is not None:
        yield from column(("population", "column"), block.population.column, categories, "categories of the customers")
    if block.referral is not None:
        yield from column(("referral", "column"), block.referral.column, categories, "categories of the customers")
    for at, name in enumerate(block.segments or ()):
        yield from column(("segments", at), name, categories, "categories of the customers")
    for at, survey in enumerate(block.surveys or ()):
        table = tables.get(survey.table)
        if not isinstance(table, EventsTable):
            yield _no_table(("surveys", at, "table"), survey.table, histories, "events")
        else:
            yield from column(("surveys", at, "score"), survey.score, table.numbers, "numbers of that table")
    if block.membership is not None and not isinstance(tables.get(block.membership), SpellsTable):
        yield _no_table(("membership",), block.membership, histories, "spells")
    yield from _ticket_problems(block.tickets, histories)
    for at, name in enumerate(block.product_lines or ()):
        head, _, tail = name.partition(".")
        table = tables.get(head)
        known = table.categories if isinstance(table, EventsTable | SpellsTable) else ()
        yield from column(("product_lines", at), tail, known, "categories of an events or spells table of that name")


def _ticket_problems(block: TicketsBlock | None, histories: Histories) -> Iterator[Problem]:
    if block is None:
        return
    table = histories.tables.get(block.table)
    if not isinstance(table, EventsTable | SpellsTable):
        yield _no_table(("tickets", "table"), block.table, histories, "events or spells")
        return
    holder: object = table
    if block.answers is not None:
        holder = histories.tables.get(block.answers)
        if not isinstance(holder, EventsTable):
            yield _no_table(("tickets", "answers"), block.answers, histories, "events")
            return
    known = holder.numbers if isinstance(holder, EventsTable | SpellsTable) else ()
    for key in ("hours", "reopened"):
        name = getattr(block, key)
        if name is not None and name not in known:
            near = did_you_mean(name, known)
            yield Problem(
                ("relationship", "tickets", key), "not among the numbers of that table", "config.column", near
            )


def _no_table(place: tuple[str | int, ...], name: str, histories: Histories, kind: str) -> Problem:
    near = did_you_mean(name, list(histories.tables))
    return Problem(("relationship", *place), f"no {kind} table of that name", "config.table", near)
