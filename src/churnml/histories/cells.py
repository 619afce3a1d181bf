"""Raw cells to values: texts, numbers and times; what is there but cannot be read becomes missing.

Each conversion first tries Arrow's own reading of the whole column, where that can only mean what is meant here, and
looks at single cells only where it fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.month_names import read_time

__all__ = ["BRACKETS", "TIME", "in_microseconds", "lost", "number_cells", "plain", "text_cells", "time_cells", "to_utc"]

TIME = pa.timestamp("us", tz="UTC")
_TIME_LIMIT_US = 2**62
_THOUSANDS = frozenset(",. '\u00a0\u2009\u202f\u2019")
_SINCE_1970 = {"%s": 1_000_000, "%Q": 1_000}
"""Formats of the seconds and milliseconds since 1970, and how many microseconds one is."""
BRACKETS = "("
"""Mark of numbers that are negative where they stand in brackets."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def plain(column: pa.Array) -> pa.Array:
    """Return a column without encodings: no dictionary, one kind of text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    return column


def lost(given: pa.Array, values: pa.Array) -> npt.NDArray[np.bool_]:
    """Return where a cell was there but could not be read."""
    if given.null_count == values.null_count:
        return np.zeros(len(given), dtype=bool)
    where: npt.NDArray[np.bool_] = pc.and_(pc.is_valid(given), pc.is_null(values)).to_numpy(zero_copy_only=False)
    return where


def text_cells(raw: pa.Array, null_values: tuple[str, ...]) -> pa.Array:
    """Return values as text; whole numbers stored as floating point keep no ``.0``."""
    if pa.types.is_floating(raw.type):
        whole = pc.and_(pc.equal(pc.floor(raw), raw), pc.less(pc.abs(raw), 2.0**53))
        as_int = pc.if_else(pc.fill_null(whole, False), raw, 0.0).cast(pa.int64()).cast(pa.string())
        missing = pc.or_kleene(pc.is_null(raw), pc.is_nan(raw))
        text = pc.if_else(pc.fill_null(whole, False), as_int, raw.cast(pa.string()))
        return pc.if_else(pc.fill_null(missing, True), pa.scalar(None, pa.string()), text)
    text = raw.cast(pa.string())
    tokens = sorted({"", *null_values})
    found = pc.equal(pc.binary_length(text), 0) if tokens == [""] else pc.is_in(text, value_set=pa.array(tokens))
    return pc.if_else(found, pa.scalar(None, pa.string()), text) if pc.any(found).as_py() else text


def _without_marks(raw: pa.Array, marks: tuple[str, ...], decimal: str) -> pa.Array:
    """Take signs of currencies out, and marks between thousands where three digits follow each; else they stay."""
    text = raw
    for mark in marks:
        if mark not in _THOUSANDS and mark != BRACKETS:
            text = pc.utf8_trim_whitespace(pc.replace_substring(text, mark, ""))
    if BRACKETS in marks:
        text = pc.replace_substring_regex(text, r"^\(\s*([^()+-]*?)\s*\)$", r"-\1")
    for mark in marks:
        if mark in _THOUSANDS:
            grouped = rf"^[+-]?\d{{1,3}}({re.escape(mark)}\d{{3}})+({re.escape(decimal)}\d*)?$"
            is_grouped = pc.fill_null(pc.match_substring_regex(text, grouped), False)
            text = pc.if_else(is_grouped, pc.replace_substring(text, mark, ""), text)
    return text


def number_cells(
    raw: pa.Array, *, decimal: str, null_values: tuple[str, ...], marks: tuple[str, ...] = ()
) -> tuple[pa.Array, pa.Array]:
    """Return texts as they were given, missing ones as null, and the numbers they are."""
    if marks:
        raw = _without_marks(pc.utf8_trim_whitespace(raw), marks, decimal)
    if decimal == "." or not pc.any(pc.match_substring(raw, ".")).as_py():
        try:
            values = (raw if decimal == "." else pc.replace_substring(raw, ",", ".")).cast(pa.float64())
            if pc.all(pc.is_finite(values)).as_py() is not False:
                return raw, values
        except pa.ArrowInvalid:
            pass
    text = text_cells(pc.utf8_trim_whitespace(raw), null_values)
    # Read strictly: 1.234 with a decimal comma, or 1_234, could mean something else.
    pointed = pc.replace_substring(text, ",", ".") if decimal == "," else text
    is_number = pc.match_substring_regex(pointed, _NUMBER)
    if decimal == ",":
        is_number = pc.and_(is_number, pc.invert(pc.match_substring(text, ".")))
    values = pc.if_else(pc.fill_null(is_number, False), pointed, pa.scalar(None, pa.string())).cast(pa.float64())
    return text, values


def in_microseconds(times: pa.Array) -> pa.Array:
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


def time_cells(
    raw: pa.Array, *, time_format: str | None, timezone: str, null_values: tuple[str, ...]
) -> tuple[pa.Array, pa.Array]:
    """Return texts as they were given, missing ones as null, and the instants they are, in UTC."""
    if time_format is None:
        for kind in (pa.timestamp("us"), TIME):  # all without a zone, or all with one
            try:
                return raw, to_utc(raw.cast(kind), timezone)
            except pa.ArrowInvalid:
                continue
    text = text_cells(pc.utf8_trim_whitespace(raw), null_values)
    return text, _parse_times(text, time_format, timezone)


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
    if time_format in _SINCE_1970:
        return _since_1970(text, _SINCE_1970[time_format])
    if time_format is not None:
        # Python's own reading refuses days that no month has; each distinct text is read once.
        distinct = text.dictionary_encode()
        read = [_or_none(partial(read_time, time_format=time_format), v) for v in distinct.dictionary.to_pylist()]
        times = pa.array(read, TIME if "%z" in time_format else pa.timestamp("us")).take(distinct.indices)
        return to_utc(times, timezone)
    zoned_mask = pc.match_substring_regex(text, r"[T ]\d.*(Z|[+-]\d\d(:?\d\d)?)$")
    local = pc.if_else(pc.fill_null(zoned_mask, False), pa.scalar(None, pa.string()), text)
    times = to_utc(_parse(local, pa.timestamp("us"), _local_time), timezone)
    if pc.any(zoned_mask).as_py():
        zoned_text = pc.if_else(pc.fill_null(zoned_mask, False), text, pa.scalar(None, pa.string()))
        times = pc.coalesce(times, _parse(zoned_text, TIME, datetime.fromisoformat))
    return times


def _since_1970(text: pa.Array, factor: int) -> pa.Array:
    """Return whole units since 1970 as instants; anything else is missing."""
    is_whole = pc.fill_null(pc.match_substring_regex(text, r"^[+-]?\d{1,14}$"), False)
    counts = pc.if_else(is_whole, text, pa.scalar(None, pa.string())).cast(pa.int64())
    usual = pc.less_equal(pc.abs(counts), _TIME_LIMIT_US // factor)
    return pc.multiply(pc.if_else(pc.fill_null(usual, False), counts, pa.scalar(None, pa.int64())), factor).cast(TIME)


def _local_time(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def to_utc(times: pa.Array, timezone: str) -> pa.Array:
    """Return instants in UTC; a local time that a clock change repeats or skips is read as the earlier one."""
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        return times.cast(TIME, safe=False)
    local = times.cast(pa.timestamp("us"), safe=False)
    if timezone == "UTC":
        return local.view(TIME)
    return pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="earliest").cast(TIME)
