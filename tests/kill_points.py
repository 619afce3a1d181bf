"""Stages in processes of their own that can be killed, and every state of the disk that such a kill would leave.

Run as a program this is a nursery: it imports the stages once, without running anything, and forks a process for each
request, a line on its standard input. Whatever Python opens for writing, renames, removes, makes or syncs inside the
project is a write point: Python's own audit events say so, not a list of the places in which churnml writes.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from small_company import STAGES, arguments, few_trees, options, stage

from churnml.stage import ends_well
from churnml.storage import digest_file
from churnml.temporary import final_name

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"}
_UNITS_BELOW = {"data/lists"}
"""Outputs that are several results, each with a manifest of its own."""
_READ_AGAIN = {"data/holdouts", "data/simulated", "data/simulated_truth"}
"""Outputs that a stage looks at first: who was drawn stays drawn, and a folder of somebody else is not replaced."""


def outputs(name: str) -> list[str]:
    """Return the paths that a stage makes."""
    parts = [each for part in ("outs", "metrics", "plots") for each in STAGES[name].get(part, [])]
    return [each if isinstance(each, str) else next(iter(each)) for each in parts]


def inputs(name: str) -> list[str]:
    """Return the paths of data and models that a stage reads, and the parameters."""
    read = ["data/simulated" if path == "${histories.folder}" else path for path in STAGES[name].get("deps", [])]
    given = [options(name)["--params"]]
    return sorted({path for path in [*read, *given] if path.startswith(("data/", "models/", "params"))})


def furnish(folder: Path, name: str, source: Path, *, has_old: bool = False) -> None:
    """Make a project folder with what a stage reads, and with results of another time where these are wanted."""
    for path in inputs(name):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source / path, place) if (source / path).is_dir() else shutil.copy(source / path, place)
    for path in set(outputs(name)) - _READ_AGAIN if has_old else ():
        units = [f"{path}/{each.name}" for each in (source / path).iterdir()] if path in _UNITS_BELOW else [path]
        for unit in units:
            place = folder / unit if Path(unit).suffix else folder / unit / "old"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"old")


def made(folder: Path, name: str) -> dict[str, dict[str, str]]:
    """Return result -> file -> digest of what lies under final names; temporary names are left out."""
    found: dict[str, dict[str, str]] = {}
    for out in outputs(name):
        files = [folder / out] if (folder / out).is_file() else sorted((folder / out).rglob("*"))
        for path in files:
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and all(final_name(part) == part for part in inside.split("/")):
                rest = inside[len(out) + 1 :].split("/")
                unit = f"{out}/{rest[0]}" if out in _UNITS_BELOW and len(rest) > 1 else out
                found.setdefault(unit, {})[inside] = digest_file(path)
    return found


def partial(found: Mapping[str, Any], whole: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """Return the results that are neither whole, nor those of another time, nor absent."""
    return [unit for unit, files in found.items() if files not in (whole.get(unit), old.get(unit))]


def leftovers(folder: Path) -> list[str]:
    """Return every temporary name below a folder."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    return [name for name in names if final_name(name.rpartition("/")[2]) != name.rpartition("/")[2]]


@dataclass(slots=True)
class Nursery:
    """The program, running: stages are asked of it."""

    process: subprocess.Popen[str]

    def begin(self, name: str, folder: Path, states: Path | None = None, **more: int) -> int:
        """Start a stage in a folder; returns its process number."""
        asked = {"stage": name, "folder": str(folder), "states": states and str(states), **more}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """Wait for the stage begun last; returns its exit code, negative where a signal ended it."""
        return int(self.process.stdout.readline())

    def run(self, name: str, folder: Path, states: Path | None = None) -> int:
        """Run a stage to its end; ``states`` receives the folder as it was before every write."""
        self.begin(name, folder, states)
        return self.end()

    def run_full(self, name: str, folder: Path, **where: int) -> int:
        """Run a stage on a full disk: from a write point on (``full_at``), or for files longer than ``most`` bytes."""
        self.begin(name, folder, **where)
        return self.end()

    def run_capped(self, name: str, folder: Path, *, room: int) -> int:
        """Run a stage that may take so many bytes of addresses more than it has when it begins."""
        self.begin(name, folder, room=room)
        return self.end()

    def run_killed(self, name: str, folder: Path, *, after: float) -> int:
        """Run a stage and end it without a warning after so many seconds."""
        pid = self.begin(name, folder)
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
        return self.end()


@contextmanager
def nursery(*names: str) -> Iterator[Nursery]:
    """Yield a nursery that knows some stages."""
    command = [sys.executable, __file__, *names]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        process.stdout.readline()
        yield Nursery(process)
        process.stdin.close()


@dataclass(slots=True)
class _Camera:
    """Keeps the folder as it is before every write; other threads wait meanwhile."""

    folder: str
    states: Path
    n: int = 0
    _lock: Any = field(default_factory=threading.Lock)
    _owner: int = 0

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        if self._owner != threading.get_ident() and self._is_write(event, args):
            self.take()

    def take(self) -> None:
        with self._lock:
            self._owner = threading.get_ident()
            # What Arrow writes is no event, and may go on.
            with suppress(shutil.Error, FileNotFoundError):
                shutil.copytree(self.folder, self.states / f"{self.n:04}", symlinks=True)
            self.n += 1
            self._owner = 0

    def _is_write(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open" and isinstance(args[2], int) and args[2] & _WRITING:
            return _is_inside(args[0], self.folder)
        is_change = event in _CHANGES and _is_inside(args[0], self.folder)
        return is_change and os.path.lexists(args[0]) == (event != "os.mkdir")


def _is_inside(path: Any, folder: str) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(folder)


@dataclass(slots=True)
class _FullDisk:
    """Lets nothing be made or synced from a write point on; what is there can be renamed and removed."""

    folder: str
    left: int

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        writes = event == "os.mkdir" or (event == "open" and isinstance(args[2], int) and args[2] & _WRITING)
        if writes and _is_inside(args[0], self.folder):
            self.write()

    def write(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fill(disk: _FullDisk) -> None:
    sync = os.fsync

    def no_sync(descriptor: int) -> None:
        disk.write()
        sync(descriptor)

    os.fsync = no_sync
    sys.addaudithook(disk.see)


def _watch(camera: _Camera) -> None:
    from churnml import storage

    # Neither is an audit event.
    sync, exchange = os.fsync, storage.exchange

    def seen_sync(descriptor: int) -> None:
        camera.take()
        sync(descriptor)

    def seen_exchange(one: Path, other: Path) -> bool:
        camera.take()
        return exchange(one, other)

    os.fsync, storage.exchange = seen_sync, seen_exchange
    sys.addaudithook(camera.see)


def _child(asked: Mapping[str, Any]) -> int:
    os.chdir(asked["folder"])
    camera = _Camera(asked["folder"] + os.sep, Path(asked["states"])) if asked["states"] else None
    if camera:
        _watch(camera)
    if "full_at" in asked:
        _fill(_FullDisk(asked["folder"] + os.sep, asked["full_at"]))
    if "most" in asked:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["most"], asked["most"]))
    if "room" in asked:
        cap = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE") + asked["room"]
        resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    name = asked["stage"]
    with few_trees():
        code = ends_well(lambda: stage(name)(arguments(name)))
    if camera:
        camera.take()
    return code


def main(names: list[str]) -> int:
    for name in names:
        stage(name)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 99
            try:
                code = _child(json.loads(line))
            finally:
                os._exit(code)
        print(pid, file=out, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
