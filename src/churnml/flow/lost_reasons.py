"""What the histories say of why customers left, customer by customer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.campaign.recoverable import ReasonRule
from churnml.histories.bucket import Bucket
from churnml.histories.conform import category_column
from churnml.histories.store import History
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import NEVER

__all__ = ["Reasons", "reasons_of"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
_ORDER = ("none", "listable", "other", "never")
"""Verdicts from the mildest to the gravest."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is known of why customers left, one entry a customer of the bucket.

    Parameters
    ----------
    verdict, last_verdict : ndarray of int
        The gravest of all reasons ever given, and of the last of each column, as places in the order of gravity.
    last_reason : list of (str or None)
        The newest text that tells why.
    """

    verdict: Int64s
    last_verdict: Int64s
    last_reason: list[str | None]

    def of(self, customer: Int64s) -> dict[str, Any]:
        """Return the columns of some customers."""
        names = np.array(_ORDER, dtype=object)
        return {
            "verdict": pa.array(names[self.verdict[customer]], pa.string()),
            "last_verdict": pa.array(names[self.last_verdict[customer]], pa.string()),
            "last_reason": pa.array([self.last_reason[c] for c in customer.tolist()], pa.string()),
        }


@dataclass(frozen=True, slots=True)
class _Texts:
    """A column that may say why: customer and time of each row, codes and what they stand for, and how it is read.

    ``is_last`` is False where only the gravest words matter: the column tells other things as well.
    """

    who: Int64s
    when: Int64s
    codes: Int32s
    vocabulary: list[str]
    is_last: bool


def reasons_of(
    bucket: Bucket, history: History, definition: ChurnDefinition, rule: ReasonRule, *, extra: Collection[str] = ()
) -> Reasons:
    """Return what is known at ``as_of`` of why the customers of a bucket left, by the versions of rows known today.

    Looked at are the reasons of all spells, ``extra`` categories (``<table>.<column>``), the kinds of churn events, and
    every category of the customers table; of the last two only words after which nobody is listed matter.
    """
    n = len(bucket.customers)
    verdict, last = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    texts: list[str | None] = [None] * n
    newest = np.full(n, -NEVER, dtype=np.int64)
    for column in _columns(bucket, history, definition, extra):
        graveness = np.array([_ORDER.index(rule.verdict(text)) for text in column.vocabulary], dtype=np.int64)
        found = graveness[column.codes]
        is_never = found == _ORDER.index("never")
        np.maximum.at(verdict, column.who[is_never], found[is_never])
        if not column.is_last:
            continue
        np.maximum.at(verdict, column.who, found)
        # Rows ascend in time within a customer: the last one written stays.
        order = np.lexsort((column.when, column.who))
        of_column = np.full(n, -1, dtype=np.int64)
        of_column[column.who[order]] = order
        for who in np.flatnonzero(of_column >= 0).tolist():
            row = of_column[who]
            last[who] = max(last[who], found[row])
            if column.when[row] >= newest[who]:
                newest[who], texts[who] = column.when[row], column.vocabulary[column.codes[row]]
    return Reasons(verdict, last, texts)


def _columns(bucket: Bucket, history: History, definition: ChurnDefinition, extra: Collection[str]) -> Iterator[_Texts]:
    for info in history.of_kind("spells"):
        if "end_reason" in info.columns:
            yield _texts(bucket, info.name, "end_reason", bucket.instants(info.name, "ended_at"), is_last=True)
    for place in extra:
        table, _, column = place.partition(".")
        kind = history.tables[table].kind
        yield _texts(bucket, table, category_column(column), _times(bucket, table, kind), is_last=True)
    if definition.kind == "event":
        column, times = category_column(definition.event_column), bucket.instants(definition.table, "occurred_at")
        yield _texts(bucket, definition.table, column, times, is_last=False)
    for info in history.of_kind("customers"):
        for name in info.categories:
            times = np.zeros(bucket.n_rows(info.name), dtype=np.int64)
            yield _texts(bucket, info.name, category_column(name), times, is_last=False)


def _times(bucket: Bucket, table: str, kind: str) -> Int64s:
    if kind == "customers":
        return np.zeros(bucket.n_rows(table), dtype=np.int64)
    return bucket.instants(table, "ended_at" if kind == "spells" else "occurred_at")


def _texts(bucket: Bucket, table: str, column: str, when: Int64s, *, is_last: bool) -> _Texts:
    codes, vocabulary = bucket.text_codes(table, column)
    who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))
    # A row without a text says nothing, not even that an earlier reason no longer holds.
    keep = (bucket.known_until(table) == NEVER) & (codes >= 0)
    return _Texts(who[keep], when[keep], codes[keep], vocabulary, is_last)
