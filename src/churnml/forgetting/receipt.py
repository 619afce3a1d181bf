"""What the receipt of a forgetting says: counts, keyed hashes, what is left to do; nobody's id."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from churnml.doctor.objects import cache_folder
from churnml.errors import ChurnmlError
from churnml.forgetting.sweep import Swept
from churnml.storage import digest_bytes, read_json, write_json
from churnml.wording import LANGUAGES, words

__all__ = ["RECEIPTS", "exports_of", "receipt_path", "sentence", "to_do", "write_receipt"]

RECEIPTS = Path("privacy") / "receipts"

ToDo = dict[str, Any]


def receipt_path(root: Path, *, at: date, hashes: Sequence[str]) -> Path:
    """Return where the receipt lies; one that was only begun is gone on with, no other is replaced."""
    name = f"{at.isoformat()}-{digest_bytes(''.join(sorted(hashes)).encode())[:12]}"
    for number in count(1):
        path = root / RECEIPTS / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
        if not path.exists() or read_json(path).get("state") == "begun":
            return path
    raise AssertionError


def write_receipt(value: Mapping[str, Any], path: Path) -> None:
    """Write a receipt for its owner alone."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    write_json(dict(value), path)


def sentence(swept: Swept, *, n_persons: int, n_left: int, language: str) -> str:
    """Return the one sentence that says what was done."""
    counts = swept.counts
    key = "forget.nothing" if not swept.found else "forget.incomplete" if n_left else "forget.done"
    rows, results = counts["sources"] + counts["kept"], counts["made"] + counts["caches"]
    stored = counts["objects"] + counts["record"]
    return words(key, language, n=n_persons, rows=rows, results=results, stored=stored, left=n_left)


def exports_of(root: Path, removed: Sequence[Path]) -> list[ToDo]:
    """Return to which targets the lists in some folders were given, by their manifests."""
    found = []
    for folder in removed:
        for path in sorted(folder.rglob("manifest.json")) if folder.is_dir() else ():
            try:
                said = read_json(path)
            except ChurnmlError:
                continue
            if isinstance(said, dict) and "target" in said:
                found.append({name: str(said.get(name)) for name in ("target", "campaign", "as_of")})
    return found


def to_do(root: Path, *, has_database: bool, exports: Sequence[ToDo], left: Sequence[str]) -> list[ToDo]:
    """Return what lies outside of what this project can change, each with what is to be done.

    Parameters
    ----------
    root : Path
    has_database : bool
        Whether the histories come from a database.
    exports : sequence of dict
        As :func:`exports_of` returns them.
    left : sequence of str
        Files of the project that are not ours to change.
    """
    items: list[ToDo] = [{"kind": "file", "where": name} for name in left]
    items += [{"kind": "export", "where": each["target"], **each} for each in exports]
    items += [{"kind": "database", "where": "histories.database"}] if has_database else []
    items += [{"kind": "remote", "where": name} for name in _remotes(root)]
    cache = cache_folder(root).resolve()
    items += [] if cache.is_relative_to(root.resolve()) else [{"kind": "cache", "where": str(cache)}]
    items += [{"kind": "tracking", "where": "MLFLOW_TRACKING_URI"}] if _is_served() else []
    items += [{"kind": "git", "where": ".git"}] if (root / ".git").exists() else []
    items.append({"kind": "backup", "where": ""})
    for item in items:
        item["what"] = {each: words(f"forget.to_do.{item['kind']}", each, where=item["where"]) for each in LANGUAGES}
    return items


def _remotes(root: Path) -> Iterator[str]:
    """Yield the names of DVC's remotes; their addresses may hold secrets."""
    names = set()
    for name in ("config", "config.local"):
        config = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            config.read(root / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        # DVC quotes a section as 'remote "name"'.
        names |= {part.strip("'").partition(" ")[2].strip('"') for part in config.sections() if "remote " in part}
    yield from sorted(names)


def _is_served() -> bool:
    return os.environ.get("MLFLOW_TRACKING_URI", "").startswith(("http:", "https:", "databricks"))
