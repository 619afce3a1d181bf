"""The block ``histories``: where the tables lie and what their columns mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from churnml.config.fields import (
    Block,
    Column,
    Columns,
    IsoDate,
    PlainPath,
    TableName,
    Text,
    known_zone,
    printable,
    unique,
)
from churnml.errors import ConfigError, did_you_mean
from churnml.timeline import parse_instant

__all__ = [
    "FETCHED",
    "CalendarTable",
    "Consent",
    "Contact",
    "Csv",
    "CustomersTable",
    "EventsTable",
    "Histories",
    "Product",
    "SpellsTable",
    "Table",
]


FETCHED = "data/fetched"
"""Folder into which the pipeline reads a database."""


class Csv(Block):
    """How a CSV file is written; nothing is sniffed. Parquet files need none of it."""

    delimiter: str = Field(default=",", min_length=1, max_length=1, description="One character between fields.")
    encoding: Text = Field(default="utf-8", description="Character encoding by its Python name.")
    decimal: Literal[".", ","] = Field(default=".", description="Mark before the fraction of a number.")
    null_values: Annotated[tuple[Annotated[str, AfterValidator(printable)], ...], AfterValidator(unique)] = Field(
        default=("",), description="Field texts that mean: no value."
    )
    time_format: Text | None = Field(
        default=None,
        description="strptime format of all times; null = ISO 8601, %s and %Q = seconds and milliseconds since 1970. "
        "Months may be named in German, French, Spanish, Italian, Dutch or Portuguese too.",
    )
    time_formats: dict[Column, Text] = Field(
        default={}, description="Column -> format, where it differs from `time_format`; iso = ISO 8601."
    )
    number_marks: Annotated[tuple[Annotated[Text, AfterValidator(printable)], ...], AfterValidator(unique)] = Field(
        default=(),
        description="Texts taken out of numbers: a mark between thousands (only where three digits follow), a sign of "
        "a currency; `(` = a number in brackets is negative.",
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Csv:
        if self.delimiter in {'"', self.decimal} or not (self.delimiter == "\t" or self.delimiter.isprintable()):
            raise ConfigError("delimiter cannot be a quote, a line break or the decimal mark", rule="config.csv")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ConfigError(
                "unknown text encoding", rule="config.csv", next_step="Write for example utf-8 or cp1252."
            ) from None
        formats = [self.time_format or "%Y", *self.time_formats.values()]
        if any("%" not in text and text != "iso" for text in formats) or self.time_format == "iso":
            raise ConfigError(
                "time_format is no strptime format", rule="config.csv", next_step="Write for example '%d.%m.%Y %H:%M'."
            )
        if any(
            mark == self.decimal or any(each.isdigit() or each in "+-" for each in mark) for mark in self.number_marks
        ):
            raise ConfigError(
                "number_marks names what a number is made of",
                rule="config.csv",
                next_step="Name marks between thousands and signs of currencies.",
            )
        return self


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _TableBlock(Block):
    kind: str
    file: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_as_list), AfterValidator(unique)] = Field(
        description="Relative path inside `folder`: a .csv, .csv.gz or .parquet file, a list of them, or their folder; "
        "with `database`, the name of a table or view."
    )
    csv: Csv = Field(default=Csv(), description="How the file is written, where it is CSV.")
    blank_ids: Literal["refuse", "drop"] = Field(
        default="refuse", description="Rows without an id: stop, or leave them out and count them."
    )
    duplicates: Literal["drop", "keep"] = Field(
        default="drop", description="Exact duplicate rows: count them once, or keep every one."
    )
    max_age_days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)] | None = Field(
        default=None,
        description="The newest row may be so many days older than `as_of` when scoring, 0 to 3650; null = no limit.",
    )


class _ColumnsByName(Block):
    """Columns, each for a role or a channel; those left out are not there."""

    @property
    def columns(self) -> dict[str, str]:
        """Return role or channel -> column of those that are given."""
        return self.model_dump(exclude_none=True)


class Contact(_ColumnsByName):
    """Columns that reach a list and never a model."""

    email: Column | None = Field(default=None, description="Column of the e-mail address.")
    phone: Column | None = Field(default=None, description="Column of the telephone number.")
    name: Column | None = Field(default=None, description="Column of the name to be addressed.")
    language: Column | None = Field(default=None, description="Column of the preferred language.")
    owner: Column | None = Field(default=None, description="Column of the person in charge of the customer.")
    objected: Column | None = Field(
        default=None, description="Column that says who objected to marketing: anything but blank or a plain no."
    )
    first_name: Column | None = Field(default=None, description="Column of the first name.")
    last_name: Column | None = Field(default=None, description="Column of the last name.")
    country: Column | None = Field(default=None, description="Column of the country, two letters.")
    city: Column | None = Field(default=None, description="Column of the city.")
    state: Column | None = Field(default=None, description="Column of the state or region.")
    postcode: Column | None = Field(default=None, description="Column of the postcode.")
    birth_date: Column | None = Field(default=None, description="Column of the date of birth, ISO, or its year.")
    gender: Column | None = Field(default=None, description="Column of the gender, m or f.")
    mobile_ad_id: Column | None = Field(default=None, description="Column of a device's advertising id.")
    external_id: Column | None = Field(default=None, description="Column of your own id of the customer elsewhere.")
    crm_id: Column | None = Field(default=None, description="Column of the record id in the CRM.")
    zoho_id: Column | None = Field(default=None, description="Column of the record id in Zoho CRM.")
    hubspot_id: Column | None = Field(default=None, description="Column of the record id in HubSpot.")
    salesforce_id: Column | None = Field(default=None, description="Column of the record id in Salesforce.")
    fxiaoke_id: Column | None = Field(default=None, description="Column of the record id in FXiaoke.")
    braze_id: Column | None = Field(default=None, description="Column of the Braze id.")


class Consent(_ColumnsByName):
    """Per channel, the column that says whether the customer may be contacted there."""

    email: Column | None = Field(default=None, description="Consent column for e-mail.")
    phone: Column | None = Field(default=None, description="Consent column for calls.")
    sms: Column | None = Field(default=None, description="Consent column for text messages.")
    post: Column | None = Field(default=None, description="Consent column for letters.")
    push: Column | None = Field(default=None, description="Consent column for app notifications.")
    ads: Column | None = Field(default=None, description="Consent column for advertising audiences.")


class CustomersTable(_TableBlock):
    """One row per customer."""

    kind: Literal["customers"] = Field(description="A row is one customer.")
    id: Column = Field(description="Column of the customer's id, read as text.")
    joined: Column | None = Field(default=None, description="Column of the time the customer joined.")
    categories: Columns = Field(default=(), description="Columns used as categorical features.")
    numbers: Columns = Field(default=(), description="Columns used as numeric features.")
    constant: Columns = Field(
        default=(),
        description="Those of `categories` and `numbers` that never change, for example the year of birth.",
    )
    contact: Contact = Field(default=Contact(), description="Contact columns, never features.")
    consent: Consent = Field(default=Consent(), description="Consent columns per channel, never features.")

    @model_validator(mode="after")
    def _constant_ones_are_declared(self) -> CustomersTable:
        declared = (*self.categories, *self.numbers)
        for name in self.constant:
            if name not in declared:
                raise ConfigError(
                    "constant names a column that is neither in categories nor in numbers",
                    rule="config.column",
                    next_step=did_you_mean(name, declared) or "Declare it there as well.",
                )
        return self


class Product(Block):
    """An amount that is the product of two columns, for item lines with quantity and unit price."""

    multiply: Annotated[tuple[Column, ...], Field(min_length=2, max_length=2), AfterValidator(unique)] = Field(
        description="The two columns, for example quantity and unit price."
    )


def _amount_form(value: Any) -> str:
    return "multiply" if isinstance(value, dict | Product) else "column"


Key = Annotated[Columns, BeforeValidator(_as_list)]
Latency = Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]


Amount = Annotated[Annotated[Column, Tag("column")] | Annotated[Product, Tag("multiply")], Discriminator(_amount_form)]


def _need_known_at(key: tuple[str, ...], known_at: str | None) -> None:
    if key and known_at is None:
        raise ConfigError(
            "key tells versions of a row apart, and known_at, which says since when each counts, is not declared",
            rule="config.key",
            next_step="Declare known_at, or leave key out.",
        )


class EventsTable(_TableBlock):
    """Something that happened at one time: an order, a visit, a call, an answer."""

    kind: Literal["events"] = Field(description="A row is something that happened at one time.")
    id: Column = Field(description="Column of the customer's id, read as text.")
    time: Column = Field(description="Column of the time it happened.")
    known_at: Column | None = Field(default=None, description="Column of the time it became known; null = `time`.")
    amount: Amount | None = Field(
        default=None, description="Column of the money (negative = refund), or {multiply: [quantity, unit_price]}."
    )
    currency: Column | None = Field(
        default=None, description="Column of the amounts' currency code; any other than `histories.currency` stops."
    )
    numbers: Columns = Field(default=(), description="Columns used as numbers.")
    categories: Columns = Field(default=(), description="Columns used as categories.")
    group: Annotated[Columns, BeforeValidator(_as_list)] = Field(
        default=(),
        description="Rows equal in id and in these columns are one event: amounts and numbers summed, earliest time.",
    )

    key: Key = Field(
        default=(),
        description="Columns that tell a row apart over all deliveries: of several rows with one key, the one that "
        "became known last counts (needs `known_at`).",
    )
    latency_days: Latency = Field(
        default=0.0, description="A row without `known_at` counts as known this many days after it happened."
    )

    @model_validator(mode="after")
    def _versions_can_be_told(self) -> EventsTable:
        _need_known_at(self.key, self.known_at)
        return self

    @property
    def amount_columns(self) -> tuple[str, ...]:
        """Return the columns the amount is read from: none, one, or two to be multiplied."""
        if isinstance(self.amount, Product):
            return self.amount.multiply
        return () if self.amount is None else (self.amount,)


class SpellsTable(_TableBlock):
    """Something that lasted: a subscription, a contract, a membership."""

    kind: Literal["spells"] = Field(description="A row is something that lasted.")
    id: Column = Field(description="Column of the customer's id, read as text.")
    start: Column = Field(description="Column of the start.")
    end: Column | None = Field(default=None, description="Column of the end; an empty cell is an open spell.")
    planned_end: Column | None = Field(default=None, description="Column of the end that is known beforehand.")
    known_at: Column | None = Field(
        default=None, description="Column of the time the row became known; null = `start`."
    )
    amount: Column | None = Field(default=None, description="Column of the money per period.")
    currency: Column | None = Field(
        default=None, description="Column of the amounts' currency code; any other than `histories.currency` stops."
    )
    numbers: Columns = Field(default=(), description="Columns used as numbers.")
    categories: Columns = Field(default=(), description="Columns used as categories.")
    end_reason: Column | None = Field(default=None, description="Column of the reason of the end.")
    key: Key = Field(
        default=(),
        description="Columns that tell a spell apart over all deliveries: of several rows with one key, the one that "
        "became known last counts (needs `known_at`).",
    )
    latency_days: Latency = Field(
        default=0.0, description="A row without `known_at` counts as known this many days after `start`."
    )

    @model_validator(mode="after")
    def _versions_can_be_told(self) -> SpellsTable:
        _need_known_at(self.key, self.known_at)
        return self


class CalendarTable(_TableBlock):
    """Something that happened to the company or the market: a price change, an outage."""

    kind: Literal["calendar"] = Field(description="A row is something that happened to everybody or to one scope.")
    time: Column = Field(description="Column of the time it happened or began.")
    known_at: Column | None = Field(default=None, description="Column of the time it became known; null = `time`.")
    end: Column | None = Field(default=None, description="Column of the end; an empty cell is still going on.")
    type: Column = Field(description="Column of the kind of change.")
    scope: Column | None = Field(
        default=None,
        description="Text column of whom it concerns: <category>=<level> of the customers or of a spells table; "
        "an empty cell is everybody.",
    )
    value: Column | None = Field(default=None, description="Column of its size, for example an index value.")


Table = Annotated[CustomersTable | EventsTable | SpellsTable | CalendarTable, Field(discriminator="kind")]


def _without_password(url: str) -> str:
    """Refuse an address that is none or that holds a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or parts.scheme != "postgresql" or not parts.netloc:
        raise ConfigError(
            "not a postgresql:// address", rule="config.database", next_step="Write postgresql://user@host/database."
        )
    if parts.password is not None or any("password" in key.lower() for key, _ in parse_qsl(parts.query)):
        raise ConfigError(
            "holds a password", rule="config.secret", next_step="Take it out and set the variable PGPASSWORD instead."
        )
    return url


