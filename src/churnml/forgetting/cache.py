"""DVC's cache: objects that hold a person, folders that name such objects, and runs that would bring them back."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from churnml.forgetting.seeing import perhaps_holds
from churnml.forgetting.traces import Traces

__all__ = ["clean_cache", "objects_of"]

_DIGEST = re.compile(r"[0-9a-f]{30}(\.dir)?")


def objects_of(cache: Path) -> Iterator[Path]:
    """Yield the objects of a cache, those of older versions of DVC too."""
    for folder in (cache / "files" / "md5", cache):
        for path in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
            if _DIGEST.fullmatch(path.name) and path.is_file():
                yield path


def clean_cache(cache: Path, traces: Traces) -> int:
    """Remove what holds the persons, and whatever leads to it; returns how many files.

    A folder's object names the objects of its files; the record of a run names what the run made. Both would make DVC
    look for what is gone, or say that a stage need not run.

    Parameters
    ----------
    cache : Path
        ``.dvc/cache``.
    traces : Traces
    """
    gone: set[str] = set()
    folders: list[Path] = []
    for path in objects_of(cache):
        if path.name.endswith(".dir"):
            folders.append(path)
        if perhaps_holds(path, traces):
            gone.add(_digest(path))
            path.unlink()
    for path in folders:
        if path.exists() and not gone.isdisjoint(_named(path)):
            gone.add(_digest(path))
            path.unlink()
    return len(gone) + sum(_forget_run(path, gone, traces) for path in sorted((cache / "runs").glob("*/*/*")))


def _digest(path: Path) -> str:
    return path.parent.name + path.name


def _named(path: Path) -> set[str]:
    """Return the objects that a folder's object names."""
    try:
        return {str(entry["md5"]) for entry in json.loads(path.read_bytes())}
    except (ValueError, KeyError, TypeError):
        return set()


def _forget_run(path: Path, gone: Collection[str], traces: Traces) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if not any(digest in text for digest in gone) and not traces.in_text(text):
        return False
    path.unlink()
    return True
