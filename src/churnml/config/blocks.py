"""The blocks of ``params.yaml`` beside ``histories``, each key with its bounds and unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from churnml.config.fields import (
    Block,
    Column,
    Days,
    DaysFromZero,
    IsoDate,
    PlainPath,
    Seed,
    TableName,
    Text,
    Texts,
    ascending,
    plain_path,
    unique,
)
from churnml.errors import ConfigError
from churnml.families import FAMILIES, Family

__all__ = [
    "Churn",
    "ChurnEvent",
    "Clv",
    "Features",
    "Gate",
    "Meaning",
    "OwnFeature",
    "Privacy",
    "Simulate",
    "Snapshots",
    "Train",
    "Treatments",
    "Verify",
]

PositiveNumber = Annotated[float, Field(gt=0, le=100)]


class ChurnEvent(Block):
    """The event that is churn (definition ``event``)."""

    column: Column = Field(description="Categorical column of the events table.")
    values: Texts = Field(min_length=1, description="Values of that column that mean churned.")


class Churn(Block):
    """What churn is, for whom, and how far ahead."""

    definition: Literal["inactivity", "spell_end", "event", "label"] = Field(description="What counts as churn.")
    table: Text = Field(description="Table whose silence, end, event or label is churn.")
    horizon_days: Days = Field(default=90, description="Length of the outcome window, days, 1 to 3650.")
    lead_days: DaysFromZero = Field(
        default=0, description="Time to act between the observation date and the outcome window, days, 0 to 3650."
    )
    active_within_days: Days | None = Field(
        default=180,
        description="At risk is who had an event in so many days, 1 to 3650; null = everyone who ever had one.",
    )
    signs_of_life: Texts = Field(
        default=(),
        description="inactivity: events tables whose rows show that a customer is there; empty = all but treatments.",
    )
    grace_days: DaysFromZero = Field(
        default=0,
        description="spell_end: renewed within so many days, or on the day of the end, is not churned, 0 to 3650.",
    )
    end_reasons: Texts = Field(default=(), description="spell_end: reasons that count as churn; empty = all.")
    event: ChurnEvent | None = Field(default=None, description="event: the column and the values that are churn.")
    label: Column | None = Field(
        default=None, description="label: column of the customers table; empty cell = to score."
    )
    label_values: Texts = Field(
        default=(), description="label: values that mean churned; empty = yes/true/t/1/churned against no/false/f/0."
    )
    settle_days: Annotated[int, Field(ge=0, le=365)] | None = Field(
        default=None,
        description="Days until an outcome counts as known, 0 to 365, for rows that arrive late; null = measured: as "
        "long as 95 % of the rows take, at most 90 and at most the horizon.",
    )


class Clv(Block):
    """What a customer's value is; without this block there is no value model."""

    table: Text = Field(description="Events or spells table the value is counted from.")
    measure: Literal["amount", "count"] = Field(default="amount", description="Sum the amounts, or count the rows.")
    horizon_days: Days = Field(default=365, description="Length of the value window, days, 1 to 3650.")
    margin: float = Field(default=0.35, gt=0, le=1, description="Share of the amount that is margin, in (0, 1].")
    discount_rate_yearly: float = Field(default=0.1, ge=0, le=10, description="Discount rate per year, 0.1 = 10 %.")
    refunds: Literal["subtract", "ignore"] = Field(
        default="subtract", description="Money given back lowers the value at the time of the refund, or not at all."
    )
    cost_to_serve_yearly: float = Field(
        default=0.0, ge=0, le=1e9, description="Cost per customer and year, taken off for the time one should stay."
    )


