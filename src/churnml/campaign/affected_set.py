"""Exactly whom a change or a fault concerns: the scope of calendar entries, or the buyers of something."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError, did_you_mean
from churnml.features.scope import touched
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import NEVER

__all__ = [
    "Change",
    "Entries",
    "Purchase",
    "buyers",
    "check_levels",
    "entries_of",
    "in_scope",
    "levels_seen",
    "rows_meant",
]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Change:
    """Which entries of a calendar table are meant, as known at ``as_of``.

    Parameters
    ----------
    table : str
    type : str or None
        Kind of change; None = any.
    first_us, until_us : int or None
        When it begins, ``[first, until)``; None = every change that has not begun at ``as_of``.
    """

    table: str
    type: str | None = None
    first_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """Which rows of an events table are meant: all of what is given must hold; refunds never are.

    Parameters
    ----------
    table : str
    where : mapping of str to tuple of str
        Category -> values, exactly as delivered.
    at_least : mapping of str to float
        Number column -> least value; a missing value is not meant.
    first_us, until_us : int
        Time of the row, ``[first, until)``.
    """

    table: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    first_us: int = -NEVER
    until_us: int = NEVER


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a calendar that are meant: their scopes, each once (empty = everybody), and the first beginning.

    Where none is meant there is neither.
    """

    scopes: tuple[str, ...]
    first_us: int | None


def entries_of(history: History, rule: Change) -> Entries:
    """Return the entries that are meant.

    Raises
    ------
    DataError
        If no entry known at ``as_of``, whenever it begins, is of the kind asked for.
    """
    info, bucket = history.tables[rule.table], Bucket(history, 0)
    table, (starts, known, superseded) = bucket.table(info.name), _clocks(bucket, info.name)
    meant = (known <= history.as_of) & (history.as_of < superseded)
    if rule.type is not None:
        meant &= _of_kind(table["type"].combine_chunks(), rule.type, meant, file=info.file)
    meant &= starts > history.as_of if rule.first_us is None else starts >= rule.first_us
    meant &= starts < (NEVER if rule.until_us is None else rule.until_us)
    places = np.flatnonzero(meant)
    texts = pc.utf8_trim_whitespace(pc.fill_null(table["scope"], "")).to_pylist() if "scope" in info.columns else None
    scopes = {texts[place] if texts else "" for place in places}
    return Entries(tuple(sorted(scopes)), int(starts[places].min()) if len(places) else None)


def _clocks(bucket: Bucket, table: str) -> tuple[Int64s, Int64s, Int64s]:
    # A change may be known long before it begins: its clocks stand apart, unlike those of an event.
    starts, known, superseded = (
        bucket.instants(table, clock) for clock in ("occurred_at", "known_at", "superseded_at")
    )
    return starts, known, superseded


def _of_kind(kinds: pa.Array, wanted: str, known: Bools, *, file: str) -> Bools:
    is_meant: Bools = pc.fill_null(pc.equal(kinds, wanted), False).to_numpy(zero_copy_only=False)
    if not (is_meant & known).any():
        near = did_you_mean(wanted, pc.unique(kinds.filter(pa.array(known))).drop_null().to_pylist())
        raise DataError(
            "no change of this kind is known",
            rule="data.change_unknown",
            file=file,
            column="type",
            count=0,
            next_step=near or "Write the kind as the table does.",
        )
    return is_meant


def in_scope(bucket: Bucket, history: History, table: str, scopes: Collection[str]) -> Bools:
    """Return whom of a bucket's customers any of the scopes concerns at ``as_of``, shape (n_customers,).

    Raises
    ------
    DataError
        If a scope names no declared category.
    """
    n = len(bucket.customers)
    customer, dates = np.arange(n), np.full(n, history.as_of, dtype=np.int64)
    found = np.full(n, "" in scopes, dtype=bool)
    for scope in sorted(set(scopes) - {""}):
        found |= touched(bucket, history, history.tables[table], scope, customer, dates)
    return found


def buyers(bucket: Bucket, rule: Purchase) -> Int64s:
    """Return how many of the rows meant each customer has, shape (n_customers,)."""
    seen = np.concatenate([[0], np.cumsum(rows_meant(bucket, rule))])
    offsets = bucket.offsets(rule.table)
    counts: Int64s = seen[offsets[1:]] - seen[offsets[:-1]]
    return counts


def rows_meant(bucket: Bucket, rule: Purchase) -> Bools:
    """Return which rows of the table are meant, by the versions known today, shape (n_rows,).

    A row of several versions is meant where the last one is; a line that was added to an event later counts too.
    """
    table, occurred = rule.table, bucket.instants(rule.table, "occurred_at")
    meant: Bools = (bucket.known_until(table) == NEVER) & ~bucket.is_refund(table)
    meant &= (occurred >= rule.first_us) & (occurred < rule.until_us)
    for column, values in rule.where.items():
        meant &= _is_one_of(bucket, table, column, values)
    for column, least in rule.at_least.items():
        with np.errstate(invalid="ignore"):
            meant &= bucket.numbers(table, column) >= least
    return meant


def _is_one_of(bucket: Bucket, table: str, column: str, values: Collection[str]) -> Bools:
    codes, vocabulary = bucket.codes(table, column)
    # Missing cells have the code -1, which takes the last place: never meant.
    chosen: Bools = np.array([*(level in values for level in vocabulary), False])
    return chosen[codes]


def levels_seen(bucket: Bucket, rule: Purchase) -> set[tuple[str, str]]:
    """Return which of the values asked for occur in a bucket at all, as (column, value)."""
    found = set()
    for column, values in rule.where.items():
        vocabulary = set(bucket.codes(rule.table, column)[1])
        found |= {(column, value) for value in values if value in vocabulary}
    return found


def check_levels(rule: Purchase, seen: Collection[tuple[str, str]], *, file: str) -> None:
    """Refuse a value that occurs nowhere: a slip of the pen would leave out everybody it should name.

    Raises
    ------
    DataError
        If any of the values asked for is in no row.
    """
    for column, values in rule.where.items():
        if missing := sum((column, value) not in seen for value in values):
            raise DataError(
                "values that are asked for occur in no row",
                rule="data.value_unknown",
                file=file,
                column=column,
                count=missing,
                next_step="Write them exactly as delivered, capitals and blanks included, or take them out.",
            )
