"""What a table says of one customer, in figures that can be counted again from the raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import TIME, category_column, number_column
from churnml.histories.store import TableInfo
from churnml.relationship.customer.rows import CustomerRows
from churnml.timeline import DAY_US

__all__ = ["attributes", "by_quarter", "contracts", "latest_rows", "table_summary", "tenure_days"]

_RECENT_DAYS = 365
_N_LEVELS = 3
_WIDE = pa.decimal128(38, 4)


def attributes(rows: CustomerRows) -> dict[str, Any]:
    """Return what the customers tables say of the customer: column -> text, number or day."""
    found: dict[str, Any] = {}
    for name in rows.of_kind("customers"):
        table, info = rows.tables[name], rows.infos[name]
        if not table.num_rows:
            continue
        row = table.slice(table.num_rows - 1, 1).to_pylist()[0]
        if row.get("joined") is not None:
            found["joined"] = _day(row["joined"])
        found |= _values(row, info)
    return found


def tenure_days(rows: CustomerRows) -> int | None:
    """Return for how many whole days the customer has been known: since they joined, else since their first row."""
    starts = []
    for name, table in rows.tables.items():
        column = {"customers": "joined", "events": "occurred_at", "spells": "started_at"}[rows.infos[name].kind]
        if column in table.column_names and table.num_rows - table[column].null_count:
            starts.append((rows.infos[name].kind != "customers", pc.min(table[column]).cast(pa.int64()).as_py()))
    if not starts:
        return None
    first = min(starts)[1] if any(not later for later, _ in starts) else min(start for _, start in starts)
    return max(0, int(rows.at - first) // DAY_US)


def table_summary(name: str, rows: CustomerRows) -> dict[str, Any]:
    """Return what a table of events or spells holds of the customer.

    Returns
    -------
    dict
        ``table``, ``kind``, ``rows``, ``first`` and ``last`` (ISO days), ``rows_365d``; with money ``amount``,
        ``amount_365d`` and ``refunded`` (decimal text); ``means`` of number columns; ``levels``: the most frequent
        levels of each category in the last 365 days with their counts.
    """
    table, info = rows.tables[name], rows.infos[name]
    clock = "started_at" if info.kind == "spells" else "occurred_at"
    recent = table.filter(pc.greater(table[clock].cast(pa.int64()), rows.at - _RECENT_DAYS * DAY_US))
    found: dict[str, Any] = {"table": name, "kind": info.kind, "rows": table.num_rows, "rows_365d": recent.num_rows}
    if not table.num_rows:
        return found
    found |= {"first": _day(pc.min(table[clock]).as_py()), "last": _day(pc.max(table[clock]).as_py())}
    if info.has_amount and info.kind == "events":
        found |= {"amount": _money(table["amount"]), "amount_365d": _money(recent["amount"])}
        found["refunded"] = _money(table["amount"], refunds=True)
    found["means"] = {column: pc.mean(table[number_column(column)]).as_py() for column in info.numbers}
    found["levels"] = {column: _levels(recent[category_column(column)]) for column in info.categories}
    return found


def _levels(column: pa.ChunkedArray) -> list[dict[str, Any]]:
    counts = pc.value_counts(column.drop_null().cast(pa.string()).combine_chunks()).to_pylist()
    counts.sort(key=lambda each: (-each["counts"], each["values"]))
    return [{"level": each["values"], "rows": each["counts"]} for each in counts[:_N_LEVELS]]


def contracts(name: str, rows: CustomerRows) -> list[dict[str, Any]]:
    """Return the spells of a table, newest first: start, end or planned end, fee, attributes, and why it ended."""
    info, found = rows.infos[name], []
    for row in reversed(rows.tables[name].to_pylist()):
        ended = row.get("ended_at")
        planned = row.get("planned_end")
        found.append(
            {
                "table": name,
                "start": _day(row["started_at"]),
                "end": ended and _day(ended),
                "planned_end": planned and _day(planned),
                "amount": _plain(row["amount"]) if row.get("amount") is not None else None,
                "end_reason": row.get("end_reason"),
                "values": _values(row, info),
            }
        )
    return found


def latest_rows(rows: CustomerRows, *, n: int, tables: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the newest events of all tables, newest first: day, table, amount and values."""
    found = []
    for order, name in enumerate(rows.of_kind("events")):
        if tables is not None and name not in tables:
            continue
        table, info = rows.tables[name], rows.infos[name]
        for place, row in enumerate(table.slice(max(0, table.num_rows - n)).to_pylist()):
            amount = row.get("amount")
            entry = {
                "day": _day(row["occurred_at"]),
                "table": name,
                "amount": None if amount is None else _plain(amount),
                "values": _values(row, info),
            }
            found.append(((row["occurred_at"], -order, place), entry))
    found.sort(key=lambda each: each[0], reverse=True)
    return [entry for _, entry in found[:n]]


def by_quarter(name: str, rows: CustomerRows, *, n_quarters: int = 12) -> list[dict[str, Any]]:
    """Return rows and money of an events table in each of the newest calendar quarters (UTC), oldest first."""
    table, info = rows.tables[name], rows.infos[name]
    if not table.num_rows:
        return []
    end = pa.scalar(rows.at, pa.int64()).cast(TIME).as_py()
    wanted = [_quarter_back(end.year, (end.month - 1) // 3, back) for back in range(n_quarters)][::-1]
    code = pc.add(pc.multiply(pc.year(table["occurred_at"]), 4), pc.subtract(pc.quarter(table["occurred_at"]), 1))
    found = []
    for year, quarter in wanted:
        some = table.filter(pc.equal(code, 4 * year + quarter))
        entry = {"quarter": f"{year}-Q{quarter + 1}", "rows": some.num_rows}
        if info.has_amount:
            entry["amount"] = _money(some["amount"])
        found.append(entry)
    first = next((place for place, entry in enumerate(found) if entry["rows"]), len(found))
    return found[first:]


def _quarter_back(year: int, quarter: int, back: int) -> tuple[int, int]:
    return divmod(4 * year + quarter - back, 4)


def _values(row: dict[str, Any], info: TableInfo) -> dict[str, Any]:
    stored = [(column, number_column(column)) for column in info.numbers]
    stored += [(column, category_column(column)) for column in info.categories]
    return {column: row[place] for column, place in stored if row.get(place) is not None}


def _day(instant: datetime) -> str:
    found: date = instant.date()
    return found.isoformat()


def _money(column: pa.ChunkedArray, *, refunds: bool = False) -> str:
    """Return the exact sum; of refunds, what was given back as a positive number."""
    units = column.drop_null().cast(_WIDE)
    if refunds:
        units = pc.negate(units.filter(pc.less(units, pa.scalar(Decimal(0), _WIDE))))
    return _plain(pc.sum(units).as_py() or Decimal(0))


def _plain(amount: Decimal) -> str:
    """Return an amount as text: cents at least, no zeros beyond them."""
    exact = amount.normalize()
    return f"{exact:f}" if exact.as_tuple().exponent < -2 else f"{amount:.2f}"  # type: ignore[operator]
