"""Temporary files: closed to others while stages run, and gone afterwards, however a stage ended."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Results
from benchmarks.project import Project
from benchmarks.work import Work

_TEMP = "tmp"
_KEPT = ".churnml"
"""Where the stages remember how many rows each file had: private, and meant to stay."""


def watched(folder: Path, events: int, results: Results) -> None:
    project = Project(folder, Work.of(events), "temp")
    temp = project.root / _TEMP
    temp.mkdir(mode=0o755)
    readable: set[Path] = set()
    how = {"watch": lambda: readable.update(_readable(project.root)), "temp": temp}
    wall = project.prepare(**how).wall
    left = set(_temporary(project.root))
    for number in (signal.SIGTERM, signal.SIGKILL):
        project.prepare(kill_after=(0.6 * wall, number), may_fail=True, **how)
        if number == signal.SIGKILL:  # nobody can sweep before the next run
            project.prepare(**how)
        left |= set(_temporary(project.root))
    project.snapshots()
    wall = project.featurize(**how).wall
    project.featurize(kill_after=(0.6 * wall, signal.SIGTERM), may_fail=True, **how)
    left |= set(_temporary(project.root))
    for name, paths in (("temp_readable", readable), ("temp_left", left)):
        for path in sorted(paths)[:5]:
            print(f"  {name}: {path.relative_to(project.root)}")
        results.add(name, len(paths))
    project.remove()


def _temporary(root: Path) -> Iterator[Path]:
    """Yield what has a temporary name, or lies in the folder for temporary files."""
    for path in _walk(root):
        first, *inner = path.relative_to(root).parts
        in_temp = first == _TEMP and inner
        if in_temp or any(part.startswith(".") for part in (inner if first == _KEPT else [first, *inner])):
            yield path


def _readable(root: Path) -> Iterator[Path]:
    """Yield temporary files that other users may open: not private, nor below a private folder."""
    for path in _temporary(root):
        chain = [path, *(p for p in path.parents if p.is_relative_to(root) and p != root)]
        try:
            if path.is_file() and not any(_is_private(part) for part in chain):
                yield path
        except FileNotFoundError:  # renamed or removed meanwhile
            continue


def _is_private(path: Path) -> bool:
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        yield from (Path(folder) / name for name in (*folders, *files))
