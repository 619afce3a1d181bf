"""Findings about ids and about rows that repeat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from churnml.histories.checks import Finding, Severity
from churnml.histories.day_counts import DayCounts
from churnml.histories.profile import TableProfile
from churnml.timeline import day_to_date

__all__ = ["id_findings"]

_HEAVY_SHARE, _HEAVY_ROWS, _HEAVY_TIMES, _HEAVY_RANK = 0.01, 100, 30, 10
_MANY_TIMES, _MANY_QUANTILE = 2, 0.99
_ALIKE_ROWS = 10
_DOUBLED_SHARE, _DOUBLED_KEYS = 0.9, 20


def id_findings(table: TableProfile, *, n_copies: int) -> Iterator[Finding]:
    """Yield what the ids of a table show.

    Parameters
    ----------
    table : TableProfile
    n_copies : int
        Exact copies that were already dropped.
    """
    c = table.contract
    n_rows = sum(seen.rows for seen in table.files.values())
    rows_per_id = table.ids.figures[:, 0]
    many = _MANY_TIMES * float(np.quantile(rows_per_id, _MANY_QUANTILE)) if len(rows_per_id) else 0.0
    n_nobody = table.tokens.n_rows(many_rows=many)
    yield Finding("data.placeholder_ids", "warning", c.name, c.file, c.id, n_nobody, n_rows)
    if c.kind != "customers":
        n_heavy = _heavy_rows(table)
        # An id that is known to stand for nobody is told once.
        yield Finding("data.heavy_id", "warning", c.name, c.file, c.id, max(n_heavy - n_nobody, 0), n_rows)
        yield from _refund_first(table)
    if c.kind == "events":
        yield from _repeated(table, n_rows, n_copies)


def _heavy_rows(table: TableProfile) -> int:
    """Return the rows of ids with far more rows than the tenth busiest customer."""
    ranked = np.sort(table.slots.rows)[::-1]
    total, tenth = int(ranked.sum()), int(ranked[_HEAVY_RANK - 1])
    if not tenth:
        return 0
    is_heavy = (ranked >= _HEAVY_TIMES * tenth) & (ranked >= _HEAVY_SHARE * total) & (ranked >= _HEAVY_ROWS)
    return int(ranked[is_heavy].sum())


def _refund_first(table: TableProfile) -> Iterator[Finding]:
    c, figures = table.contract, table.ids.figures
    if c.amount and len(figures):
        early = int((figures[:, 4] < figures[:, 3]).sum()) * table.ids.scale
        n_customers = len(figures) * table.ids.scale
        yield Finding("data.refund_first", "info", c.name, c.file, c.amount[-1], early, n_customers)


def _repeated(table: TableProfile, n_rows: int, n_copies: int) -> Iterator[Finding]:
    """Yield rows alike in customer, time and amount, and whole days that are there twice."""
    c, sample = table.contract, table.keys
    rows = sample.figures[:, 0]
    n_alike = int((rows - 1).sum()) * sample.scale
    n_different = n_alike - n_copies
    # A sample of the keys is scaled up: what it may miss or double by chance is no finding.
    noise = 4 * np.sqrt(n_alike * sample.scale) if sample.level else 0
    if not c.group and n_different > max(noise, _ALIKE_ROWS):
        yield Finding("data.same_key", "info", c.name, c.file, c.time, n_different, n_rows)
    if len(rows) and float((rows > 1).mean()) < 0.5:
        yield from _doubled_days(table, n_rows, n_copies)


def _doubled_days(table: TableProfile, n_rows: int, n_copies: int) -> Iterator[Finding]:
    c, figures = table.contract, table.keys.figures
    clock = DayCounts(table.timezone)
    clock.add(figures[:, 1])
    days, group = np.unique(clock.latest_days, return_inverse=True)
    n_keys, is_double = np.bincount(group), figures[:, 0] > 1
    n_double = np.bincount(group, weights=is_double)
    n_extra = np.bincount(group, weights=figures[:, 0] - 1)
    twice = (n_keys >= _DOUBLED_KEYS) & (n_double >= _DOUBLED_SHARE * n_keys)
    if not twice.any():
        return
    count = int(n_extra[twice].sum()) * table.keys.scale
    # Exact copies were counted once already; copies with another load number, for example, are still there.
    severity: Severity = "info" if c.drop_duplicates and n_copies >= 0.9 * count else "warning"
    told: dict[str, object] = {
        "days": int(twice.sum()),
        "first": day_to_date(int(days[twice][0])),
        "last": day_to_date(int(days[twice][-1])),
    }
    yield Finding("data.day_twice", severity, c.name, c.file, c.time, count, n_rows, None, told)
