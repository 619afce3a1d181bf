"""The whole of ``params.yaml`` as one frozen model, and the rules that span its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field, model_validator

from churnml.config.blocks import Campaign, Churn, Clv, Features, Simulate, Snapshots, Train
from churnml.config.fields import Block, plain_path
from churnml.config.problems import Contradictions, Problem
from churnml.config.tables import CustomersTable, EventsTable, Histories, SpellsTable
from churnml.errors import ConfigError, did_you_mean
from churnml.timeline import parse_instant

__all__ = ["Params"]

_KIND_OF = {"inactivity": "events", "event": "events", "spell_end": "spells", "label": "customers"}
_RELATION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


class Params(Block):
    """A validated ``params.yaml``.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds or blocks contradict each other; ``load_params`` turns it into a ConfigError.
    """

    histories: Histories = Field(description="Where the raw histories lie and what their columns mean.")
    churn: Churn = Field(description="What churn is, for whom, and how far ahead.")
    clv: Clv | None = Field(default=None, description="What a customer's value is; null = no value model.")
    snapshots: Snapshots = Field(default=Snapshots(), description="When customers are observed.")
    features: Features = Field(default=Features(), description="How far features look back.")
    train: Train = Field(default=Train(), description="How models are trained.")
    campaign: Campaign = Field(default=Campaign(), description="Whom to contact.")
    simulate: Simulate = Field(default=Simulate(), description="The simulated company.")

    @property
    def customers_table(self) -> str | None:
        """Return the name of the customers table, or None where there is none."""
        return next((name for name, table in self.histories.tables.items() if table.kind == "customers"), None)

    def at(self, as_of: str) -> Params:
        """Return the same parameters as of another date.

        Raises
        ------
        ConfigError
            If the text is no ISO date or time.
        """
        parse_instant(as_of, timezone=self.histories.timezone)
        return self.model_copy(update={"histories": self.histories.model_copy(update={"as_of": as_of})})

    @model_validator(mode="after")
    def _blocks_agree(self) -> Params:
        problems = [
            *_source_problems(self.histories),
            *_churn_problems(self.churn, self.histories),
            *(_clv_problems(self.clv, self.histories) if self.clv is not None else ()),
            *_snapshot_problems(self.snapshots),
            *_campaign_problems(self.campaign, self.histories),
        ]
        if problems:
            raise Contradictions(problems)
        return self


def _source_problems(histories: Histories) -> Iterator[Problem]:
    """Yield what is wrong with the place of the files and with the set of tables."""
    if (histories.folder is None) == (histories.database is None):
        given = "both given" if histories.folder is not None else "neither given"
        yield Problem(("histories",), f"folder and database: {given}", "config.source", "Give exactly one of the two.")
    customers = [name for name, table in histories.tables.items() if table.kind == "customers"]
    for name in customers[1:]:
        yield Problem(("histories", "tables", name), "a second customers table", "config.table", "Keep one.")
    for name, table in histories.tables.items():
        place = ("histories", "tables", name, "file")
        if histories.database is not None:
            if not _RELATION.fullmatch(table.file):
                yield Problem(place, "not the name of a relation", "config.path", "Write relation or schema.relation.")
            continue
        try:
            plain_path(table.file)
        except ConfigError as error:
            yield Problem(place, error.problem, error.rule, error.next_step)
        if not table.file.endswith((".csv", ".parquet")):
            yield Problem(place, "neither .csv nor .parquet", "config.path", "Deliver the table in one of the two.")


def _table_problem(name: str, histories: Histories, *, block: str, kinds: tuple[str, ...]) -> Problem | None:
    """Return what is wrong with the table a block points at, or None."""
    if name not in histories.tables:
        near = did_you_mean(name, list(histories.tables))
        return Problem((block, "table"), "no such table under histories.tables", "config.table", near)
    kind = histories.tables[name].kind
    if kind not in kinds:
        wanted = " or ".join(kinds)
        return Problem((block, "table"), f"needs a table of kind {wanted}, this one is {kind}", "config.table")
    return None


def _churn_problems(churn: Churn, histories: Histories) -> Iterator[Problem]:
    problem = _table_problem(churn.table, histories, block="churn", kinds=(_KIND_OF[churn.definition],))
    if problem is not None:
        yield problem
    table = histories.tables.get(churn.table)
    if churn.definition == "event":
        yield from _event_problems(churn, table if isinstance(table, EventsTable) else None)
    elif churn.definition == "label":
        yield from _label_problems(churn, table if isinstance(table, CustomersTable) else None)
    elif churn.definition == "spell_end" and isinstance(table, SpellsTable):
        place = ("histories", "tables", churn.table)
        if table.end is None:
            yield Problem((*place, "end"), "required by churn.definition spell_end", "config.column")
        if churn.end_reasons and table.end_reason is None:
            yield Problem((*place, "end_reason"), "required by churn.end_reasons", "config.column")


def _event_problems(churn: Churn, table: EventsTable | None) -> Iterator[Problem]:
    if churn.event is None:
        yield Problem(("churn", "event"), "required by churn.definition event", "config.missing_key")
    elif table is not None and churn.event.column not in table.categories:
        yield Problem(
            ("churn", "event", "column"),
            f"not among the categories of histories.tables.{churn.table}",
            "config.column",
            did_you_mean(churn.event.column, table.categories) or "Add the column to the categories of that table.",
        )


def _label_problems(churn: Churn, table: CustomersTable | None) -> Iterator[Problem]:
    if churn.label is None:
        yield Problem(("churn", "label"), "required by churn.definition label", "config.missing_key")
    elif table is not None and churn.label in (table.id, *table.categories, *table.numbers):
        yield Problem(
            ("churn", "label"),
            "is also the id or a feature column of the customers table",
            "config.leak",
            "Take it out of its id, categories and numbers: the outcome cannot be an input.",
        )


def _clv_problems(clv: Clv, histories: Histories) -> Iterator[Problem]:
    problem = _table_problem(clv.table, histories, block="clv", kinds=("events", "spells"))
    if problem is not None:
        yield problem
    table = histories.tables.get(clv.table)
    if clv.measure == "amount" and isinstance(table, EventsTable | SpellsTable) and table.amount is None:
        place = ("histories", "tables", clv.table, "amount")
        yield Problem(place, "required by clv.measure amount", "config.column", "Name the column or use measure count.")


def _snapshot_problems(snapshots: Snapshots) -> Iterator[Problem]:
    if snapshots.anchor == "joined" and not snapshots.at_days:
        yield Problem(
            ("snapshots", "at_days"), "required by anchor joined", "config.missing_key", "For example [30, 60]."
        )
    if snapshots.anchor == "calendar" and snapshots.at_days:
        yield Problem(("snapshots", "at_days"), "only with anchor joined", "config.conflict")


def _campaign_problems(campaign: Campaign, histories: Histories) -> Iterator[Problem]:
    column = campaign.value_column
    if column is None:
        return
    numbers = [c for t in histories.tables.values() if isinstance(t, CustomersTable) for c in t.numbers]
    if column not in numbers:
        yield Problem(
            ("campaign", "value_column"),
            "not among the numbers of the customers table",
            "config.column",
            did_you_mean(column, numbers) or "Add the column to the numbers of the customers table.",
        )
