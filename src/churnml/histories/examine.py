"""From what passed by to findings: every check that needs more than one row, once all tables are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.cross_checks import n_variants, n_without_rows, orphans
from churnml.histories.dates import odd_days
from churnml.histories.day_counts import DayCounts
from churnml.histories.examine_ids import id_findings
from churnml.histories.examine_sizes import size_findings
from churnml.histories.last_day import last_day
from churnml.histories.profile import HistoryProfile, TableProfile
from churnml.histories.volume import Lack, filled_days, holes, weak_end
from churnml.timeline import DAY_US, day_to_date, day_to_us

__all__ = ["Hole", "examine"]

_FAR_FUTURE_DAYS = 3650
_SENTINEL_ERROR_SHARE = 0.01
_STRAY_SHARE = 0.05
_FEW_ROWS = 30


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch ``[from_us, to_us)`` of a table's history that lacks its rows: silence in it says nothing."""

    table: str
    from_us: int
    to_us: int


def examine(profile: HistoryProfile, findings: Findings, *, required: Collection[str]) -> list[Hole]:
    """Add what the profiles of all tables show, and return the holes in their histories.

    Parameters
    ----------
    profile : HistoryProfile
    findings : Findings
        Receives what is found; has what the batches themselves showed.
    required : collection of str
        Tables that churn or value are counted from: what they lack is graver there.
    """
    found_holes: list[Hole] = []
    for name, table in profile.tables.items():
        is_required = name in required
        every = [*_date_findings(table, is_required=is_required), *_file_findings(table, profile)]
        if table.contract.id:
            every += id_findings(table, n_copies=findings.count("data.duplicates", name))
        every += size_findings(table, is_required=is_required)
        for lack, rule in _lacks(table):
            every.append(_lack_finding(table, lack, rule, is_required=is_required))
            edges = (day_to_us(day, timezone=profile.timezone) for day in (lack.first, lack.last + 1))
            found_holes.append(Hole(name, *edges))
        for finding in every:
            findings.add(finding)
    for finding in _cross_findings(profile):
        findings.add(finding)
    return found_holes


def _start_day(table: TableProfile) -> int | None:
    """Return the first day of a table's history, placeholder and stray dates apart."""
    clock = table.clocks.get(table.time_column)
    days, rows = clock.table() if clock is not None else (np.empty(0, dtype=np.int64),) * 2
    return odd_days(days, rows).first if len(days) else None


def _lacks(table: TableProfile) -> Iterator[tuple[Lack, str]]:
    start = _start_day(table)
    if table.contract.kind != "events" or start is None:
        return
    days, rows = table.clocks[table.time_column].table()
    clock = DayCounts(table.timezone)
    clock.add(np.array([table.as_of]))
    # The day of as_of itself is not over, unless as_of is its first instant: then none of it was read.
    end = int(clock.latest_days[0])
    # What becomes known later than it happens is not there yet: those days are no lack.
    end -= _delay_days(table)
    inside = (days >= start) & (days < end)
    if not inside.any():
        return
    first, counts = filled_days(days[inside], rows[inside])
    whole = np.zeros(end - first)
    whole[: len(counts)] = counts
    found = holes(first, whole)
    yield from ((lack, "data.gap") for lack in found)
    weak = weak_end(first, whole, end=end, holidays=_closing_days(end))
    if weak is not None and not any(lack.last >= weak.first for lack in found):
        yield weak, "data.last_days"
    low = last_day(first, whole, end=end) if weak is None and end - 1 not in _closing_days(end) else None
    if low is not None and not any(lack.last >= low.day for lack in found):
        yield Lack(low.day, low.day, low.count, round(low.expected), "warning", round(low.low)), "data.last_day_low"


def _delay_days(table: TableProfile) -> int:
    total = np.cumsum(table.delay_bits)
    if not total[-1]:
        return 0
    longest_us = 2.0 ** int(np.searchsorted(total, 0.99 * total[-1]))
    return 0 if longest_us < DAY_US / 24 else int(np.ceil(longest_us / DAY_US))


def _closing_days(end: int) -> list[int]:
    """Return the days about Christmas and New Year among the fortnight before a day."""
    days = range(end - 14, end)
    return [day for day in days if day_to_date(day).strftime("%m-%d") in {"12-24", "12-25", "12-26", "12-31", "01-01"}]


def _lack_finding(table: TableProfile, lack: Lack, rule: str, *, is_required: bool) -> Finding:
    severity: Severity = lack.severity if is_required else "warning"
    n_lacking, n_rows = max(lack.expected - lack.count, 1), sum(seen.rows for seen in table.files.values())
    figures: dict[str, object] = {
        "first": day_to_date(lack.first),
        "last": day_to_date(lack.last),
        "found": lack.count,
        "expected": max(lack.expected, 1),
    }
    if rule == "data.last_day_low":
        figures |= {"low": lack.low}
    return _finding(table, rule, severity, table.contract.time, n_lacking, n_rows + n_lacking, figures)


