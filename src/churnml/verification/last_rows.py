"""Columns of events that know whether another event follows."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import category_column, number_column
from churnml.histories.store import TableInfo
from churnml.verification.evidence import column_of
from churnml.verification.findings import Finding

__all__ = ["check_last_rows"]

_LEAST_CUSTOMERS = 50
_MOST_LEVELS = 50
_PURE = 0.98
_NEARLY_ALL = 0.9
_MOST_BASE = 0.5


def check_last_rows(
    table: pa.Table, info: TableInfo, *, passed_over: Collection[str] = ()
) -> tuple[list[Finding], int]:
    """Return the columns that are empty, or at one level, on the last row of each customer and on no other.

    When the row was written nobody knew that it was the last: days until the next order, orders still to come, a flag.

    Parameters
    ----------
    table : pyarrow.Table
        Events of some customers, as prepared: sorted by customer and time.
    info : TableInfo
    passed_over : collection of str
        Columns that may know, since they say that the customer leaves.

    Returns
    -------
    findings : list of Finding
    n_columns : int
        Columns looked at.
    """
    if "superseded_at" in table.column_names:
        table = table.filter(pc.is_null(table["superseded_at"]))
    names = [(name, number_column(name)) for name in info.numbers]
    names += [(name, category_column(name)) for name in info.categories if name not in passed_over]
    ids = pc.rank(table["customer_id"].cast(pa.string()), tiebreaker="dense").to_numpy().astype(np.int64)
    is_last = np.append(ids[1:] != ids[:-1], True)[: len(ids)]
    n_last = int(is_last.sum())
    if n_last < _LEAST_CUSTOMERS or n_last > _MOST_BASE * len(ids):
        return [], 0
    found = []
    for name, stored in names:
        code = column_of(table[stored]).code
        levels = np.unique(code)
        if not 1 < len(levels) <= _MOST_LEVELS:
            levels = np.array([-1])
        for level in levels:
            n_both, n_level = int((is_last & (code == level)).sum()), int((code == level).sum())
            if n_level and n_both >= _PURE * n_level and n_both >= _NEARLY_ALL * n_last:
                found.append(Finding("time.knows_the_next", "error", name, info.file, n=n_both, of=n_last))
                break
    return found, len(names)
