"""What the tables mean for a relationship: which is a survey, a ticket, a membership, a purchase, a contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MembershipRole", "ReferralRole", "Roles", "SurveyRole", "TicketRole"]


@dataclass(frozen=True, slots=True)
class SurveyRole:
    """A column of scores that customers gave.

    Parameters
    ----------
    table, column : str
        Events table and its number column.
    kind : {"csat", "nps"}
        Satisfaction, or willingness to recommend from 0 to 10.
    scale : (float, float)
        Lowest and highest score that can be given.
    satisfied_from : float
        Lowest score that counts as satisfied (csat).
    source : {"declared", "recognised"}
        Whether the project said so, or names of columns did.
    """

    table: str
    column: str
    kind: Literal["csat", "nps"]
    scale: tuple[float, float]
    satisfied_from: float
    source: Literal["declared", "recognised"] = "declared"


@dataclass(frozen=True, slots=True)
class TicketRole:
    """Where questions and complaints are opened and answered.

    Parameters
    ----------
    table : str
        Events (opened) or spells (opened to closed).
    is_spells : bool
    answers : str
        Events table of the answers; empty = they lie in the table itself, or are not known.
    hours : str
        Number column of the hours until the answer; empty = none.
    reopened : str
        Number column that is above zero where the customer had to come back; empty = none.
    unit_hours : float
        Hours of one unit of that column: 1, or 1/60 for minutes, 24 for days.
    sla_hours : float
        Promised time to answer.
    source : {"declared", "recognised"}
    """

    table: str
    is_spells: bool = False
    answers: str = ""
    hours: str = ""
    reopened: str = ""
    unit_hours: float = 1.0
    sla_hours: float = 48.0
    source: Literal["declared", "recognised"] = "declared"

    @property
    def knows_answers(self) -> bool:
        """Return whether it can be told when a ticket was answered."""
        return self.is_spells or bool(self.answers or self.hours)

    @property
    def outcome_table(self) -> str:
        """Return the table in which hours and re-openings lie."""
        return self.answers or self.table


@dataclass(frozen=True, slots=True)
class MembershipRole:
    """A spells table whose spells are memberships."""

    table: str
    source: Literal["declared", "recognised"] = "declared"


@dataclass(frozen=True, slots=True)
class ReferralRole:
    """A category of the customers table, and the levels that mean: came by recommendation."""

    table: str
    column: str
    values: tuple[str, ...]
    source: Literal["declared", "recognised"] = "declared"


@dataclass(frozen=True, slots=True)
class Roles:
    """All roles; what a project does not have is empty or None.

    Parameters
    ----------
    surveys : tuple of SurveyRole
    tickets : TicketRole or None
    membership : MembershipRole or None
    referral : ReferralRole or None
    purchases : str
        Events table of purchases; empty = none.
    interactions : tuple of str
        Events tables whose rows a customer brought about: all but contacts and answers of the company.
    segments : tuple of str
        Categories of the customers table that part customers.
    lines : tuple of (str, str)
        Table and category that name product lines.
    """

    surveys: tuple[SurveyRole, ...] = ()
    tickets: TicketRole | None = None
    membership: MembershipRole | None = None
    referral: ReferralRole | None = None
    purchases: str = ""
    interactions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()

    def of_kind(self, kind: str) -> tuple[SurveyRole, ...]:
        """Return the surveys of a kind."""
        return tuple(role for role in self.surveys if role.kind == kind)
