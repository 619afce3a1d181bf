"""The register of company changes: rows of the calendar tables that have begun, and crises that are declared."""

from __future__ import annotations

from churnml.config import Params
from churnml.flow.crises import crises_of
from churnml.histories.store import History, TableInfo
from churnml.relationship.impact.study import Change

__all__ = ["DECLARED", "changes_of", "register_of"]

DECLARED = "crises"
"""Stands for the table of a crisis that is declared in ``params.yaml``."""


def changes_of(history: History, params: Params | None = None) -> list[Change]:
    """Return the changes that have begun by the end of the history, the newest first.

    Parameters
    ----------
    history : History
    params : Params, optional
        Whose declared crises count among them.
    """
    found = [] if params is None else _declared(params, history)
    for info in history.of_kind("calendar"):
        table = history.read(info.name, 0)
        clocks = {
            name: table[name].cast("int64").to_pylist() if name in table.column_names else [None] * table.num_rows
            for name in ("occurred_at", "known_at", "ended_at")
        }
        for place, row in enumerate(table.to_pylist()):
            start, known, end = (clocks[name][place] for name in ("occurred_at", "known_at", "ended_at"))
            if start is not None and start <= history.as_of:
                announced = start if known is None else min(known, start)
                texts = (info.name, row.get("type") or "", row.get("scope") or "")
                found.append(Change(*texts, place + 1, announced, start, end, row.get("value")))
    return sorted(found, key=lambda change: (-change.start, change.table, change.row))


def register_of(history: History, change: Change) -> TableInfo:
    """Return the table that messages name: a crisis that is declared stands in none, and its scope was checked."""
    return history.tables.get(change.table) or next(iter(history.tables.values()))


def _declared(params: Params, history: History) -> list[Change]:
    return [
        Change(DECLARED, each.type, each.scope, each.row, min(each.known_at, each.start), each.start, each.end)
        for each in crises_of(params, None, known_by=history.as_of)
        if each.start <= history.as_of
    ]