def _finding(
    table: TableProfile,
    rule: str,
    severity: Severity,
    column: str,
    count: int,
    n_rows: int,
    figures: dict[str, object] | None = None,
    *,
    file: str | None = None,
) -> Finding:
    c = table.contract
    return Finding(rule, severity, c.name, file or c.file, column, count, n_rows, None, figures or {})


def _date_findings(table: TableProfile, *, is_required: bool) -> Iterator[Finding]:
    c = table.contract
    columns = {table.time_column: c.time, "ended_at": c.end, "planned_end": c.planned_end}
    as_of_day = table.as_of // DAY_US
    for name, clock in table.clocks.items():
        days, rows = clock.table()
        if name == "ended_at":
            is_open = days > as_of_day + _FAR_FUTURE_DAYS
            yield _finding(table, "data.open_end_date", "info", c.end, int(rows[is_open].sum()), int(rows.sum()))
            days, rows = days[~is_open], rows[~is_open]
        if not len(days):
            continue
        odd, total = odd_days(days, rows), int(rows.sum())
        place = (columns[name],)
        is_grave = is_required and name == table.time_column and odd.n_sentinel > _SENTINEL_ERROR_SHARE * total
        yield _finding(table, "data.sentinel_date", "error" if is_grave else "warning", *place, odd.n_sentinel, total)
        if name == "occurred_at" and total >= _FEW_ROWS and odd.n_stray <= _STRAY_SHARE * total:
            yield _finding(table, "data.stray_date", "warning", *place, odd.n_stray, total)
        if name != "planned_end" and c.kind != "calendar":
            yield _finding(table, "data.date_spike", "warning", *place, odd.n_spike, total)


def _file_findings(table: TableProfile, profile: HistoryProfile) -> Iterator[Finding]:
    files = dict(sorted(table.files.items()))
    before = profile.previous.get(table.contract.name, {})
    if table.contract.currency:
        n_rows = sum(seen.rows for seen in files.values())
        yield _finding(table, "data.currency_other", "error", table.contract.currency, table.n_other_currency, n_rows)
    for file, seen in files.items():
        if file in before and seen.rows < before[file].rows:
            lost = before[file].rows - seen.rows
            figures: dict[str, object] = {
                "rows": seen.rows,
                "before": before[file].rows,
                "drop": lost / before[file].rows,
            }
            place = (table.contract.time or table.contract.id, lost, before[file].rows)
            yield _finding(table, "data.volume_drop", "error", *place, figures, file=file)
        others = (each.columns for each in files.values() if each.columns)
        reference = before[file].columns if file in before else next(others, {})
        for rule, severity, names in (
            ("data.columns_changed", "info", sorted(seen.columns.keys() - reference.keys())),
            ("data.columns_vanished", "warning", sorted(reference.keys() - seen.columns.keys())),
        ):
            if names and reference and seen.columns:
                figures = {"names": ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")}
                yield _finding(table, rule, severity, names[0], len(names), len(reference), figures, file=file)  # type: ignore[arg-type]


def _cross_findings(profile: HistoryProfile) -> Iterator[Finding]:
    customers = next((t for t in profile.tables.values() if t.contract.kind == "customers"), None)
    others = [t for t in profile.tables.values() if t.contract.kind in {"events", "spells"}]
    for table in [*others, *([customers] if customers else [])]:
        n_rows = sum(seen.rows for seen in table.files.values())
        count = max(n_variants(table, None), n_variants(table, customers) if customers else 0)
        yield _finding(table, "data.id_variants", "warning", table.contract.id, count, n_rows)
    if customers is None or not len(customers.ids.keys):
        return
    for table in others:
        start = _start_day(table)
        if start is None:
            continue
        found = orphans(table, customers, start=start * DAY_US)
        figures: dict[str, object] = {"early": round(found.first.share, 4), "late": round(found.last.share, 4)}
        place = (table.contract.id, found.n_missing, found.n_customers)
        yield _finding(table, "data.orphans", "warning", *place, figures)
        if found.are_the_departed:
            yield _finding(table, "data.survivors_only", "warning", *place, figures)
    if others:
        n_all = len(customers.ids.keys) * customers.ids.scale
        yield _finding(
            customers,
            "data.customers_without_rows",
            "info",
            customers.contract.id,
            n_without_rows(customers, others),
            n_all,
        )