class Treatments(Block):
    """Past contacts that tried to keep customers; without this block, no list may lie inside learned outcomes."""

    table: Text | None = Field(default=None, description="Events table of the contacts.")
    lists: bool = Field(
        default=False,
        description="The lists made here are a log too: who was on one counts as contacted from its day on.",
    )
    column: Column | None = Field(
        default=None, description="Its category that tells treated from control; null = every row is a treatment."
    )
    channel: Column | None = Field(
        default=None,
        description="Its category that names the channel or the action of a contact; for pauses by channel.",
    )
    treated: Texts = Field(default=(), description="Values that mean treated; empty = all but `control`.")
    control: Texts = Field(default=(), description="Values that mean set aside for comparison; these snapshots stay.")
    mode: Literal["drop", "keep"] = Field(
        default="drop",
        description="Snapshots with a treatment before the end of the outcome: leave out, or learn from.",
    )
    outcomes: Annotated[tuple[Literal["churn", "value"], ...], Field(min_length=1), AfterValidator(unique)] = Field(
        default=("churn",), description="Outcomes they are left out of: churn, value."
    )
    ignore: bool = Field(default=False, description="Past campaigns do not matter; the model card says so.")
    digest: str | None = Field(default=None, description="Written by `configure`: SHA-256 of the lists that count.")


class Snapshots(Block):
    """When customers are observed."""

    anchor: Literal["calendar", "joined"] = Field(
        default="calendar", description="Common dates, or each customer's or spell's own clock."
    )
    every_days: Days = Field(default=30, description="calendar: days between observation dates, 1 to 3650.")
    at_days: Annotated[tuple[DaysFromZero, ...], Field(max_length=100), AfterValidator(ascending)] = Field(
        default=(), description="joined: days after the own start, ascending, 0 to 3650, for example [30, 60]."
    )
    count: int = Field(default=12, ge=1, le=1000, description="calendar: number of observation dates, 1 to 1000.")


def _place_of_function(text: str) -> str:
    """Refuse what is no ``folder/file.py:function``."""
    file, _, function = text.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise ConfigError(
            "not the place of a function",
            rule="config.function",
            next_step="Write file and function, for example features/own_features.py:basket_variety.",
        )
    plain_path(file)
    return text


class Meaning(Block):
    """What a feature means, in the languages of the pages."""

    en: Text = Field(description="Meaning in English.")
    zh: Text = Field(description="Meaning in Chinese.")


