"""What a project consists of, as far as forgetting goes: what was delivered, what is made again, what is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from churnml.forgetting.rows import Columns

__all__ = ["Layout", "files_below", "layout_of"]

_NOT_OURS = {".git", ".hg", ".uv", "__pycache__", "node_modules"}
_KEPT_ROWS, _BACKTESTS = ".churnml/parts", ".churnml/backtests"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of a project.

    Parameters
    ----------
    root : Path
    raw : Path or None
        Folder of the histories.
    tables : mapping of Path to Columns
        Files of the histories by their contract; those with contact data come last.
    outs : tuple of Path
        Results of stages, which a run makes again.
    kept : tuple of Path
        Results that a run goes on from.
    """

    root: Path
    raw: Path | None
    tables: Mapping[Path, Columns]
    outs: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    caches: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Name what is kept only to be faster, each folder of which can go as a whole."""
        backtests = (path for path in sorted((self.root / _BACKTESTS).glob("*/*")) if path.is_dir())
        parts = (path for path in sorted((self.root / _KEPT_ROWS).glob("*")) if path.is_dir())
        object.__setattr__(self, "caches", (*backtests, *parts))

    @property
    def raw_is_made(self) -> bool:
        """Return whether a stage makes the histories: invents them, or reads a database."""
        return self.raw in self.outs

    def is_kept(self, path: Path) -> bool:
        """Return whether a run goes on from a file, so that it must not go as a whole."""
        records = [self.root / ".churnml", *self.kept]
        return any(path.is_relative_to(place) for place in records)


def layout_of(root: Path, *, raw: Path | None, tables: Mapping[Path, Columns]) -> Layout:
    """Return the layout of a project by its ``dvc.yaml``.

    Parameters
    ----------
    root : Path
    raw : Path or None
    tables : mapping of Path to Columns
    """
    path = root / "dvc.yaml"
    stages = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"] if path.is_file() else {}
    entries = [entry for name in sorted(stages) for entry in _entries(stages[name])]
    outs = tuple(root / name for name, options in entries if not options.get("persist"))
    kept = tuple(root / name for name, options in entries if options.get("persist"))
    return Layout(root, raw, tables, outs, kept)


def _entries(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part in ("outs", "metrics", "plots"):
        for entry in stage.get(part, []):
            if isinstance(entry, str):
                yield entry, {}
            else:
                yield from ((name, options or {}) for name, options in entry.items())


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder in order; nothing of environments, Git, or behind links."""
    if folder.is_file():
        yield folder
        return
    for place, names, files in os.walk(folder):
        if "pyvenv.cfg" in files:
            names.clear()
            continue
        names[:] = sorted(name for name in names if name not in _NOT_OURS)
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path
