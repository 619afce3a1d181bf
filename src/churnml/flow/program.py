"""Which program a result was made by."""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable

from churnml import __version__
from churnml.storage import digest_bytes

__all__ = ["code_identity"]

_CODE = (".py", ".json", ".j2", ".js", ".css")


def code_identity() -> dict[str, str]:
    """Return the version of the program, and one digest of its files."""
    return {"version": __version__, "sha256": _code_digest()}


def _code_digest() -> str:
    """Return one digest of every file of the package, by its name and content."""
    total = hashlib.sha256()
    for name, file in sorted(_files(resources.files("churnml"), "")):
        total.update(f"{name}\0{digest_bytes(file.read_bytes())}\n".encode())
    return total.hexdigest()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_CODE):
            found.append((prefix + entry.name, entry))
    return found
