"""Raw batches to typed columns of fixed names: ids as text, times in UTC, money as decimals, missing as null."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.cells import TIME, in_microseconds, lost, number_cells, plain, text_cells, time_cells, to_utc
from churnml.histories.checks import Finding, Findings
from churnml.histories.contract import TableContract
from churnml.histories.scopes import unknown_scopes
from churnml.timeline import days_to_us

__all__ = [
    "GROUP_PREFIX",
    "KEY_PREFIX",
    "MONEY",
    "MONEY_UNITS",
    "ROW_HASH",
    "TIME",
    "Conformer",
    "category_column",
    "id_columns",
    "number_column",
    "prepared_schema",
]

MONEY = pa.decimal64(18, 4)
"""Money is kept in ten-thousandths of the currency unit: sums are exact in any order."""
MONEY_UNITS = 10_000.0
"""How many of them make one unit of the currency."""
ROW_HASH = "_row"
GROUP_PREFIX, KEY_PREFIX = "group_", "key_"
"""Columns that say which rows belong together; they are not kept."""
_MONEY_LIMIT = 9e11
_NUMBER_LIMIT = 3e38
"""Features are stored in single precision, which ends there."""


def number_column(name: str) -> str:
    """Return under which name a declared number column is kept: never that of a role."""
    return f"n:{name}"


def category_column(name: str) -> str:
    """Return under which name a declared category column is kept: never that of a role."""
    return f"c:{name}"


def _roles(contract: TableContract) -> dict[str, tuple[str, pa.DataType]]:
    """Return prepared name -> (file column, type) in the fixed order of the prepared table."""
    c = contract
    roles: dict[str, tuple[str, pa.DataType]] = {}
    if c.id:
        roles["customer_id"] = (c.id, pa.string())
    if c.time:
        roles[c.event_time] = (c.time, TIME)
    if c.has_known_at:
        roles["known_at"] = (c.known_at, TIME)
    for name, column in (("ended_at", c.end), ("planned_end", c.planned_end)):
        if column:
            roles[name] = (column, TIME)
    if c.amount:
        roles["amount"] = (c.amount[0], MONEY)
    roles |= {number_column(name): (name, pa.float64()) for name in c.numbers}
    if c.value:
        roles["value"] = (c.value, pa.float64())
    roles |= {category_column(name): (name, pa.string()) for name in c.categories}
    texts = (("end_reason", c.end_reason), ("type", c.type), ("scope", c.scope), ("label", c.label))
    roles |= {name: (column, pa.string()) for name, column in texts if column}
    roles |= {f"contact_{role}": (column, pa.string()) for role, column in c.contact.items()}
    roles |= {f"consent_{channel}": (column, pa.string()) for channel, column in c.consent.items()}
    roles |= {f"{GROUP_PREFIX}{i}": (column, pa.string()) for i, column in enumerate(c.group)}
    roles |= {f"{KEY_PREFIX}{i}": (column, pa.string()) for i, column in enumerate(c.key)}
    return roles


def prepared_schema(contract: TableContract) -> pa.Schema:
    """Return the columns a conformed batch of this table has, besides the row hash."""
    return pa.schema([(name, kind) for name, (_, kind) in _roles(contract).items()])


def id_columns(contract: TableContract) -> list[str]:
    """Return the prepared columns with the customer's id: its own, and what else is read from the same column."""
    roles = _roles(contract).items()
    return [name for name, (column, kind) in roles if contract.id and column == contract.id and kind == pa.string()]


