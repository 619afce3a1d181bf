"""How many rows and which columns each file had when all was well last; private, and no part of any result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from churnml.histories.profile import FileSeen, HistoryProfile
from churnml.storage import write_json

__all__ = ["read_ledger", "write_ledger"]

_PLACE = Path(".churnml") / "volumes.json"


def read_ledger(root: Path) -> dict[str, dict[str, FileSeen]]:
    """Return table -> file -> what was seen in the last run; nothing where there was none, or it cannot be read."""
    try:
        tables = json.loads((root / _PLACE).read_bytes())["tables"]
        return {
            str(table): {str(file): _seen(entry) for file, entry in files.items()} for table, files in tables.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _seen(entry: Mapping[str, object]) -> FileSeen:
    rows, columns = entry["rows"], entry["columns"]
    if not isinstance(rows, int) or not isinstance(columns, dict):
        raise TypeError
    return FileSeen(rows=rows, columns={str(name): str(kind) for name, kind in columns.items()})


def write_ledger(root: Path, profile: HistoryProfile) -> None:
    """Keep what was seen for the next run.

    Raises
    ------
    EnvironmentFault
        If the folder cannot be written.
    """
    tables = {
        name: {file: {"rows": seen.rows, "columns": seen.columns} for file, seen in table.files.items()}
        for name, table in profile.tables.items()
    }
    write_json({"tables": tables}, root / _PLACE)
