"""What a project says about its tables: which column plays which role, and how its text is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CsvDialect", "Kind", "TableContract"]

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
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    null_values: tuple[str, ...] = ("",)
    time_format: str | None = None


@dataclass(frozen=True, slots=True)
class TableContract:
    """One table of a project, by role.

    ``id`` is empty for calendar tables. ``time`` is when the row happened (events, calendar), when the spell
    began (spells) or when the customer joined (customers, may be empty). ``amount`` names one column, or two
    whose product is the amount. Further roles are empty where the contract does not declare them.
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
    group: tuple[str, ...] = ()
    contact: Mapping[str, str] = field(default_factory=dict)
    consent: Mapping[str, str] = field(default_factory=dict)
    drop_blank_ids: bool = False
    drop_duplicates: bool = True
    csv: CsvDialect = CsvDialect()

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
        )
        many = (
            *self.amount,
            *self.numbers,
            *self.categories,
            *self.group,
            *self.contact.values(),
            *self.consent.values(),
        )
        return tuple(dict.fromkeys(name for name in (*single, *many) if name))
