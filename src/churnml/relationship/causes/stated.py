"""What somebody said or entered of why a customer left, around the time of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.conform import category_column
from churnml.histories.store import History
from churnml.timeline import DAY_US, NEVER

__all__ = ["SOURCES", "Source", "StatedColumn", "has_texts", "stated_texts"]

Int64s = npt.NDArray[np.int64]
Source = Literal["survey", "crm", "end_reason", "model"]
SOURCES: tuple[Source, ...] = ("survey", "crm", "end_reason", "model")
"""What a cause may rest on, the strongest first: the customer's own words, then those of who looked after them."""

BEFORE_US, AFTER_US = 30 * DAY_US, 90 * DAY_US
"""A text belongs to a loss from so long before the customer was last there until so long after the loss."""


@dataclass(frozen=True, slots=True)
class StatedColumn:
    """A column that may say why."""

    table: str
    column: str
    source: Source


def stated_texts(
    bucket: Bucket,
    history: History,
    columns: Sequence[StatedColumn],
    customer: Int64s,
    last: Int64s,
    since: Int64s,
) -> list[tuple[str | None, Source | None]]:
    """Return for each loss the newest text of the strongest source, and that source.

    Parameters
    ----------
    bucket : Bucket
    history : History
    columns : sequence of StatedColumn
        An empty column name means the reason of the end of spells.
    customer, last, since : ndarray of int64, shape (n_losses,)
        Customer number; when last there; when lost.

    Returns
    -------
    list of (str or None, str or None)
        None where nobody said anything. Texts are those known at the end of the history.
    """
    found: list[tuple[str | None, Source | None]] = [(None, None)] * len(customer)
    for source in reversed(SOURCES):
        for column in columns:
            if column.source == source:
                for place, text in enumerate(_newest(bucket, history, column, customer, last, since)):
                    if text is not None:
                        found[place] = (text, source)
    return found


def has_texts(history: History, column: StatedColumn) -> bool:
    """Return whether the histories have such a column."""
    return _stored(column) in history.tables[column.table].columns


def _stored(column: StatedColumn) -> str:
    return category_column(column.column) if column.column else "end_reason"


def _newest(
    bucket: Bucket, history: History, column: StatedColumn, customer: Int64s, last: Int64s, since: Int64s
) -> list[str | None]:
    kind = history.tables[column.table].kind
    if not has_texts(history, column):
        return [None] * len(customer)
    stored = _stored(column)
    codes, vocabulary = bucket.text_codes(column.table, stored)
    offsets = bucket.offsets(column.table)
    holds = (bucket.known_until(column.table) == NEVER) & (codes >= 0)
    when = _times(bucket, column.table, kind)
    found: list[str | None] = []
    for who, low, high in zip(customer.tolist(), (last - BEFORE_US).tolist(), (since + AFTER_US).tolist(), strict=True):
        rows = np.arange(offsets[who], offsets[who + 1])
        rows = rows[holds[rows]]
        if when is not None:
            rows = rows[(when[rows] >= low) & (when[rows] <= high)]
            rows = rows[np.argsort(when[rows], kind="stable")]
        found.append(vocabulary[codes[rows[-1]]] if len(rows) else None)
    return found


def _times(bucket: Bucket, table: str, kind: str) -> Int64s | None:
    """Return when each row was said; None for attributes, which have no time."""
    if kind == "customers":
        return None
    return bucket.instants(table, "ended_at" if kind == "spells" else "occurred_at")