class OwnFeature(Block):
    """One feature of your own: a Python function or a SELECT over the rows that were usable then."""

    name: TableName = Field(description="Name; the column is called own_<name>.")
    function: Annotated[Text, AfterValidator(_place_of_function)] | None = Field(
        default=None, description="File inside the project and function, for example features/own.py:variety."
    )
    sql: PlainPath | None = Field(
        default=None, description="File inside the project with one SELECT that returns snapshot and value."
    )
    table: TableName | None = Field(default=None, description="Table whose usable rows it reads.")
    tables: Annotated[tuple[TableName, ...], AfterValidator(unique)] = Field(
        default=(), description="sql: tables whose usable rows it reads, where they are several."
    )
    unit: Literal["days", "count", "money", "share", "ratio", "number"] = Field(
        default="number", description="Unit of the value."
    )
    meaning: Meaning = Field(description="What it means, for the dictionary.")

    digest: str | None = Field(
        default=None, description="Written by `configure`: SHA-256 of the file, so that a changed file is seen."
    )

    @property
    def file(self) -> str:
        """Return the file that holds it."""
        return self.sql if self.sql is not None else (self.function or "").rpartition(":")[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the tables it reads, however they were given."""
        return self.tables if self.table is None else (self.table,)

    @model_validator(mode="after")
    def _one_way(self) -> OwnFeature:
        if (self.function is None) == (self.sql is None):
            raise ConfigError("needs either function or sql", rule="config.own", next_step="Give exactly one of them.")
        if (self.table is None) == (not self.tables):
            raise ConfigError("needs either table or tables", rule="config.own", next_step="Give exactly one of them.")
        if self.function is not None and len(self.sources) > 1:
            raise ConfigError("a function reads one table", rule="config.own", next_step="Use sql for several tables.")
        return self


class Features(Block):
    """Which features there are, and how far they look back."""

    windows_days: Annotated[tuple[Days, ...], Field(min_length=1, max_length=20), AfterValidator(ascending)] = Field(
        default=(7, 30, 90, 180, 365), description="Look-back windows, days, ascending, 1 to 3650, at most 20."
    )
    families: Annotated[tuple[Family, ...], Field(min_length=1), AfterValidator(unique)] = Field(
        default=FAMILIES, description="Families of features that are made."
    )
    levels_kept: int = Field(
        default=8, ge=0, le=1000, description="Levels of a category that get columns of their own, at most, 0 to 1000."
    )
    least_level_share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the rows a level must have to get columns of its own, 0 to 1."
    )
    every_window: bool = Field(
        default=False, description="Extremes, spread, mean and level counts in every window, not only in the longest."
    )
    own: tuple[OwnFeature, ...] = Field(default=(), description="Features of your own; see docs/features.md.")


class Train(Block):
    """How models are trained."""

    seed: Seed = Field(default=1, description="Seed of every random draw in training.")
    threads: int = Field(default=2, ge=1, le=256, description="Threads, 1 to 256; they do not change the result.")
    max_rows: int = Field(default=2_000_000, ge=100, description="Rows trained on at most, at least 100.")
    forbidden: Texts = Field(
        default=(), description="Features that no model may use, by name; a trailing * stands for any ending."
    )
    monotone: dict[str, Literal[1, -1]] = Field(
        default_factory=dict,
        description="Features whose effect on the risk of churn may only go up (1) or down (-1), by name or with *.",
    )
    tune_trials: int = Field(default=0, ge=0, le=10_000, description="Trials of the parameter search; 0 = no search.")


class Reasons(Block):
    """What may be given as a reason."""

    never_named: Texts = Field(
        default=(),
        description="Features that never give a reason, by name or with *; age, gender, health and the like never do.",
    )


class Verify(Block):
    """How leakage is looked for."""

    alarm_auc: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="AUC from which a single feature counts as told the outcome, in (0.5, 1).",
    )
    customers: int = Field(
        default=400,
        ge=20,
        le=100_000,
        description="Customers whose histories are disturbed and recomputed, at least 20.",
    )
    seed: Seed = Field(default=1, description="Seed of the sample and of every disturbance.")


class Gate(Block):
    """What a model's calibration on the newest known window may be; outside, beyond noise, it is not promoted."""

    slope: Annotated[tuple[PositiveNumber, PositiveNumber], AfterValidator(ascending)] = Field(
        default=(0.5, 2.0),
        description="Slope of the calibration line, 1 = right: least and greatest, each in (0, 100].",
    )
    max_log_ratio: float = Field(
        default=0.5,
        gt=0,
        le=5,
        description="Distance from 0 of ln(predicted total / actual total), in (0, 5]; 0.5 = a factor of 1.65.",
    )
    max_ece: float = Field(
        default=0.1, gt=0, le=1, description="Mean gap between predicted and observed churn rate, in (0, 1]."
    )
    min_coverage: float = Field(
        default=0.7, ge=0, le=1, description="Share of values within their 80 % intervals, 0 to 1; below, a warning."
    )


class Privacy(Block):
    """How ids of customers are hidden, and persons who ask for it forgotten."""

    pseudonyms: bool = Field(
        default=False,
        description="Keyed pseudonyms stand in the place of customers' ids in all that is prepared, learned and kept; "
        "scores, lists and files for people name ids as delivered. Needs a key: `churnml key`.",
    )
    key: str | None = Field(
        default=None, description="Written by `configure`: name of the key that pseudonyms are made with."
    )

    retrain_within_days: Days = Field(
        default=30, description="By when a model that learned from a forgotten person is trained anew, days, 1 to 3650."
    )
    digest: str | None = Field(
        default=None, description="Written by `configure`: SHA-256 of the list of forgotten persons."
    )


class Simulate(Block):
    """The simulated company."""

    customers: int = Field(default=5000, ge=100, le=100_000_000, description="Customers, at least 100.")
    months: int = Field(default=36, ge=1, le=240, description="Length of the history, months, 1 to 240.")
    seed: Seed = Field(default=7, description="Seed of every random draw.")
    end: IsoDate = Field(default="2024-06-30", description="ISO date at which the history ends.")
