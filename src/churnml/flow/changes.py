"""The register of company changes: rows of the calendar tables that have begun."""

from __future__ import annotations

from churnml.histories.store import History
from churnml.relationship.impact.study import Change

__all__ = ["changes_of"]


def changes_of(history: History) -> list[Change]:
    """Return the changes that have begun by the end of the history, the newest first."""
    found = []
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
