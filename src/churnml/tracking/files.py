"""The plain files a model consists of, and their digests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from churnml.errors import ModelError
from churnml.storage import digest_bytes, digest_file

__all__ = ["MODEL_FILES", "digest_tags", "model_digest", "refuse_other_files", "require_plain_files"]

MODEL_FILES = ("model.txt", "model.json", "card.md", "card.zh.md", "card.html")
"""What a model folder holds: trees as text, everything else as JSON, and cards for people.

Beside ``model.txt`` there may be further trees, ``model.<part>.txt``; ``model.json`` holds the digest of each.
"""

_REQUIRED = MODEL_FILES[:2]
_TREES = re.compile(r"model\.[a-z_]{1,32}\.txt")


def refuse_other_files(names: Iterable[str]) -> None:
    """Refuse a model of any other format, in particular one that runs code when it is loaded.

    Raises
    ------
    ModelError
        If a name is neither one of `MODEL_FILES` nor further trees, or a required one is missing.
    """
    given = set(names)
    others = sorted(name for name in given - set(MODEL_FILES) if not _TREES.fullmatch(name))
    if others:
        raise ModelError(
            "format not allowed: a model is " + ", ".join(MODEL_FILES) + " and nothing else",
            rule="model.format",
            file=others[0],
            count=len(others),
            next_step="Train the model with churnml; pickle, joblib and Python-function models are never loaded.",
        )
    for name in _REQUIRED:
        if name not in given:
            raise ModelError("file missing from the model", rule="model.file_missing", file=name)


def require_plain_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a model folder.

    Raises
    ------
    ModelError
        If the folder holds anything else than `MODEL_FILES` as ordinary text files.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    refuse_other_files(path.name for path in paths)
    for path in paths:
        if path.is_symlink() or not path.is_file() or b"\0" in path.read_bytes():
            raise ModelError("format not allowed: not an ordinary text file", rule="model.format", file=path.name)
    return {path.name: digest_file(path) for path in paths}


def model_digest(folder: Path) -> str:
    """Return one SHA-256 for what makes a model's predictions: `MODEL_FILES` without the cards.

    Raises
    ------
    ModelError
        If the folder holds anything else than `MODEL_FILES` as ordinary text files.
    """
    return _joined(require_plain_files(folder))


def _joined(digests: dict[str, str]) -> str:
    return digest_bytes("".join(f"{name} {digests[name]}\n" for name in _REQUIRED).encode())


def digest_tags(digests: dict[str, str]) -> dict[str, str]:
    """Return the digests as tags of a registered version."""
    return {"model_digest": _joined(digests)} | {f"sha256.{name}": digest for name, digest in digests.items()}
