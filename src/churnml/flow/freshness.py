"""Are the tables as fresh as agreed: a stale one stops a scoring run, or marks what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churnml.config import Params
from churnml.errors import DataError
from churnml.histories.freshness import Freshness, freshness_of
from churnml.histories.store import History

__all__ = ["fresh_facts", "freshness", "require_fresh", "stale_tables"]


def freshness(params: Params, history: History) -> list[Freshness]:
    """Return the age of every table against its ``max_age_days``."""
    return freshness_of(history, {name: table.max_age_days for name, table in params.histories.tables.items()})


def require_fresh(params: Params, history: History) -> list[Freshness]:
    """Return the age of every table; refuse to go on with one that is too old, unless it is only to be marked.

    Raises
    ------
    DataError
        Naming the first such table, its column, and how old it is.
    """
    found = freshness(params, history)
    stale = [table for table in found if table.is_stale]
    if stale and params.monitoring.when_stale == "fail":
        raise _stale(stale, params)
    return found


def _stale(stale: Sequence[Freshness], params: Params) -> DataError:
    first = stale[0]
    limit = f"histories.tables.{first.table}.max_age_days is {first.max_age_days:g}"
    age = "no row at all" if first.age_days is None else f"the newest row is {first.age_days:.1f} days old"
    others = f"; also too old: {', '.join(table.table for table in stale[1:])}" if stale[1:] else ""
    table = params.histories.tables[first.table]
    column = getattr(table, "time", None) or getattr(table, "start", None) or getattr(table, "joined", None)
    return DataError(
        f"table {first.table}: {age} at histories.as_of ({params.histories.as_of}), and {limit}{others}",
        rule="data.stale",
        file=first.file,
        column=column,
        count=len(stale),
        next_step="Deliver the missing rows; or raise the limit, or write monitoring.when_stale: mark, to score all "
        "the same and have manifest and list marked as stale.",
    )


def stale_tables(params: Params, history: History) -> tuple[str, ...]:
    """Return the tables that are older than agreed, by name."""
    return tuple(table.table for table in freshness(params, history) if table.is_stale)


def fresh_facts(table: Freshness) -> dict[str, Any]:
    """Return the age of a table as plain values."""
    return {
        "table": table.table,
        "newest": table.newest,
        "age_days": None if table.age_days is None else round(table.age_days, 3),
        "max_age_days": table.max_age_days,
        "longest_pause_days": table.longest_pause_days,
        "is_stale": table.is_stale,
        "is_silent": table.is_silent,
    }
