"""The rows of a file: who agreed to this use, what fits, and what is rejected for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.exports.crm.cells import cell_of
from churnml.exports.crm.people import Unfit, country_code
from churnml.exports.crm.target import Column, Layout

__all__ = ["Filled", "Reject", "fill"]


@dataclass(frozen=True, slots=True)
class Reject:
    """One cell that does not fit: row of the list from 1, customer, header, and why."""

    row: int
    customer_id: str
    column: str
    code: str


@dataclass(frozen=True, slots=True)
class Filled:
    """What goes to a target.

    Parameters
    ----------
    table : Table
        Texts by header; null = blank.
    rejects : tuple of Reject
        In order of the list; a row may have several.
    n_listed, n_withheld : int
        Rows of the list, and those of them whose consent does not cover this use; nothing names these.
    """

    table: pa.Table
    rejects: tuple[Reject, ...]
    n_listed: int
    n_withheld: int

    @property
    def n_rejected(self) -> int:
        """Return the number of rejected rows."""
        return len({reject.row for reject in self.rejects})

    @property
    def by_reason(self) -> dict[str, int]:
        """Return reason -> rejected rows, each row under the first of its reasons."""
        first = {reject.row: reject.code for reject in reversed(self.rejects)}
        return dict(sorted(Counter(first.values()).items()))


def fill(rows: pa.Table, layout: Layout, *, country: str = "") -> Filled:
    """Fill a target's columns; the order of the rows changes nothing.

    Parameters
    ----------
    rows : Table
        ``customer_id``, what the layout's columns are filled from, and per channel ``agreed_<channel>`` (boolean).
        Nobody agreed to a channel without such a column.
    layout : Layout
    country : str, optional
        Two letters: country of telephone numbers where a customer's own is not known.

    Raises
    ------
    DataError
        If a customer is listed twice.
    """
    if twice := rows.num_rows - len(pc.unique(rows["customer_id"])):
        raise DataError("customers are listed twice", rule="data.customer_twice", column="customer_id", count=twice)
    keys = [(name, "ascending") for name in ("rank", "customer_id") if name in rows.column_names]
    rows = rows.sort_by(keys).combine_chunks()
    number = np.arange(1, rows.num_rows + 1)
    agreed = _agreed(rows, layout.consent)
    listed, rows, number = rows.num_rows, rows.filter(pa.array(agreed)), number[agreed]
    columns, problems = _cells(rows, layout, country)
    problems += _row_problems(columns, layout, problems)
    problems += _twice(columns, layout, {place for place, _, _ in problems})
    customers = rows["customer_id"].to_pylist()
    rejects = tuple(
        Reject(int(number[place]), customers[place], header, code)
        for place, header, code in sorted(problems, key=lambda found: found[0])
    )
    fits = np.ones(len(customers), dtype=bool)
    fits[[place for place, _, _ in problems]] = False
    table = pa.table({name: pa.array([text or None for text in texts], pa.string()) for name, texts in columns.items()})
    return Filled(_in_order(table.filter(pa.array(fits)), layout), rejects, listed, listed - len(customers))


Problem = tuple[int, str, str]


def _agreed(rows: pa.Table, channel: str) -> Any:
    name = f"agreed_{channel}"
    if name not in rows.column_names:
        return np.zeros(rows.num_rows, dtype=bool)
    return pc.fill_null(rows[name].cast(pa.bool_()), False).to_numpy()


def _cells(rows: pa.Table, layout: Layout, country: str) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return the texts of every column, and every cell that does not fit."""
    countries = _countries(rows, country)
    columns: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for column in layout.columns:
        from_name = column.split and column.source not in rows.column_names
        source = "name" if from_name else column.source
        values = rows[source].to_pylist() if source in rows.column_names else [None] * rows.num_rows
        if column.consent:
            values = [v if ok else None for v, ok in zip(values, _agreed(rows, column.consent), strict=True)]
        texts = []
        cell = cell_of(column, layout, from_name=from_name)
        for place, (value, where) in enumerate(zip(values, countries, strict=True)):
            try:
                texts.append(cell(value, where))
            except Unfit as unfit:
                texts.append("")
                problems.append((place, column.header, unfit.code))
        columns[column.header] = texts
    return columns, problems


def _countries(rows: pa.Table, country: str) -> Sequence[str]:
    if "country" not in rows.column_names:
        return [country] * rows.num_rows
    return [_known_country(text, country) for text in rows["country"].to_pylist()]


def _known_country(text: str | None, otherwise: str) -> str:
    if not (text or "").strip():
        return otherwise
    try:
        return country_code(str(text))
    except Unfit:
        return ""


def _row_problems(columns: dict[str, list[str]], layout: Layout, found: Sequence[Problem]) -> list[Problem]:
    """Blank what only counts together, and name rows that nothing could be matched by."""
    group = [columns[header] for header in layout.together if header in columns]
    if group:
        whole = len(group) == len(layout.together)
        for place, cells in enumerate(zip(*group, strict=True)):
            if not (whole and all(cells)):
                for texts in group:
                    texts[place] = ""
    if not layout.any_of:
        return []
    known = {place for place, _, _ in found}
    n_rows = len(next(iter(columns.values()), []))
    return [
        (place, ", ".join(group[0] for group in layout.any_of if len(group) == 1), "no_match_key")
        for place in range(n_rows)
        if place not in known
        and not any(all(columns.get(header, _Blank())[place] for header in group) for group in layout.any_of)
    ]


class _Blank:
    """A column that the data do not have."""

    def __getitem__(self, place: int) -> str:
        return ""


def _twice(columns: dict[str, list[str]], layout: Layout, left_out: set[int]) -> list[Problem]:
    """Name rows whose key another row before them has."""
    problems = []
    for column in (column for column in layout.columns if column.unique):
        seen: set[str] = set()
        for place, text in enumerate(columns[column.header]):
            key = _key(text, column)
            if place not in left_out and key in seen:
                problems.append((place, column.header, "duplicate_identity"))
            elif place not in left_out:
                seen.add(key)
    return problems


def _key(text: str, column: Column) -> str:
    if column.kind == "email":
        return text.casefold()
    return text[: column.significant] if column.significant else text


def _in_order(table: pa.Table, layout: Layout) -> pa.Table:
    """Order an audience by its digests: the place of a row in the list would tell how it ranks."""
    if not layout.is_audience or not table.num_rows:
        return table
    return table.sort_by([(name, "ascending") for name in table.column_names])
