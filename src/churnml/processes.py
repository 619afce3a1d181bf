"""Which processes are there, which hold a file, and one run of a project at a time."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churnml.errors import EnvironmentFault
from churnml.storage import as_fault

__all__ = ["RUN_LOCK", "descendants", "end_all", "holders", "is_alive", "run_lock"]

RUN_LOCK = Path(".churnml") / "run.lock"
"""Held by a run, and by DVC under it, until the last of them is gone."""

_PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Return whether a process is there; one that ended and was not waited for is not."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int | str) -> list[str]:
    """Return what the kernel says of a process behind its name: state, parent and more; nothing where it is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _numbers() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(_PROC) if name.isdigit())
    except OSError:
        return []


def holders(path: Path) -> list[int]:
    """Return the processes that have a file open, as far as this user may know."""
    wanted, found = path.resolve().as_posix(), []
    for pid in _numbers():
        with suppress(OSError):
            folder = _PROC / str(pid) / "fd"
            if any(os.readlink(folder / name) == wanted for name in os.listdir(folder)):
                found.append(pid)
    return found


def descendants(pid: int) -> list[int]:
    """Return the processes below another, the nearest first."""
    parents = {each: stat[1] for each in _numbers() if len(stat := _stat(each)) > 1}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == str(each)]
    return found[1:]


def end_all(pids: Iterable[int], *, patience: float = 10.0) -> None:
    """Ask processes to end, and end those without asking that are still there after some seconds."""
    left = list(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        give_up = time.monotonic() + patience
        while left and time.monotonic() < give_up:
            left = [pid for pid in left if is_alive(pid)]
            time.sleep(0.02)


@contextmanager
def run_lock(root: Path) -> Iterator[int]:
    """Keep other runs of a project out; yields the descriptor, for children to hold it as well.

    Raises
    ------
    EnvironmentFault
        At once, if another run is at work, naming its process; or if the folder cannot be written.
    """
    path = root / RUN_LOCK
    with as_fault(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _is_busy(path) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_busy(path: Path) -> EnvironmentFault:
    """Name who began the run, or who of it is left."""
    others = [pid for pid in holders(path) if pid != os.getpid()]
    with suppress(OSError, ValueError, KeyError, TypeError):
        began = int(json.loads(path.read_text())["pid"])
        others = [began] if is_alive(began) else others
    whose = f"process {others[0]}" if others else "a process of another machine or user"
    return EnvironmentFault(
        f"another run of this project is at work: {whose}",
        rule="environment.run_lock",
        file=RUN_LOCK.as_posix(),
        next_step="Wait for it or end it, then run again.",
    )
