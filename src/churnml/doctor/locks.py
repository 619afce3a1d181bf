"""Locks that are held, locks that nobody holds any more, and what an interrupted run left behind."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from churnml.doctor.findings import NOTE, Ailment
from churnml.processes import RUN_LOCK, holders, is_alive

__all__ = ["PLACES", "at_work", "living", "look_at_locks", "look_for_leftovers", "release_stale"]

_TEMP = re.compile(r"\.+.+\.[0-9a-f]{16}\.tmp|\.(check|init|score|prepare)-.*")
_DVC_LOCK, _TABLE = ".dvc/tmp/lock", ".dvc/tmp/rwlock"
PLACES = ("data", "models", "reports", ".churnml")
"""Folders of a project in which there may be temporary files of ours, besides the project's own."""


def look_at_locks(root: Path) -> Iterator[Ailment]:
    """Yield which locks of DVC and of the tracking store are held, and which belong to nobody."""
    for name, whose in (
        (_DVC_LOCK, "DVC"),
        ("mlartifacts/.lock", "the tracking store"),
        (RUN_LOCK.as_posix(), "a run"),
    ):
        if _is_held(root / name):
            yield Ailment(
                "doctor.lock", f"{whose} is at work, or a process that is not gone holds its lock", f"fuser -v {name}"
            )
    if (why := _stale_table(root)) is not None:
        yield Ailment("doctor.rwlock", f"DVC's table of locks {why}", "churnml unlock")


def _stale_table(root: Path) -> str | None:
    """Return why DVC's table of locks is nobody's any more, None where it is in use or empty."""
    table = root / _TABLE
    try:
        entries = json.loads(table.read_text() or "{}") if table.is_file() else {}
    except ValueError:
        return "cannot be read"
    pids = set(_pids(entries))
    return "names processes that are gone" if pids and not any(is_alive(pid) for pid in pids) else None


def living(root: Path) -> list[int]:
    """Return the processes in DVC's table of locks that are at work."""
    try:
        entries = json.loads((root / _TABLE).read_text() or "{}")
    except (OSError, ValueError):
        return []
    return sorted({pid for pid in _pids(entries) if is_alive(pid)})


def at_work(root: Path) -> list[int]:
    """Return the processes that hold a lock of DVC, its table's or its own."""
    lock = root / _DVC_LOCK
    return living(root) or (holders(lock) if _is_held(lock) else [])


def release_stale(root: Path) -> list[str]:
    """Remove DVC's table of locks where it is nobody's; returns what was removed.

    DVC counts a process that ended as alive until its parent has waited for it, which in a bare container nobody does;
    and it gives up at a table that a kill left half written. While DVC itself is at work, nothing is touched.
    """
    if _is_held(root / _DVC_LOCK) or _stale_table(root) is None:
        return []
    (root / _TABLE).unlink(missing_ok=True)
    return [_TABLE]


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _pids(entries: object) -> Iterator[int]:
    """Yield every process that a table of locks names, however deep."""
    if isinstance(entries, dict):
        if isinstance(entries.get("pid"), int):
            yield entries["pid"]
        for value in entries.values():
            yield from _pids(value)
    elif isinstance(entries, list):
        for value in entries:
            yield from _pids(value)


def look_for_leftovers(root: Path) -> Iterator[Ailment]:
    """Yield temporary files and folders of runs that were killed; names alone, by the writer's own pattern."""
    found: list[Path] = []
    for place in (*PLACES, "."):
        folder = root / place
        if not folder.is_dir():
            continue
        inside = folder.iterdir() if place == "." else folder.rglob("*")
        found += [path for path in inside if _TEMP.fullmatch(path.name)]
    if found:
        where = sorted({path.parent.relative_to(root).as_posix() for path in found})[0]
        what = f"{len(found):,} temporary files or folders of killed runs, the first in {where}"
        yield Ailment("doctor.leftovers", what, "churnml unlock", NOTE)
