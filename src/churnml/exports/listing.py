"""Rows for people: one table in every language, and how each of its columns is shown on sheets and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from churnml.exports.workbook import Sheet

__all__ = ["ListColumn", "Listing", "Place", "sheets_of"]

Place = Literal["column", "detail", "nowhere"]
"""Where a page shows a column: in the table, in the details of a row, or not at all."""


@dataclass(frozen=True, slots=True)
class ListColumn:
    """How one column is shown.

    Parameters
    ----------
    name : str
        Column of the tables.
    headers : mapping of str to str
        Language -> header.
    kind : str
        ``text``, ``whole``, ``number``, ``percent``, ``money`` or ``date``.
    meanings : mapping of str to str, optional
        Language -> what the column means.
    place : str, optional
        See :data:`Place`.
    under : str, optional
        Column in whose cell this one stands as a second line; without that column it has a cell of its own.
    sort_by : str, optional
        Column of figures that orders the words of this one.
    is_filter : bool, optional
        Whether a page lets its reader choose among the texts.
    """

    name: str
    headers: Mapping[str, str]
    kind: str = "text"
    meanings: Mapping[str, str] = field(default_factory=dict)
    place: Place = "column"
    under: str = ""
    sort_by: str = ""
    is_filter: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The same rows in words of each language.

    Parameters
    ----------
    tables : mapping of str to Table
        Language -> rows; the first language is the one shown first. Tables may differ in texts only.
    columns : sequence of ListColumn
    currency : str, optional
        Code of the amounts of money.

    Raises
    ------
    ValueError
        If the tables differ in anything but texts.
    """

    tables: Mapping[str, pa.Table]
    columns: Sequence[ListColumn]
    currency: str = ""

    def __post_init__(self) -> None:
        first, *others = self.tables.values()
        for column in self.columns:
            if column.kind != "text" and not all(other[column.name].equals(first[column.name]) for other in others):
                raise ValueError(f"{column.name}: the languages do not have the same figures")

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return int(next(iter(self.tables.values())).num_rows)


def sheets_of(listing: Listing, titles: Mapping[str, str], *, frozen: int = 0, max_rows: int) -> list[Sheet]:
    """Return a sheet in each language; longer lists go on in further sheets.

    Parameters
    ----------
    listing : Listing
    titles : mapping of str to str
        Language -> title of the tab.
    frozen : int, optional
        First columns that stay in view.
    max_rows : int
        Most rows of a sheet.
    """
    from churnml.exports.workbook import Sheet, SheetColumn  # here: pages need no writer of workbooks

    # What every row says alike stands at the end; it is of no use on paper.
    printed = max((at for at, column in enumerate(listing.columns, start=1) if column.place != "nowhere"), default=0)
    starts = range(0, max(listing.n_rows, 1), max_rows)
    return [
        Sheet(
            f"{titles[language]} {number}" if len(starts) > 1 else titles[language],
            table.slice(start, max_rows),
            [SheetColumn(c.name, c.headers[language], c.kind, listing.currency) for c in listing.columns],
            frozen=frozen,
            printed=printed,
        )
        for language, table in listing.tables.items()
        for number, start in enumerate(starts, start=1)
    ]
