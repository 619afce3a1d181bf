"""The block ``impact``: how the effect of the company's own changes is estimated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from churnml.config.fields import Block, InnerShare, TableName
from churnml.config.problems import Problem
from churnml.config.tables import EventsTable, Histories
from churnml.errors import did_you_mean

__all__ = ["Impact", "impact_problems"]


class Impact(Block):
    """What company changes did."""

    period_days: Annotated[int, Field(ge=7, le=365)] = Field(
        default=30, description="Length of the periods that are compared, days, 7 to 365; churn takes its own horizon."
    )
    after_days: Annotated[int, Field(ge=7, le=730)] = Field(
        default=90, description="How long after the start of a change its effect is looked for, days, 7 to 730."
    )
    most_before: Annotated[int, Field(ge=3, le=60)] = Field(
        default=12, description="Periods before a change that are compared, at most, 3 to 60."
    )
    least_customers: Annotated[int, Field(ge=10)] = Field(
        default=50, description="Fewest customers in a group, at least 10."
    )
    confidence: InnerShare = Field(default=0.95, description="Of the intervals, in (0, 1).")
    recovery_days: Annotated[int, Field(ge=30, le=1830)] = Field(
        default=365, description="How long after the start the way back is followed, days, 30 to 1830."
    )
    recovery_stays: Annotated[int, Field(ge=1, le=12)] = Field(
        default=2, description="So many periods in a row inside the usual range make a return, 1 to 12."
    )
    cost_table: TableName | None = Field(
        default=None, description="Events table whose amounts are what looking after customers cost; null = not known."
    )


def impact_problems(block: Impact, histories: Histories) -> Iterator[Problem]:
    """Yield that the costs are not where they should be."""
    if block.cost_table is None:
        return
    table = histories.tables.get(block.cost_table)
    if not isinstance(table, EventsTable) or table.amount is None:
        yield Problem(
            ("impact", "cost_table"),
            "no events table with amounts of that name",
            "config.table",
            did_you_mean(block.cost_table, list(histories.tables)) or "Declare the amount column of that table.",
        )
