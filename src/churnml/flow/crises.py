"""The register of crises: entries of the calendar tables that are one, and those declared in ``params.yaml``."""

from __future__ import annotations

from churnml.config import Params
from churnml.histories.crises import TYPES, Crisis
from churnml.histories.store import History
from churnml.timeline import parse_instant

__all__ = ["crises_of"]


def crises_of(params: Params, history: History | None, *, known_by: int) -> list[Crisis]:
    """Return the crises known by an instant, whenever they begin, the earliest first.

    Parameters
    ----------
    params : Params
    history : History or None
        With the calendar tables; None = only what is declared.
    known_by : int
        Microseconds.
    """
    found = [*_declared(params), *(_recorded(params, history, known_by=known_by) if history is not None else ())]
    known = [crisis for crisis in found if crisis.known_at <= known_by]
    return sorted(known, key=lambda crisis: (crisis.start, crisis.table, crisis.row))


def _declared(params: Params) -> list[Crisis]:
    zone = params.histories.timezone
    return [
        Crisis(
            each.name,
            each.type,
            each.severity,
            each.scope or "",
            start=parse_instant(each.start, timezone=zone),
            known_at=parse_instant(each.known_at or each.start, timezone=zone),
            end=None if each.end is None else parse_instant(each.end, timezone=zone),
            row=place,
        )
        for place, each in enumerate(params.crises.declared, start=1)
    ]


def _recorded(params: Params, history: History, *, known_by: int) -> list[Crisis]:
    """Return the entries of the calendar tables that are crises, as they stood at an instant."""
    kinds = {name: (name, "serious") for name in TYPES}
    kinds |= {name: (kind.type, kind.severity) for name, kind in params.crises.kinds.items()}
    found = []
    for info in history.of_kind("calendar"):
        table = history.read(info.name, 0)
        clocks = {
            name: table[name].cast("int64").to_pylist() if name in table.column_names else [None] * table.num_rows
            for name in ("occurred_at", "known_at", "superseded_at", "ended_at")
        }
        for place, row in enumerate(table.to_pylist()):
            start, known, replaced, end = (clocks[name][place] for name in clocks)
            kind = kinds.get((row.get("type") or "").strip())
            if kind is None or start is None or (replaced is not None and replaced <= known_by):
                continue
            name, scope = f"{row['type'].strip()}-{info.name}-{place + 1}", (row.get("scope") or "").strip()
            found.append(
                Crisis(name, *kind, scope, start, start if known is None else known, end, info.name, place + 1)
            )
    return found
