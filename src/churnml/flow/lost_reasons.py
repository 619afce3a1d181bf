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
    texts = np.full(n, None, dtype=object)
    newest = np.full(n, -NEVER, dtype=np.int64)
    for column in _columns(bucket, history, definition, extra):
        # A row without a text has the code -1, which takes the last place.
        gravity = np.array([*(_ORDER.index(rule.verdict(text)) for text in column.vocabulary), 0], dtype=np.int64)
        found = gravity[column.codes]
        np.maximum.at(verdict, column.who, np.where(found == _ORDER.index("never"), found, 0))
        if not column.is_last:
            continue
        order = np.lexsort((column.when, column.who))
        of_customer = np.full(n, -1, dtype=np.int64)
        of_customer[column.who[order]] = order
        who = np.flatnonzero(of_customer >= 0)
        rows = of_customer[who]
        last[who] = np.maximum(last[who], found[rows])
        is_newer = (column.when[rows] >= newest[who]) & (column.codes[rows] >= 0)
        who, rows = who[is_newer], rows[is_newer]
        newest[who], texts[who] = column.when[rows], np.array(column.vocabulary, dtype=object)[column.codes[rows]]
    return Reasons(verdict, last, texts.tolist())


def _columns(bucket: Bucket, history: History, definition: ChurnDefinition, extra: Collection[str]) -> Iterator[_Texts]:
    for info in history.of_kind("spells"):
        if "end_reason" in info.columns:
            # Of spells the one that ends last tells why, or none where it is still open or gives no reason.
            ended = bucket.instants(info.name, "ended_at")
            yield _texts(bucket, info.name, "end_reason", ended, is_last=True, keeps_empty=True)
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


def _texts(
    bucket: Bucket, table: str, column: str, when: Int64s, *, is_last: bool, keeps_empty: bool = False
) -> _Texts:
    codes, vocabulary = bucket.text_codes(table, column)
    who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))
    keep = bucket.known_until(table) == NEVER
    # Elsewhere a row without a text says nothing, not even that an earlier reason no longer holds.
    keep = keep if keeps_empty else keep & (codes >= 0)
    return _Texts(who[keep], when[keep], codes[keep], vocabulary, is_last)
