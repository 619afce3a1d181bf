"""The whole of ``params.yaml`` as one frozen model, and the rules that span its blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from pydantic import Field, model_validator

from churnml.config.blocks import (
    Churn,
    Clv,
    Features,
    Gate,
    Privacy,
    Reasons,
    Simulate,
    Snapshots,
    Train,
    Treatments,
    Verify,
)
from churnml.config.campaign import Campaign
from churnml.config.campaign_checks import campaign_problems
from churnml.config.causes import Causes, cause_problems
from churnml.config.checks import Checks
from churnml.config.crises import Crises, Guard, crisis_problems
from churnml.config.exports import Exports, export_problems
from churnml.config.fields import Block, iso_date, plain_path
from churnml.config.impact import Impact, impact_problems
from churnml.config.lists import Lists, list_problems
from churnml.config.monitoring import Monitoring
from churnml.config.outcomes import Outcomes
from churnml.config.problems import Contradictions, KeyPath, Problem
from churnml.config.registry import Promotion, Tracking
from churnml.config.relationship import Relationship, relationship_problems
from churnml.config.response import Response
from churnml.config.tables import FETCHED, CustomersTable, EventsTable, Histories, SpellsTable, Table
from churnml.config.warning import EarlyWarning
from churnml.errors import ConfigError, did_you_mean
from churnml.histories.contract import FILE_ENDINGS, is_table_file

__all__ = ["Params"]

_FETCHED = PurePosixPath(FETCHED)
_KIND_OF = {"inactivity": "events", "event": "events", "spell_end": "spells", "label": "customers"}
_RELATION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")


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
    treatments: Treatments | None = Field(
        default=None, description="Past contacts that tried to keep customers; null = none are known."
    )
    checks: Checks = Field(default={}, description="Rule of the data check -> what a breach is and how much is borne.")
    snapshots: Snapshots = Field(default=Snapshots(), description="When customers are observed.")
    features: Features = Field(default=Features(), description="How far features look back.")
    train: Train = Field(default=Train(), description="How models are trained.")
    reasons: Reasons = Field(default=Reasons(), description="What may be given as a reason.")
    verify: Verify = Field(default=Verify(), description="How leakage is looked for.")
    gate: Gate = Field(default=Gate(), description="When a model is refused.")
    tracking: Tracking = Field(default=Tracking(), description="The record of trainings in MLflow.")
    promotion: Promotion = Field(default=Promotion(), description="Who lets a model score.")
    campaign: Campaign = Field(default=Campaign(), description="Whom to contact.")
    exports: Exports = Field(default=Exports(), description="Into which CRMs and platforms the list goes.")
    lists: Lists = Field(default=Lists(), description="What is listed beside the retention campaign.")
    privacy: Privacy = Field(default=Privacy(), description="How ids are hidden, and persons who ask for it forgotten.")
    monitoring: Monitoring = Field(default=Monitoring(), description="When a run says that something needs attention.")
    outcomes: Outcomes = Field(default=Outcomes(), description="What is told of contacts, and in which words.")
    impact: Impact = Field(default=Impact(), description="What the company's own changes did.")
    warning: EarlyWarning = Field(default=EarlyWarning(), description="When a week of losses is an alarm.")
    crises: Crises = Field(default=Crises(), description="Which crises there were and are.")
    guard: Guard = Field(default=Guard(), description="What must not happen to models in a crisis.")
    response: Response = Field(default=Response(), description="What was agreed for a crisis.")
    causes: Causes = Field(default=Causes(), description="Why customers were lost, what it cost, what may be lost.")
    relationship: Relationship = Field(default=Relationship(), description="The report on how relationships stand.")
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
        iso_date(as_of)
        return self.model_copy(update={"histories": self.histories.model_copy(update={"as_of": as_of})})

    @model_validator(mode="after")
    def _blocks_agree(self) -> Params:
        problems = [
            *_source_problems(self.histories),
            *_churn_problems(self.churn, self.histories),
            *(_clv_problems(self.clv, self.histories) if self.clv is not None else ()),
            *(_treatment_problems(self.treatments, self.histories) if self.treatments is not None else ()),
            *_snapshot_problems(self.snapshots),
            *_feature_problems(self.features, self.histories),
            *_value_column_problems(self),
            *campaign_problems(self.campaign, self.histories, self.treatments, is_told=self.outcomes.are_contacts),
            *export_problems(self.exports),
            *impact_problems(self.impact, self.histories),
            *crisis_problems(self.crises, self.histories),
            *cause_problems(self.causes, self.histories),
            *list_problems(self.lists, self.histories, campaign=self.campaign.name),
            *relationship_problems(self.relationship, self.histories),
        ]
        if problems:
            raise Contradictions(problems)
        return self


def _source_problems(histories: Histories) -> Iterator[Problem]:
    """Yield what is wrong with the place of the files and with the set of tables."""
    if histories.folder is None and histories.database is None:
        yield Problem(
            ("histories",), "folder and database: neither given", "config.source", "Give the folder, or the database."
        )
    if histories.database is not None and histories.folder not in {None, FETCHED}:
        yield Problem(
            ("histories", "folder"),
            f"with a database, must be {FETCHED}",
            "config.source",
            "The pipeline puts there what it reads. For files, take database out.",
        )
    if histories.database is None and histories.folder is not None and PurePosixPath(histories.folder) == _FETCHED:
        # The stage that reads a database would take the place of the files.
        yield Problem(
            ("histories", "folder"), "is where a database is read to", "config.source", "Name another folder."
        )
    customers = [name for name, table in histories.tables.items() if table.kind == "customers"]
    for name in customers[1:]:
        yield Problem(("histories", "tables", name), "a second customers table", "config.table", "Keep one.")
    for name, table in histories.tables.items():
        for number, file in enumerate(table.file):
            numbers = (number,) if len(table.file) > 1 else ()
            place: KeyPath = ("histories", "tables", name, "file", *numbers)
            yield from _name_problems(file, place, is_relation=histories.database is not None)


def _name_problems(name: str, place: KeyPath, *, is_relation: bool) -> Iterator[Problem]:
    """Yield what is wrong with the name of a file, a folder or a relation."""
    if is_relation:
        if not _RELATION.fullmatch(name):
            yield Problem(place, "not the name of a relation", "config.path", "Write relation or schema.relation.")
        return
    try:
        plain_path(name)
    except ConfigError as error:
        yield Problem(place, error.problem, error.rule, error.next_step)
    is_folder = name.endswith("/") or not PurePosixPath(name).suffix
    if not is_folder and not is_table_file(name):
        words = f"none of {', '.join(FILE_ENDINGS)}, and no folder"
        yield Problem(place, words, "config.path", "Deliver the table in one of these; end a folder's name with /.")


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
    for number, name in enumerate(churn.signs_of_life):
        if not isinstance(histories.tables.get(name), EventsTable):
            near = did_you_mean(name, list(histories.tables))
            yield Problem(("churn", "signs_of_life", number), "no events table of that name", "config.table", near)
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
    if clv.measure == "count" and clv.cost_to_serve_yearly:
        words = "is money, and clv.measure count has none"
        yield Problem(("clv", "cost_to_serve_yearly"), words, "config.conflict", "Take it out, or use measure amount.")
    if clv.measure == "amount" and isinstance(table, EventsTable | SpellsTable) and table.amount is None:
        place = ("histories", "tables", clv.table, "amount")
        yield Problem(place, "required by clv.measure amount", "config.column", "Name the column or use measure count.")


def _treatment_problems(treatments: Treatments, histories: Histories) -> Iterator[Problem]:
    if treatments.lists and (treatments.ignore or treatments.mode == "keep"):
        key = "ignore" if treatments.ignore else "mode"
        yield Problem(("treatments", key), "contradicts treatments.lists", "config.conflict", "Take one of them out.")
    if treatments.table is None:
        if not treatments.ignore and not treatments.lists:
            yield Problem(
                ("treatments", "table"),
                "required unless treatments.lists or treatments.ignore is true",
                "config.missing_key",
                "Name the events table of the contacts, or write lists: true where the lists made here are the log.",
            )
        return
    problem = _table_problem(treatments.table, histories, block="treatments", kinds=("events",))
    if problem is not None:
        yield problem
    table = histories.tables.get(treatments.table)
    for key in ("column", "channel"):
        name = getattr(treatments, key)
        if isinstance(table, EventsTable) and name is not None and name not in table.categories:
            yield Problem(
                ("treatments", key),
                f"not among the categories of histories.tables.{treatments.table}",
                "config.column",
                did_you_mean(name, table.categories) or "Add the column to the categories of that table.",
            )
    if treatments.column is None:
        if treatments.treated or treatments.control:
            yield Problem(("treatments", "column"), "required by treated and control", "config.missing_key")
    elif not treatments.treated and not treatments.control:
        yield Problem(
            ("treatments", "treated"), "required by column, or control", "config.missing_key", "For example [treated]."
        )
    if set(treatments.treated) & set(treatments.control):
        yield Problem(("treatments", "control"), "names a value that treated names too", "config.conflict")


def _snapshot_problems(snapshots: Snapshots) -> Iterator[Problem]:
    if snapshots.anchor == "joined" and not snapshots.at_days:
        yield Problem(
            ("snapshots", "at_days"), "required by anchor joined", "config.missing_key", "For example [30, 60]."
        )
    if snapshots.anchor == "calendar" and snapshots.at_days:
        yield Problem(("snapshots", "at_days"), "only with anchor joined", "config.conflict")


def _value_column_problems(params: Params) -> Iterator[Problem]:
    """Yield that the declared value per period would not be there to score with."""
    if params.clv is None and params.campaign.value_column is not None and "profile" not in params.features.families:
        yield Problem(
            ("features", "families"), "leaves out profile, but campaign.value_column needs it", "config.conflict"
        )


def _families_of(table: Table, *, n_windows: int) -> Iterator[str]:
    """Yield the families of features that a table can have by its roles."""
    if isinstance(table, CustomersTable):
        yield from ["tenure"] if table.joined else []
        yield from ["profile"] if table.numbers or table.categories else []
    elif isinstance(table, EventsTable):
        yield from ("frequency", "recency", "tenure", "rhythm", "intensity")
        yield from ["trend"] if n_windows > 1 else []
        yield from ["value", "refunds"] if table.amount is not None else ["value"] if table.numbers else []
        yield from ["levels"] if table.categories else []
    else:
        yield table.kind


def _feature_problems(features: Features, histories: Histories) -> Iterator[Problem]:
    """Yield families that would leave no column, and own features of tables there are not."""
    windows, tables = features.windows_days, histories.tables
    possible = {family for table in tables.values() for family in _families_of(table, n_windows=len(windows))}
    # A purchases table, whose models are the family btyd, is an events table.
    possible |= {"btyd"} if any(table.kind == "events" for table in tables.values()) else set()
    if not features.own and possible.isdisjoint(features.families):
        yield Problem(
            ("features", "families"),
            "no table of these histories has features of these families",
            "config.families",
            "Add families, or leave the key out: then all are made.",
        )
    if features.own and "own" not in features.families:
        yield Problem(
            ("features", "families"), "leaves out own, but features.own is given", "config.conflict", "Add own to it."
        )
    seen: set[str] = set()
    for place, own in enumerate(features.own):
        if own.name in seen:
            yield Problem(("features", "own", place, "name"), "names the same feature twice", "config.twice")
        seen.add(own.name)
        for name in own.sources:
            if name not in histories.tables:
                near = did_you_mean(name, list(histories.tables))
                key = "table" if own.table is not None else "tables"
                yield Problem(
                    ("features", "own", place, key), "no such table under histories.tables", "config.table", near
                )
