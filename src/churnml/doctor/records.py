"""The tracking store: whether it is whole, of the schema that the installed MLflow has, and without unfinished runs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import util
from pathlib import Path

from churnml.doctor.findings import MODEL, NOTE, Ailment

__all__ = ["look_at_records", "newest_schema"]

_REVISION = re.compile(r"^(down_revision|revision)\s*=\s*[\"']([0-9a-f]+)[\"']", re.MULTILINE)
_UPGRADE = "mlflow db upgrade sqlite:///mlflow.db"


def look_at_records(root: Path) -> Iterator[Ailment]:
    """Yield what is wrong with the project's own store; a tracking server answers for itself."""
    path = root / "mlflow.db"
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"file:{path.as_posix()}?mode=ro", uri=True, timeout=5)) as store:
            yield from _looked_at(store)
    except sqlite3.Error:
        command = "mv mlflow.db mlflow.db.damaged && churnml run evaluate"
        yield Ailment("doctor.tracking", "the tracking store cannot be read", command, MODEL)


def _looked_at(store: sqlite3.Connection) -> Iterator[Ailment]:
    if store.execute("PRAGMA quick_check").fetchone() != ("ok",):
        command = "mv mlflow.db mlflow.db.damaged && churnml run evaluate"
        yield Ailment("doctor.tracking", "the tracking store is damaged", command, MODEL)
        return
    schema, newest = store.execute("SELECT version_num FROM alembic_version").fetchone(), newest_schema()
    if newest is not None and schema is not None and schema[0] != newest:
        yield Ailment("doctor.tracking_schema", "the tracking store is of another MLflow's schema", _UPGRADE, MODEL)
    (n_running,) = store.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()
    if n_running:
        # The next recording marks those as killed whose process is gone.
        what = f"{n_running:,} runs are called running in the tracking store"
        yield Ailment("doctor.unfinished_runs", what, "churnml run evaluate", NOTE)


def newest_schema() -> str | None:
    """Return the schema of the installed MLflow, without importing it: the revision that no other one builds on."""
    spec = util.find_spec("mlflow")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "store" / "db_migrations" / "versions"
    revisions: set[str] = set()
    built_on: set[str] = set()
    for path in sorted(folder.glob("*.py")):
        for key, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            (revisions if key == "revision" else built_on).add(value)
    heads = revisions - built_on
    return heads.pop() if len(heads) == 1 else None
