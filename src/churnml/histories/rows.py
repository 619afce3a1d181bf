"""The rows of one bucket as plain arrays: texts as codes into sorted vocabularies, missing values by a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import MONEY
from churnml.timeline import NEVER

__all__ = ["NO_AMOUNT", "Coded", "Rows", "combined", "read_column", "stored_column"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
NO_AMOUNT = np.iinfo(np.int64).min
"""Stands for an amount that is missing."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts as places in a sorted vocabulary; missing = -1."""

    codes: Int32s
    vocabulary: pa.Array

    def take(self, rows: Int64s) -> Coded:
        """Return some of the rows, under the same vocabulary."""
        return Coded(self.codes[rows], self.vocabulary)


Column = npt.NDArray[Any] | Coded


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of one length by name."""

    columns: Mapping[str, Column]

    def plain(self, name: str) -> npt.NDArray[Any]:
        """Return a column of instants, money, numbers or marks."""
        column = self.columns[name]
        if isinstance(column, Coded):
            raise TypeError(name)
        return column

    def texts(self, name: str) -> Coded:
        """Return a column of texts."""
        column = self.columns[name]
        if not isinstance(column, Coded):
            raise TypeError(name)
        return column

    def take(self, rows: Int64s) -> Rows:
        """Return some of the rows."""
        taken = {
            name: column.take(rows) if isinstance(column, Coded) else column[rows]
            for name, column in self.columns.items()
        }
        return Rows(taken)

    def replaced(self, **columns: Column) -> Rows:
        """Return the rows with some columns added or replaced."""
        return Rows({**self.columns, **columns})


def read_column(column: pa.ChunkedArray) -> Column:
    """Return a conformed column as a plain array: instants and money as whole numbers, texts coded."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        return _coded(column)
    mark = np.nan if pa.types.is_floating(kind) else NO_AMOUNT if kind == MONEY else NEVER
    plain = np.empty(len(column), dtype=np.float64 if pa.types.is_floating(kind) else np.int64)
    low = 0
    for chunk in column.chunks:
        values = chunk if pa.types.is_floating(kind) else chunk.view(pa.int64())
        plain[low : low + len(chunk)] = (pc.fill_null(values, mark) if chunk.null_count else values).to_numpy()
        low += len(chunk)
    return plain


def _coded(column: pa.ChunkedArray) -> Coded:
    column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if not column.num_chunks:
        return Coded(np.empty(0, dtype=np.int32), pa.array([], pa.string()))
    vocabulary = column.chunk(0).dictionary
    order = pc.sort_indices(vocabulary).to_numpy()
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    rank[-1] = -1
    codes = np.empty(len(column), dtype=np.int32)
    low = 0
    for chunk in column.chunks:
        indices = pc.fill_null(chunk.indices, -1) if chunk.null_count else chunk.indices
        codes[low : low + len(chunk)] = rank[indices.to_numpy()]
        low += len(chunk)
    return Coded(codes, vocabulary.take(pa.array(order)))


def stored_column(values: Column, kind: pa.DataType) -> pa.Array:
    """Return a column as it is written; a vocabulary holds nothing that no row has."""
    if isinstance(values, Coded):
        used = np.zeros(len(values.vocabulary) + 1, dtype=bool)
        used[values.codes] = True
        is_missing, used[-1] = bool(used[-1]), False
        vocabulary, codes = values.vocabulary, values.codes
        if not used[:-1].all():
            place = np.append(np.cumsum(used[:-1], dtype=np.int32) - 1, np.int32(-1))
            vocabulary, codes = vocabulary.take(pa.array(np.flatnonzero(used[:-1]))), place[codes]
        mask = codes < 0 if is_missing else None
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), vocabulary)
    if pa.types.is_boolean(kind):
        return pa.array(values)
    if pa.types.is_floating(kind):
        return pa.array(values, from_pandas=True)  # not-a-number stands for missing
    missing = values == (NO_AMOUNT if kind == MONEY else NEVER)
    return pa.array(values, mask=missing if missing.any() else None).view(kind)


def combined(columns: Sequence[Coded]) -> Int64s:
    """Return one whole number per row for the combination of its texts; a row that lacks one has its own.

    Parameters
    ----------
    columns : sequence of Coded, not empty
    """
    total, size = columns[0].codes.astype(np.int64), len(columns[0].vocabulary)
    incomplete = columns[0].codes < 0
    for column in columns[1:]:
        incomplete |= column.codes < 0
        total, size = total * len(column.vocabulary) + column.codes, size * len(column.vocabulary)
        if size > 2**31:
            distinct, total = np.unique(total, return_inverse=True)
            size = len(distinct)
    total[incomplete] = size + np.flatnonzero(incomplete)
    return total
