"""Whether two feature tables are the same to the last bit, and which columns are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["differing_columns", "differing_rows", "plain_type", "row_keys"]

Bools = npt.NDArray[np.bool_]


def differing_columns(first: pa.Table, second: pa.Table) -> list[str]:
    """Return the columns that differ: in name, place, type or the bits of any value; both in the same row order.

    Examples
    --------
    >>> differing_columns(pa.table({"a": [1.0], "b": ["x"]}), pa.table({"a": [1.0], "b": ["y"]}))
    ['b']
    """
    names, others = first.column_names, second.column_names
    apart = [name for name in names if name not in others] + [name for name in others if name not in names]
    shared = [name for name in names if name in others]
    if not apart and names != others:
        apart = [name for name, other in zip(names, others, strict=True) if name != other]
    return apart + [name for name in shared if name not in apart and _differ(first[name], second[name]).any()]


def differing_rows(first: pa.Table, second: pa.Table, columns: Sequence[str]) -> Bools:
    """Return the rows in which any of some columns differs, shape (n_rows,)."""
    differ = np.zeros(first.num_rows, dtype=bool)
    for name in columns:
        if name in first.column_names and name in second.column_names:
            differ |= _differ(first[name], second[name])
        else:
            differ[:] = True
    return differ


def _differ(first: pa.ChunkedArray, second: pa.ChunkedArray) -> Bools:
    if len(first) != len(second) or plain_type(first.type) != plain_type(second.type):
        return np.ones(max(len(first), 1), dtype=bool)
    if pa.types.is_floating(first.type):
        a, b = (np.ascontiguousarray(c.to_numpy()) for c in (first, second))
        whole = np.int32 if a.dtype == np.float32 else np.int64
        # Bits, not values: not-a-number equals itself, and 0.0 is not -0.0.
        different: Bools = (a.view(whole) != b.view(whole)) & ~(np.isnan(a) & np.isnan(b))
        return different
    a_text, b_text = (c.cast(plain_type(c.type)) for c in (first, second))
    same = pc.fill_null(pc.equal(a_text, b_text), False).to_numpy()
    both_missing = (pc.is_null(a_text).to_numpy()) & (pc.is_null(b_text).to_numpy())
    apart: Bools = ~same & ~both_missing
    return apart


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values, whether they are written out or coded."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def row_keys(table: pa.Table) -> list[tuple[str, int]]:
    """Return (customer, observation date) of each row."""
    ids = table["customer_id"].cast(pa.string()).to_pylist()
    dates = table["observation_date"].cast(pa.int64()).to_pylist()
    return list(zip(ids, dates, strict=True))