class Histories(Block):
    """Where the raw histories lie, up to when they count, and what their columns mean."""

    folder: PlainPath | None = Field(
        default=None, description="Folder of the files, relative to the project; with `database`, `data/fetched`."
    )
    database: Annotated[Text, AfterValidator(_without_password)] | None = Field(
        default=None, description="Address postgresql://user@host/database; the password comes from the environment."
    )
    as_of: IsoDate = Field(description="ISO date or time up to which rows are read; a date means its first instant.")
    timezone: Annotated[Text, AfterValidator(known_zone)] = Field(
        default="UTC", description="IANA zone of times that name none."
    )
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all amounts.")
    keep_rows: bool = Field(
        default=True,
        description="Keep what was read in `.churnml/parts` (private): a file that stays the same is read once only.",
    )
    tables: dict[TableName, Table] = Field(min_length=1, description="Table name -> what the table is.")

    @property
    def as_of_us(self) -> int:
        """Return ``as_of`` in microseconds since the epoch, UTC."""
        return parse_instant(self.as_of, timezone=self.timezone)

    def table(self, name: str) -> Table:
        """Return the table of that name.

        Raises
        ------
        ConfigError
            If there is none.
        """
        try:
            return self.tables[name]
        except KeyError:
            raise ConfigError(
                "no such table",
                rule="config.table",
                column=f"histories.tables.{name}",
                next_step=did_you_mean(name, list(self.tables)),
            ) from None
