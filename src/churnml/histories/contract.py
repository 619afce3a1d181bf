"""What a project says about its tables: which column plays which role, and how its text is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["FILE_ENDINGS", "CsvDialect", "Kind", "TableContract", "is_table_file"]

FILE_ENDINGS = (".csv", ".csv.gz", ".parquet")
"""How the names of files end that the reader takes, in small or capital letters."""


def is_table_file(name: str) -> bool:
    """Return whether a name is that of a file the reader takes.

    Examples
    --------
    >>> is_table_file("orders.CSV"), is_table_file("orders.xlsx")
    (True, False)
    """
    return name.lower().endswith(FILE_ENDINGS)


Kind = Literal["customers", "events", "spells", "calendar"]


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a CSV file is written; nothing of it is guessed.

    Parameters
    ----------
    delimiter, encoding, decimal : str
        One character, a Python codec name, and ``.`` or ``,``.
    null_values : tuple of str
        Texts that mean "missing".
    time_format : str or None
        ``strptime`` format of every time column; None = ISO 8601.
    number_marks : tuple of str
        Texts taken out of numbers: marks between thousands, signs of currencies.
    time_formats : tuple of (str, str)
        Column and format, where a column is written in another one; ``iso`` = ISO 8601.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    null_values: tuple[str, ...] = ("",)
    time_format: str | None = None
    number_marks: tuple[str, ...] = ()
    time_formats: tuple[tuple[str, str], ...] = ()

    def format_of(self, column: str) -> str | None:
        """Return the format of a time column, None for ISO 8601."""
        own = dict(self.time_formats).get(column, self.time_format)
        return None if own == "iso" else own


@dataclass(frozen=True, slots=True)
class TableContract:
    """One table of a project, by role.

    ``file`` is how messages name the table's data; ``files`` are the files, folders or relations they lie in,
    where these are not just ``file``.
    ``id`` is empty for calendar tables. ``time`` is when the row happened (events, calendar), when the spell
    began (spells) or when the customer joined (customers, may be empty). ``amount`` names one column, or two
    whose product is the amount. ``key`` names the columns that tell which rows are versions of one; ``latency_days``
    says when a row without ``known_at`` is known: so long after it happened. Further roles are empty where the
    contract does not declare them.
    """

    name: str
    kind: Kind
    file: str
    id: str = ""
    time: str = ""
    known_at: str = ""
    end: str = ""
    planned_end: str = ""
    amount: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    end_reason: str = ""
    type: str = ""
    scope: str = ""
    value: str = ""
    label: str = ""
    currency: str = ""
    group: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    latency_days: float = 0.0
    contact: Mapping[str, str] = field(default_factory=dict)
    consent: Mapping[str, str] = field(default_factory=dict)
    drop_blank_ids: bool = False
    drop_duplicates: bool = True
    csv: CsvDialect = CsvDialect()
    files: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the files, folders or relations the table lies in."""
        return self.files or (self.file,)

    @property
    def event_time(self) -> str:
        """Return under which name the table's own clock is kept."""
        return {"customers": "joined", "spells": "started_at"}.get(self.kind, "occurred_at")

    @property
    def has_known_at(self) -> bool:
        """Return whether rows may become known at another time than they happen."""
        return bool(self.known_at or self.latency_days)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every file column that plays a role, each once, in a fixed order."""
        single = (
            self.id,
            self.time,
            self.known_at,
            self.end,
            self.planned_end,
            self.end_reason,
            self.type,
            self.scope,
            self.value,
            self.label,
            self.currency,
        )
        many = (
            *self.amount,
            *self.numbers,
            *self.categories,
            *self.group,
            *self.key,
            *self.contact.values(),
            *self.consent.values(),
        )
        return tuple(dict.fromkeys(name for name in (*single, *many) if name))
