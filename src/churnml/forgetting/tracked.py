"""The record of trainings: a person's words taken out of MLflow's own database, also out of its free pages."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from churnml.errors import EnvironmentFault
from churnml.forgetting.seeing import holds
from churnml.forgetting.traces import Traces

__all__ = ["clean_database", "registered_versions"]

_WAIT_SECONDS = 30


def clean_database(path: Path, traces: Traces) -> int:
    """Take the words out of every text of a SQLite database; returns how many cells.

    What SQLite has freed it leaves in the file, and a journal holds pages as they were: both are written anew.

    Parameters
    ----------
    path : Path
        Not there = nothing to do.
    traces : Traces

    Raises
    ------
    EnvironmentFault
        If the database is in use, or cannot be read.
    """
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    if not any(each.is_file() and holds(each, traces) for each in (path, *beside)):
        return 0
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as store:
            store.execute("PRAGMA secure_delete = ON")
            store.execute("BEGIN IMMEDIATE")
            n_cells = sum(_clean_table(store, name, traces) for name in _tables(store))
            store.execute("COMMIT")
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            store.execute("VACUUM")
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise EnvironmentFault(
            "the record of trainings is in use, or damaged",
            rule="environment.tracking",
            file=path.name,
            next_step="Stop what uses it (make ui, a server), or see churnml doctor; then run again.",
        ) from error
    return n_cells


def _tables(store: sqlite3.Connection) -> list[str]:
    found = store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in found.fetchall()]


def _clean_table(store: sqlite3.Connection, table: str, traces: Traces) -> int:
    n_cells, quoted = 0, _quoted(table)
    columns = [row[1] for row in store.execute(f"PRAGMA table_info({quoted})")]
    for column in map(_quoted, columns):
        # Names come from the database itself, quoted as SQLite quotes them.
        texts = store.execute(f"SELECT DISTINCT {column} FROM {quoted} WHERE typeof({column}) = 'text'").fetchall()  # noqa: S608
        for (text,) in texts:
            clean = traces.scrubbed(text)
            if clean != text:
                done = store.execute(f"UPDATE OR IGNORE {quoted} SET {column} = ? WHERE {column} = ?", (clean, text))  # noqa: S608
                n_cells += done.rowcount
    return n_cells


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def registered_versions(path: Path) -> list[str]:
    """Return the versions of models in the registry, as ``name/number``; none where there is no database to read."""
    try:
        with closing(sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True, timeout=_WAIT_SECONDS)) as store:
            asked = "SELECT name, version FROM model_versions WHERE current_stage <> 'Deleted_Internal' ORDER BY 1, 2"
            return [f"{name}/{version}" for name, version in store.execute(asked)]
    except sqlite3.Error:
        return []
