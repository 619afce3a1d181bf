"""Columns that only say who it is: numbers of customers, orders and rows, texts that nobody shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import category_column, number_column
from churnml.histories.store import TableInfo
from churnml.verification.findings import Finding

__all__ = ["check_identifiers", "is_row_number", "repeats_the_id"]

Floats = npt.NDArray[np.float64]
_LEAST_ROWS = 50
_UNIQUE = 0.95
_NEARLY_NONE_SHARED = 0.9
_DENSE = 3.0
_LOOSE = 20.0
_MANY_DIGITS = 7
_SOME_DIGITS = 5
_HASHED_DIGITS = 8
_EVEN = 1.63


def check_identifiers(table: pa.Table, info: TableInfo) -> tuple[list[Finding], int]:
    """Return the declared columns of a table that are identifiers, and how many columns were looked at.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of a sample of customers, as prepared.
    info : TableInfo
    """
    found = []
    ids = table["customer_id"].cast(pa.string()) if "customer_id" in table.column_names else None
    for name in info.numbers:
        values = table[number_column(name)].cast(pa.float64()).to_numpy(zero_copy_only=False)
        known = ~np.isnan(values)
        if known.sum() < _LEAST_ROWS:
            continue
        text = ids.filter(pa.array(known)) if ids is not None and info.kind == "customers" else None
        if is_row_number(values[known]) or (text is not None and repeats_the_id(values[known], text)):
            found.append(_finding(name, info, values[known]))
    for name in info.categories:
        column = table[category_column(name)].cast(pa.string()).drop_null()
        if len(column) < _LEAST_ROWS:
            continue
        n_distinct = len(pc.unique(column))
        if (n_distinct >= _NEARLY_NONE_SHARED * len(column) and not _is_measured(column)) or (
            info.kind == "customers" and ids is not None and _is_made_of_id(table, name)
        ):
            place = ("time.identifier", "error", name, info.file)
            found.append(Finding(*place, n=n_distinct, of=len(column)))  # type: ignore[arg-type]
    return found, len(info.numbers) + len(info.categories)


def _finding(name: str, info: TableInfo, values: Floats) -> Finding:
    return Finding("time.identifier", "error", name, info.file, n=len(np.unique(values)), of=len(values))


def is_row_number(values: Floats) -> bool:
    """Return whether numbers look like names of rows: whole, all different, and dense or of one length of digits.

    A measurement (an income, a balance) repeats, has fractions, or spreads over several orders of magnitude.

    Examples
    --------
    >>> is_row_number(np.arange(1_000, 1_500.0)), is_row_number(np.round(np.random.default_rng(1).lognormal(8, 1, 500)))
    (True, False)
    """
    if not np.isfinite(values).all() or np.any(values != np.round(values)):
        return False
    n, n_distinct = len(values), len(np.unique(values))
    if n_distinct < _UNIQUE * n:
        return False
    span = float(values.max() - values.min()) + 1
    if span <= _DENSE * n:
        return True
    if n_distinct < 0.999 * n or values.min() <= 0:
        return False
    digits = np.floor(np.log10(values)) + 1
    one_length = digits.min() == digits.max()
    long_enough = digits.min() >= _MANY_DIGITS or (digits.min() >= _SOME_DIGITS and span <= _LOOSE * n)
    return bool(one_length and long_enough) or _is_drawn_evenly(values)


def _is_drawn_evenly(values: Floats) -> bool:
    """Return whether large numbers fill their range evenly, as hashes do and amounts do not."""
    if values.max() < 10**_HASHED_DIGITS:
        return False
    even = (np.sort(values) - values.min()) / (values.max() - values.min())
    return bool(np.abs(even - np.linspace(0, 1, len(values))).max() <= _EVEN / np.sqrt(len(values)))


def repeats_the_id(values: Floats, ids: pa.ChunkedArray) -> bool:
    """Return whether a number is the digits of the customer's id, or a straight line of those."""
    digits = pc.replace_substring_regex(ids, pattern="[^0-9]", replacement="")
    digits = pc.if_else(pc.equal(pc.utf8_length(digits), 0), None, pc.utf8_slice_codeunits(digits, -15, None))
    number = pc.fill_null(digits.cast(pa.float64()), np.nan).to_numpy()
    known = ~np.isnan(number)
    if known.sum() < 0.9 * len(values) or len(np.unique(number[known])) < 0.9 * known.sum():
        return False
    number, own = number[known], values[known]
    low, high = int(number.argmin()), int(number.argmax())
    steepness = (own[high] - own[low]) / (number[high] - number[low])
    # A hash of the id is no straight line of it, and neither is anything that was measured.
    apart = np.abs(own - own[low] - steepness * (number - number[low]))
    is_straight = steepness != 0 and bool(np.mean(apart <= 1e-6 * np.ptp(own)) >= _UNIQUE)
    shift = own - number
    return is_straight or bool(np.mean(shift == np.median(shift)) >= _UNIQUE)


def _is_measured(column: pa.ChunkedArray) -> bool:
    """Return whether texts are numbers with fractions: a measurement declared as a category, not a name."""
    try:
        values = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return False
    return bool(np.any(values != np.round(values)))


def _is_made_of_id(table: pa.Table, name: str) -> bool:
    """Return whether a category is the id itself, whatever its spelling."""
    both = table.select(["customer_id", category_column(name)]).drop_null()
    plain = [pc.utf8_lower(pc.replace_substring_regex(c.cast(pa.string()), "[^0-9A-Za-z]", "")) for c in both.columns]
    same = pc.sum(pc.equal(plain[0], plain[1])).as_py() or 0
    return bool(both.num_rows >= _LEAST_ROWS and same >= _UNIQUE * both.num_rows)
