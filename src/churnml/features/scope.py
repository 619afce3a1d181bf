"""Whom an entry of a calendar table concerns: everybody with one level of a category, as known at the date."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from churnml.errors import DataError, did_you_mean
from churnml.histories.bucket import Bucket
from churnml.histories.in_force import has_in_force
from churnml.histories.scopes import scope_parts
from churnml.histories.store import History, TableInfo

__all__ = ["touched"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def touched(bucket: Bucket, history: History, info: TableInfo, scope: str, customer: Int64s, dates: Int64s) -> Bools:
    """Return which snapshots a scope concerns.

    Parameters
    ----------
    bucket : Bucket
    history : History
    info : TableInfo
        The calendar table, for messages.
    scope : str
        ``<category>=<level>``: a category of the customers table; else of a spells table, and then whoever has a
        spell of that level in force at the observation date.
    customer, dates : ndarray of int64, shape (n_rows,)

    Raises
    ------
    DataError
        If it has another form, or names no declared category.
    """
    column, level = scope_parts(scope) or ("", "")
    known = {
        name: table for kind in ("spells", "customers") for table in history.of_kind(kind) for name in table.categories
    }
    if column not in known:
        raise DataError(
            "a scope is not <category>=<level> with a category of the customers table or of a spells table",
            rule="data.scope_unknown",
            file=info.file,
            column="scope",
            count=1,
            next_step=did_you_mean(column, sorted(known))
            or "Leave the scope empty for everybody, or declare the category it names.",
        )
    name = known[column].name
    rows: Bools = pc.fill_null(pc.equal(bucket.categories(name, column), level), False).to_numpy()
    if known[column].kind == "customers":
        concerned = np.zeros(len(bucket.customers), dtype=bool)
        concerned[bucket.rows_of(bucket.table(name)["customer_id"])] = rows
        return concerned[customer]
    return has_in_force(bucket, name, customer, dates, counts=rows)