@dataclass(slots=True)
class Conformer:
    """Types the batches of one table and counts every breach on the way.

    Parameters
    ----------
    contract : TableContract
    timezone : str
        IANA name of times without a zone.
    findings : Findings
        Receives the breaches.
    scopes : collection of str, optional
        Categories a scope may name; None = not looked at.
    """

    contract: TableContract
    timezone: str
    findings: Findings
    scopes: Collection[str] | None = None
    n_rows: int = 0

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the columns of :func:`prepared_schema`; unreadable cells become null."""
        roles = _roles(self.contract)
        columns = {name: self._column(batch, name, *role) for name, role in roles.items() if role[0]}
        if len(self.contract.amount) > 1:
            columns["amount"] = self._product(batch)
        if self.contract.has_known_at:
            columns["known_at"] = self._known_at(columns)
            columns = {name: columns[name] for name in roles}
        if self.contract.scope and self.scopes is not None:
            self._note("data.scope_unknown", self.contract.scope, unknown_scopes(columns["scope"], self.scopes))
        self.n_rows += batch.num_rows
        return pa.RecordBatch.from_pydict(columns)

    def _known_at(self, columns: dict[str, pa.Array]) -> pa.Array:
        """Fill the second clock: a row without it is known the declared latency after it happened."""
        known = columns[self.contract.event_time]
        if self.contract.latency_days:
            known = pc.add(known, pa.scalar(days_to_us(self.contract.latency_days), pa.duration("us")))
        return pc.coalesce(columns["known_at"], known) if self.contract.known_at else known

    def _note(self, rule: str, column: str, bad: npt.NDArray[np.bool_]) -> None:
        if bad.any():
            c = self.contract
            first = self.n_rows + int(np.argmax(bad)) + 1
            n_rows = self.n_rows + len(bad)
            self.findings.add(Finding(rule, "error", c.name, c.file, column, int(bad.sum()), n_rows, first))

    def _column(self, batch: pa.RecordBatch, name: str, column: str, kind: pa.DataType) -> pa.Array:
        raw = plain(batch.column(column))
        if not _is_readable(raw.type, kind):
            self._note("data.column_type", column, np.ones(len(raw), dtype=bool))
            return pa.nulls(len(raw), kind)
        if kind == TIME:
            return self._times(raw, column, required=name in {"occurred_at", "started_at"})
        if kind == MONEY:
            return self._money(self._numbers(raw, column), column)
        if kind == pa.float64():
            return self._numbers(raw, column)
        return text_cells(raw, self.contract.csv.null_values)

    def _product(self, batch: pa.RecordBatch) -> pa.Array:
        first, second = (self._numbers(plain(batch.column(c)), c) for c in self.contract.amount)
        return self._money(pc.multiply(first, second), self.contract.amount[1])

    def _numbers(self, raw: pa.Array, column: str) -> pa.Array:
        csv = self.contract.csv
        if pa.types.is_string(raw.type):
            text, values = number_cells(raw, decimal=csv.decimal, null_values=csv.null_values, marks=csv.number_marks)
            self._note("data.number_unreadable", column, lost(text, values))
        elif pa.types.is_boolean(raw.type):
            values = raw.cast(pa.int8()).cast(pa.float64())
        else:
            values = raw.cast(pa.float64(), safe=False)
        magnitude = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
        is_usual = np.abs(magnitude) <= _NUMBER_LIMIT
        if is_usual.all():
            return values
        self._note("data.number_not_finite", column, ~is_usual & ~np.isnan(magnitude))
        return pc.if_else(pa.array(is_usual), values, pa.scalar(None, pa.float64()))

    def _money(self, values: pa.Array, column: str) -> pa.Array:
        known = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
        too_large = np.abs(known) > _MONEY_LIMIT
        if too_large.any():
            self._note("data.amount_too_large", column, too_large)
            known = np.where(too_large, 0.0, known)
        units = pa.array(np.rint(known * MONEY_UNITS).astype(np.int64))
        if values.null_count:
            units = pc.if_else(pc.is_valid(values), units, pa.scalar(None, pa.int64()))
        return units.view(MONEY)

    def _times(self, raw: pa.Array, column: str, *, required: bool) -> pa.Array:
        csv, given = self.contract.csv, raw
        if pa.types.is_string(raw.type):
            given, values = time_cells(
                raw, time_format=csv.format_of(column), timezone=self.timezone, null_values=csv.null_values
            )
        else:
            values = to_utc(in_microseconds(raw), self.timezone)
        self._note("data.time_unreadable", column, lost(given, values))
        if required and given.null_count:
            self._note("data.time_missing", column, pc.is_null(given).to_numpy(zero_copy_only=False))
        return values


def _is_readable(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a stored type can be read in a role: times from times, numbers from numbers, all from text."""
    is_time = bool(pa.types.is_timestamp(stored) or pa.types.is_date(stored))
    is_number = bool(pa.types.is_integer(stored) or pa.types.is_floating(stored) or pa.types.is_decimal(stored))
    is_number = is_number or bool(pa.types.is_boolean(stored))
    if pa.types.is_string(stored):
        return True
    if wanted == TIME:
        return is_time
    return is_number or (is_time and bool(wanted == pa.string()))
