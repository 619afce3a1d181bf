"""What is proposed: tables with their roles, choices with their reasons, questions that the data leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from churnml.histories.contract import CsvDialect, Kind
from churnml.onboarding.columns import Facts

__all__ = ["GIVEN", "Choice", "Draft", "Question", "Source", "Wishes"]


GIVEN = "as given"
"""Why of what the user said beforehand."""


@dataclass(frozen=True)
class Source:
    """One table as it was delivered: a file, or several with the same columns.

    Parameters
    ----------
    name : str
        Name the table gets.
    files : tuple of str
        Names inside the folder of the histories.
    facts : mapping of str to Facts
        Columns in the order of the file.
    n_rows : int
    dialect : CsvDialect
    why : str
        How the files are written, for the comment.
    is_whole : bool
        Whether the facts rest on every row.
    """

    name: str
    files: tuple[str, ...]
    facts: Mapping[str, Facts]
    n_rows: int
    dialect: CsvDialect
    why: str = ""
    is_whole: bool = True


@dataclass(frozen=True)
class Wishes:
    """What the user said beforehand; None = to be found.

    Parameters
    ----------
    id_column, label, as_of, currency, timezone : str, optional
    margin : float, optional
    """

    id_column: str | None = None
    label: str | None = None
    as_of: str | None = None
    currency: str | None = None
    timezone: str | None = None
    margin: float | None = None


@dataclass
class Choice:
    """A value of one key, and why."""

    value: object
    why: str = ""


@dataclass
class Question:
    """Something the data leave open.

    Parameters
    ----------
    key : str
        Key path in ``params.yaml``.
    text : str
    options : tuple of str
        The likelier one first; empty = to be filled in by hand.
    """

    key: str
    text: str
    options: tuple[str, ...] = ()


@dataclass
class Draft:
    """One table of the proposal.

    Parameters
    ----------
    source : Source
    kind : {"customers", "events", "spells", "calendar"}
    why : str
        Why it is of this kind.
    roles : dict of str to Choice
        Key -> column or columns.
    left_out : dict of str to str
        Column -> why it plays no role.
    keep_states : frozenset of str
        Columns that look like a state of today and are taken all the same.
    """

    source: Source
    kind: Kind
    why: str
    roles: dict[str, Choice] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    keep_states: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return self.source.name

    def column(self, role: str) -> str | None:
        """Return the column of a role, or None."""
        choice = self.roles.get(role)
        return choice.value if choice is not None and isinstance(choice.value, str) else None

    def columns(self, role: str) -> list[str]:
        """Return the columns of a role that may have several."""
        choice = self.roles.get(role)
        return list(choice.value) if choice is not None and isinstance(choice.value, list) else []

    def facts(self, role: str) -> Facts | None:
        """Return the facts of the column of a role."""
        name = self.column(role)
        return self.source.facts.get(name) if name is not None else None

    def no_feature(self, column: str) -> None:
        """Take a column out of the numbers and categories."""
        for many in ("numbers", "categories"):
            names = [name for name in self.columns(many) if name != column]
            if names:
                self.roles[many] = Choice(names)
            else:
                self.roles.pop(many, None)

    @property
    def used(self) -> set[str]:
        """Return every column that plays a role."""
        names: set[str] = set()
        for choice in self.roles.values():
            value = choice.value
            if isinstance(value, str):
                names.add(value)
            elif isinstance(value, list):
                names.update(value)
            elif isinstance(value, dict):
                names.update(n for each in value.values() for n in ([each] if isinstance(each, str) else each))
        return names
