"""Findings about amounts, numbers and categories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from churnml.histories.checks import Finding, Severity
from churnml.histories.conform import number_column
from churnml.histories.levels import file_jumps, month_jump, round_factor
from churnml.histories.profile import TableProfile
from churnml.timeline import day_to_date

__all__ = ["size_findings"]

_ENOUGH = 30
_OCTAVE = 8
_LEVELS_SHARE, _LEVELS_ROWS = 0.9, 100


def size_findings(table: TableProfile, *, is_required: bool) -> Iterator[Finding]:
    """Yield jumps of level, refunds, and categories that are ids.

    Parameters
    ----------
    table : TableProfile
    is_required : bool
        Whether churn or value are counted from the table.
    """
    c = table.contract
    columns = {number_column(name): name for name in c.numbers}
    if c.amount:
        columns["amount"] = c.amount[-1]
        yield from _refunds(table)
    for name, column in columns.items():
        if name in table.levels:
            yield from _jumps(table, name, column, is_required=is_required and name == "amount")
    for name, levels in table.categories.items():
        if levels.n_values >= _LEVELS_ROWS and levels.n_levels > _LEVELS_SHARE * levels.n_values:
            n = min(round(levels.n_levels), levels.n_values)
            yield Finding("data.category_like_id", "warning", c.name, c.file, name, n, levels.n_values)


def _refunds(table: TableProfile) -> Iterator[Finding]:
    c = table.contract
    place = (c.name, c.file, c.amount[-1])
    if table.n_amounts >= _ENOUGH:
        yield Finding("data.refunds", "warning", *place, table.n_refunds, table.n_amounts)
    largest = max(table.largest_amount, 2.0**-31)
    above = int(np.clip(np.floor((np.log2(largest) + 32) * 8), 0, 511)) + _OCTAVE
    yield Finding("data.refund_too_large", "warning", *place, int(table.refund_sizes[above:].sum()), table.n_amounts)


def _jumps(table: TableProfile, name: str, column: str, *, is_required: bool) -> Iterator[Finding]:
    c, levels = table.contract, table.levels[name]
    of_files = file_jumps(dict(sorted(levels.by_file.items())))
    for jump in of_files:
        told: dict[str, object] = {"factor": _told(jump.factor), "other": jump.other}
        severity: Severity = "error" if _is_unit(jump.factor) else "warning"
        total = sum(int(counts.sum()) for counts in levels.by_file.values())
        yield Finding("data.scale_of_file", severity, c.name, jump.file, column, jump.count, total, None, told)
    months, sizes = levels.by_month()
    found = month_jump(months, sizes) if not of_files and len(months) > 1 else None
    if found is not None:
        told = {"factor": _told(found.factor), "first": _day(found.first), "last": _day(found.last + 1, before=1)}
        severity = "error" if is_required and _is_unit(found.factor) else "warning"
        yield Finding("data.scale_jump", severity, c.name, c.file, column, found.count, found.n_values, None, told)


def _told(factor: float) -> str:
    return f"{factor:g}" if factor >= 1 else f"1/{1 / factor:.3g}"


def _is_unit(factor: float) -> bool:
    """Return whether a factor is one between units, not merely large."""
    return bool(round_factor(factor) == factor and round_factor(factor * 1.01) == factor)


def _day(month: int, *, before: int = 0) -> date:
    """Return the first day of a month, or a day so many days before it."""
    return day_to_date(int(np.datetime64(month, "M").astype("datetime64[D]").astype(np.int64)) - before)
