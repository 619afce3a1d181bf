"""The block ``causes``: how it is told why customers were lost, what a loss costs, and what may be lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churnml.config.fields import Block, Column, TableName, Text
from churnml.config.problems import Problem
from churnml.config.tables import CalendarTable, EventsTable, Histories, SpellsTable
from churnml.errors import did_you_mean

__all__ = ["CauseColumn", "Causes", "LossTarget", "Owners", "cause_problems"]

CauseCode = Literal[
    "dissatisfaction",
    "poor_service",
    "complaint_handling",
    "price",
    "weak_loyalty_benefit",
    "competitor",
    "weak_trust",
    "account_manager_left",
    "company_change",
    "need_ended",
    "habit_change",
    "variety_seeking",
    "relocation",
    "growth_or_decline",
    "insolvency",
    "death",
    "payment_failure",
    "ended_by_company",
    "unknown",
]


class CauseColumn(Block):
    """A category that tells why somebody left."""

    table: TableName = Field(description="Table of events, spells or customers.")
    column: Column = Field(description="One of its categories.")
    source: Literal["survey", "crm"] = Field(
        description="survey: the customer said so; crm: somebody of the company entered it."
    )


class LossTarget(Block):
    """What the company allows itself to lose."""

    loss_rate: float = Field(
        ge=0, lt=1, description="Share of the customers at risk that may be lost within churn.horizon_days, in [0, 1)."
    )
    least_customers: int = Field(
        default=30, ge=1, description="Owners with fewer customers at risk are pooled, at least 1."
    )


class Owners(Block):
    """The history of who looked after each customer."""

    table: TableName = Field(description="Table of spells, or of events that each begin an owner's time.")
    column: Column = Field(description="Its category with the owner.")


class Causes(Block):
    """Why customers were lost."""

    within_days: int = Field(
        default=365, ge=30, le=3650, description="Losses of so many days before as_of are entered, 30 to 3650."
    )
    columns: tuple[CauseColumn, ...] = Field(
        default=(), description="Categories that tell why, beside the reasons of ended spells and churn events."
    )
    texts: dict[Text, CauseCode] = Field(
        default_factory=dict, description="Own texts, or beginnings of words, -> cause; see docs/causes.md."
    )
    control: dict[CauseCode, Literal["controllable", "not_controllable", "involuntary"]] = Field(
        default_factory=dict, description="Cause -> who can act on it, where the company sees it otherwise."
    )
    survey_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.9, description="How sure a cause is that the customer named, 0 to 1."
    )
    crm_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.8,
        description="How sure a cause is that the company entered, or that stands at a spell's end.",
    )
    replacement_cost: float = Field(
        default=0.0, ge=0, description="What winning a new customer costs, in the currency of the histories."
    )
    word_of_mouth: float = Field(
        default=0.0, ge=0, description="Share of the lost margin that is lost again with others who hear of it."
    )
    owners: Owners | None = Field(
        default=None, description="Who looked after each customer from when on; null = recognised by names."
    )
    handover_days: int = Field(
        default=180,
        ge=30,
        le=730,
        description="Days after a change of owner in which a customer counts as at risk by it, 30 to 730.",
    )
    target: LossTarget | None = Field(default=None, description="What may be lost; null = no target.")
    learn_from_uncontrollable: bool = Field(
        default=True,
        description="Learn from losses whose stated cause nobody can act on; false = they have no churn label.",
    )


def cause_problems(causes: Causes, histories: Histories) -> Iterator[Problem]:
    """Yield columns that are not there, and a target of nothing."""
    yield from _owner_problems(causes.owners, histories)
    for place, entry in enumerate(causes.columns):
        table = histories.tables.get(entry.table)
        key = ("causes", "columns", place)
        if table is None or isinstance(table, CalendarTable):
            near = did_you_mean(entry.table, list(histories.tables))
            yield Problem((*key, "table"), "no such table under histories.tables", "config.table", near)
        elif entry.column not in table.categories:
            yield Problem(
                (*key, "column"),
                f"not among the categories of histories.tables.{entry.table}",
                "config.column",
                did_you_mean(entry.column, table.categories) or "Add the column to the categories of that table.",
            )


def _owner_problems(owners: Owners | None, histories: Histories) -> Iterator[Problem]:
    if owners is None:
        return
    table, key = histories.tables.get(owners.table), ("causes", "owners")
    if not isinstance(table, SpellsTable | EventsTable):
        near = did_you_mean(owners.table, list(histories.tables)) or "Name a table of spells or events."
        yield Problem((*key, "table"), "no such table under histories.tables", "config.table", near)
    elif owners.column not in table.categories:
        near = did_you_mean(owners.column, table.categories) or "Add it to the categories of that table."
        yield Problem((*key, "column"), "not among the categories of that table", "config.column", near)
