"""Locks that are held, locks that nobody holds any more, and what an interrupted run left behind."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from churnml.doctor.findings import NOTE, Ailment

__all__ = ["is_running", "look_at_locks", "look_for_leftovers"]

_TEMP = re.compile(r"\.+.+\.[0-9a-f]{16}\.tmp|\.(check|init|score|prepare)-.*")
_SWEEP = (
    r"find . -path ./.dvc -prune -o -regextype posix-extended "
    r"-regex '.*/(\.+[^/]+\.[0-9a-f]{16}\.tmp|\.(check|init|score|prepare)-[^/]*)' -prune -exec rm -rf {} +"
)
_PLACES = ("data", "models", "reports", ".churnml", ".")


def look_at_locks(root: Path) -> Iterator[Ailment]:
    """Yield which locks of DVC and of the tracking store are held, and which belong to nobody."""
    for name, whose in ((".dvc/tmp/lock", "DVC"), ("mlartifacts/.lock", "the tracking store")):
        if _is_held(root / name):
            yield Ailment(
                "doctor.lock", f"{whose} is at work, or a process that is not gone holds its lock", f"fuser -v {name}"
            )
    table = root / ".dvc" / "tmp" / "rwlock"
    try:
        entries = json.loads(table.read_text() or "{}") if table.is_file() else {}
    except ValueError:
        yield Ailment("doctor.rwlock", "DVC's table of locks cannot be read", "rm .dvc/tmp/rwlock")
        return
    pids = set(_pids(entries))
    if pids and not any(map(_is_alive, pids)):
        yield Ailment("doctor.rwlock", "DVC's table of locks names processes that are gone", "rm .dvc/tmp/rwlock")


def is_running(root: Path) -> bool:
    """Return whether a process that is alive runs a stage, by DVC's table of locks."""
    try:
        entries = json.loads((root / ".dvc" / "tmp" / "rwlock").read_text() or "{}")
    except (OSError, ValueError):
        return False
    return any(map(_is_alive, _pids(entries)))


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


def _is_alive(pid: int) -> bool:
    """Return whether a process is there; one that ended and was not waited for is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def look_for_leftovers(root: Path) -> Iterator[Ailment]:
    """Yield temporary files and folders of runs that were killed; names alone, by the writer's own pattern."""
    found: list[Path] = []
    for place in _PLACES:
        folder = root / place
        if not folder.is_dir():
            continue
        inside = folder.iterdir() if place == "." else folder.rglob("*")
        found += [path for path in inside if _TEMP.fullmatch(path.name)]
    if found:
        where = sorted({path.parent.relative_to(root).as_posix() for path in found})[0]
        what = f"{len(found):,} temporary files or folders of killed runs, the first in {where}"
        yield Ailment("doctor.leftovers", what, _SWEEP, NOTE)
