"""Raw batches to typed columns of fixed names: ids as text, times in UTC, money as decimals, missing as null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.checks import Finding, Findings
from churnml.histories.contract import TableContract

__all__ = ["MONEY", "ROW_HASH", "TIME", "Conformer", "category_column", "number_column", "prepared_schema"]

TIME = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal64(18, 4)
"""Money is kept in ten-thousandths of the currency unit: sums are exact in any order."""
ROW_HASH = "_row"
_MONEY_SCALE = 10_000
_MONEY_LIMIT = 9e11
_TIME_LIMIT_US = 2**62
_NUMBER_LIMIT = 3e38
"""Features are stored in single precision, which ends there."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


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
    time_name = {"customers": "joined", "spells": "started_at"}.get(c.kind, "occurred_at")
    for name, column in ((time_name, c.time), ("known_at", c.known_at)):
        if column:
            roles[name] = (column, TIME)
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
    roles |= {f"group_{i}": (column, pa.string()) for i, column in enumerate(c.group)}
    return roles


def prepared_schema(contract: TableContract) -> pa.Schema:
    """Return the columns a conformed batch of this table has, besides the row hash."""
    return pa.schema([(name, kind) for name, (_, kind) in _roles(contract).items()])


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
    """

    contract: TableContract
    timezone: str
    findings: Findings
    n_rows: int = 0

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the columns of :func:`prepared_schema`; unreadable cells become null."""
        columns = {name: self._column(batch, name, *role) for name, role in _roles(self.contract).items()}
        if len(self.contract.amount) > 1:
            columns["amount"] = self._product(batch)
        self.n_rows += batch.num_rows
        return pa.RecordBatch.from_pydict(columns)

    def _note(self, rule: str, column: str, bad: npt.NDArray[np.bool_]) -> None:
        if bad.any():
            c = self.contract
            first = self.n_rows + int(np.argmax(bad)) + 1
            n_rows = self.n_rows + len(bad)
            self.findings.add(Finding(rule, "error", c.name, c.file, column, int(bad.sum()), n_rows, first))

    def _column(self, batch: pa.RecordBatch, name: str, column: str, kind: pa.DataType) -> pa.Array:
        raw = _plain(batch.column(column))
        if not _is_readable(raw.type, kind):
            self._note("data.column_type", column, np.ones(len(raw), dtype=bool))
            return pa.nulls(len(raw), kind)
        if kind == TIME:
            return self._times(raw, column, required=name in {"occurred_at", "started_at"})
        if kind == MONEY:
            return self._money(self._numbers(raw, column), column)
        if kind == pa.float64():
            return self._numbers(raw, column)
        return _texts(raw, self.contract.csv.null_values)

    def _product(self, batch: pa.RecordBatch) -> pa.Array:
        first, second = (self._numbers(_plain(batch.column(c)), c) for c in self.contract.amount)
        return self._money(pc.multiply(first, second), self.contract.amount[1])

    def _numbers(self, raw: pa.Array, column: str) -> pa.Array:
        if pa.types.is_string(raw.type):
            text = _texts(pc.utf8_trim_whitespace(raw), self.contract.csv.null_values)
            # Read strictly: 1.234 with a decimal comma, or 1_234, could mean something else.
            pointed = pc.replace_substring(text, ",", ".") if self.contract.csv.decimal == "," else text
            plain = pc.match_substring_regex(pointed, _NUMBER)
            if self.contract.csv.decimal == ",":
                plain = pc.and_(plain, pc.invert(pc.match_substring(text, ".")))
            values = pc.if_else(pc.fill_null(plain, False), pointed, pa.scalar(None, pa.string())).cast(pa.float64())
            self._note("data.number_unreadable", column, _lost(text, values))
        elif pa.types.is_boolean(raw.type):
            values = raw.cast(pa.int8()).cast(pa.float64())
        else:
            values = raw.cast(pa.float64(), safe=False)
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
        magnitude = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
        too_large = ~(np.abs(magnitude) <= _NUMBER_LIMIT)
        self._note("data.number_not_finite", column, too_large)
        return pc.if_else(pa.array(too_large), pa.scalar(None, pa.float64()), values)

    def _money(self, values: pa.Array, column: str) -> pa.Array:
        known = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
        too_large = np.abs(known) > _MONEY_LIMIT
        self._note("data.amount_too_large", column, too_large & np.isfinite(known))
        units = np.rint(np.where(too_large | ~np.isfinite(known), 0.0, known) * _MONEY_SCALE).astype(np.int64)
        mask = pc.is_null(values).to_numpy(zero_copy_only=False)
        return pa.array(units, mask=mask).view(MONEY)

    def _times(self, raw: pa.Array, column: str, *, required: bool) -> pa.Array:
        given = raw
        if pa.types.is_string(raw.type):
            given = _texts(pc.utf8_trim_whitespace(raw), self.contract.csv.null_values)
            values = _parse_times(given, self.contract.csv.time_format, self.timezone)
        else:
            values = _to_utc(_in_microseconds(raw), self.timezone)
        self._note("data.time_unreadable", column, _lost(given, values))
        if required:
            self._note("data.time_missing", column, pc.is_null(given).to_numpy(zero_copy_only=False))
        return values


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without encodings: no dictionary, one kind of text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    return column


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


