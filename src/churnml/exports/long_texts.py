"""Texts that no Excel cell holds: found, and where it is asked for, shortened so that everybody sees it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.wording import words

__all__ = ["MAX_TEXT", "shortened", "too_long"]

MAX_TEXT = 32_767
"""Longest text of a cell, in UTF-16 units; Excel cuts the rest silently."""

_KEPT = 1_000


def too_long(texts: pa.ChunkedArray | pa.Array) -> list[int]:
    """Return the rows whose text is longer than :data:`MAX_TEXT`."""
    texts = texts.cast(pa.string())
    # A character outside the basic plane takes two of Excel's units: only long texts are counted exactly.
    lengths = np.asarray(pc.fill_null(pc.utf8_length(texts), 0))
    rows = np.flatnonzero(lengths > MAX_TEXT // 2).tolist()
    return [row for row in rows if len(texts[row].as_py().encode("utf-16-le")) // 2 > MAX_TEXT]


def shortened(table: pa.Table, *, keep: Collection[str], language: str) -> pa.Table:
    """Return a table in which texts longer than a cell are cut to their beginning and say how long they were.

    Parameters
    ----------
    table : Table
    keep : collection of str
        Columns that are not touched: a cut id would be somebody else's.
    language : str
        Of the mark.
    """
    for at, name in enumerate(table.column_names):
        if name in keep or not pa.types.is_string(table[name].type):
            continue
        if rows := too_long(table[name]):
            texts = table[name].to_pylist()
            for row in rows:
                texts[row] = words("list.shortened", language, begin=texts[row][:_KEPT], n=len(texts[row]))
            table = table.set_column(at, name, pa.array(texts, pa.string()))
    return table
