"""Rules of the house: customers who do not meet one are left out, and the rule's own words say why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import Eligibility
from churnml.errors import DataError, did_you_mean

__all__ = ["broken_rule"]


def broken_rule(customers: pa.Table, rules: Sequence[Eligibility]) -> npt.NDArray[np.object_]:
    """Return the words of the first rule that each customer does not meet; empty where all are met.

    Parameters
    ----------
    customers : Table
        The columns the rules name; an empty cell meets no rule.
    rules : sequence of Eligibility

    Raises
    ------
    DataError
        If a column is not there, or holds texts where a rule bounds numbers.

    Examples
    --------
    >>> table = pa.table({"age": [17.0, 40.0, None]})
    >>> broken_rule(table, [Eligibility("age", "minors", least=18)]).tolist()
    ['minors', '', 'minors']
    """
    why = np.full(customers.num_rows, "", dtype=object)
    for rule in rules:
        if rule.column not in customers.column_names:
            raise DataError(
                "a rule of the campaign names a column that is not there",
                rule="data.column_missing",
                column=rule.column,
                next_step=did_you_mean(rule.column, customers.column_names),
            )
        why[(why == "") & ~_meets(customers[rule.column], rule)] = rule.why
    return why


def _meets(column: pa.ChunkedArray, rule: Eligibility) -> npt.NDArray[np.bool_]:
    if rule.least is None and rule.most is None:
        texts = column.cast(pa.string())
        found = pc.is_valid(texts).to_numpy()
        if rule.one_of:
            found &= pc.is_in(texts, value_set=pa.array(rule.one_of)).to_numpy()
        found &= ~pc.is_in(texts, value_set=pa.array(rule.none_of, pa.string())).to_numpy()
        return np.asarray(found, dtype=bool)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise DataError("a rule bounds a column that holds no numbers", rule="data.type", column=rule.column)
    numbers = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    low = -np.inf if rule.least is None else rule.least
    high = np.inf if rule.most is None else rule.most
    # Not a number compares as false, so an empty cell meets nothing.
    meets: npt.NDArray[np.bool_] = (numbers >= low) & (numbers <= high)
    return meets