def _in_microseconds(times: pa.Array) -> pa.Array:
    """Return instants in microseconds, rounded down; what lies beyond their range becomes missing."""
    if pa.types.is_date(times.type):
        times = times.cast(pa.timestamp("s"), safe=False)
    unit, zone = times.type.unit, times.type.tz
    if unit == "us":
        return times
    counts = pc.fill_null(times.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    missing = pc.is_null(times).to_numpy(zero_copy_only=False)
    if unit == "ns":
        scaled = counts // 1000
    else:
        factor = 1_000_000 if unit == "s" else 1000
        missing = missing | (np.abs(counts) > _TIME_LIMIT_US // factor)
        scaled = np.where(missing, 0, counts) * factor
    return pa.array(scaled, mask=missing).cast(pa.timestamp("us", tz=zone))


def _lost(text: pa.Array, values: pa.Array) -> npt.NDArray[np.bool_]:
    """Return where a text was there but could not be read."""
    lost: npt.NDArray[np.bool_] = pc.and_(pc.is_valid(text), pc.is_null(values)).to_numpy(zero_copy_only=False)
    return lost


def _texts(raw: pa.Array, null_values: tuple[str, ...]) -> pa.Array:
    """Return values as text; whole numbers stored as floating point keep no ``.0``."""
    if pa.types.is_floating(raw.type):
        whole = pc.and_(pc.equal(pc.floor(raw), raw), pc.less(pc.abs(raw), 2.0**53))
        as_int = pc.if_else(pc.fill_null(whole, False), raw, 0.0).cast(pa.int64()).cast(pa.string())
        missing = pc.or_kleene(pc.is_null(raw), pc.is_nan(raw))
        text = pc.if_else(pc.fill_null(whole, False), as_int, raw.cast(pa.string()))
        return pc.if_else(pc.fill_null(missing, True), pa.scalar(None, pa.string()), text)
    text = raw.cast(pa.string())
    null_tokens = pa.array(sorted({"", *null_values}), pa.string())
    return pc.if_else(pc.is_in(text, value_set=null_tokens), pa.scalar(None, pa.string()), text)


def _parse(text: pa.Array, kind: pa.DataType, convert: Callable[[str], object]) -> pa.Array:
    """Cast text at once; only where that fails, value by value with unreadable ones as null."""
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return pa.array([_or_none(convert, value) for value in text.to_pylist()], kind)


def _or_none(convert: Callable[[str], object], value: str | None) -> object | None:
    if value is None:
        return None
    try:
        return convert(value)
    except ValueError:
        return None


def _parse_times(text: pa.Array, time_format: str | None, timezone: str) -> pa.Array:
    if time_format is not None:
        # Python's own reading refuses days that no month has; each distinct text is read once.
        distinct = text.dictionary_encode()
        read = [_or_none(partial(_strptime, time_format), value) for value in distinct.dictionary.to_pylist()]
        times = pa.array(read, TIME if "%z" in time_format else pa.timestamp("us")).take(distinct.indices)
        return _to_utc(times, timezone)
    zoned_mask = pc.match_substring_regex(text, r"[T ]\d.*(Z|[+-]\d\d:?\d\d)$")
    local = pc.if_else(pc.fill_null(zoned_mask, False), pa.scalar(None, pa.string()), text)
    times = _to_utc(_parse(local, pa.timestamp("us"), _local_time), timezone)
    if pc.any(zoned_mask).as_py():
        zoned_text = pc.if_else(pc.fill_null(zoned_mask, False), text, pa.scalar(None, pa.string()))
        times = pc.coalesce(times, _parse(zoned_text, TIME, datetime.fromisoformat))
    return times


def _strptime(time_format: str, value: str) -> datetime:
    return datetime.strptime(value, time_format)  # noqa: DTZ007 - a zone is added by the caller


def _local_time(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def _to_utc(times: pa.Array, timezone: str) -> pa.Array:
    """Return instants in UTC; a local time that a clock change repeats or skips is read as the earlier one."""
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        return times.cast(TIME, safe=False)
    local = times.cast(pa.timestamp("us"), safe=False)
    return pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="earliest").cast(TIME)
