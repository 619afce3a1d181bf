"""The record of promotions, kept in Git: which files became champion, by which digest, who approved them, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churnml.errors import ModelError
from churnml.storage import new_file

__all__ = ["PROMOTIONS", "add_promotion", "promoted_digest", "promotions", "require_approved", "require_promoted"]

PROMOTIONS = Path("models") / "promotions.jsonl"
"""One line a promotion."""


def promotions(root: Path, model: str | None = None) -> list[dict[str, Any]]:
    """Return the lines of the record, the oldest first; of one model, or of all.

    Raises
    ------
    ModelError
        If a line is not one of ours.
    """
    path = root / PROMOTIONS
    if not path.exists():
        return []
    texts = path.read_text(encoding="utf-8").splitlines()
    lines = [_line(text, number) for number, text in enumerate(texts, start=1)]
    return [line for line in lines if model is None or line["model"] == model]


def _line(text: str, number: int) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(text)
        if isinstance(line["model"], str) and isinstance(line["digest"], str):
            return line
    except (ValueError, TypeError, KeyError):
        pass
    raise ModelError(
        "not a line of the record of promotions",
        rule="model.promotions",
        file=PROMOTIONS.as_posix(),
        line=number,
        next_step="Restore the file from Git.",
    )


def add_promotion(root: Path, line: Mapping[str, Any]) -> None:
    """Add a line to the record."""
    path = root / PROMOTIONS
    before = path.read_bytes() if path.exists() else b""
    with new_file(path) as temp:
        temp.write_bytes(before + json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def promoted_digest(root: Path, model: str) -> str | None:
    """Return the digest of the ``model.json`` that was promoted last, or None where none was."""
    lines = promotions(root, model)
    return str(lines[-1]["digest"]) if lines else None


def require_promoted(root: Path, digests: Mapping[str, str]) -> None:
    """Refuse a champion that is not the one promoted last: an alias can be moved by whoever reaches the registry.

    Without a record nothing is refused: the first champion of a project is named by its gate.

    Parameters
    ----------
    root : Path
    digests : mapping of str to str
        Digest of ``model.json`` by model.

    Raises
    ------
    ModelError
        If a digest differs from the record's.
    """
    for model, digest in digests.items():
        expected = promoted_digest(root, model)
        if expected is not None and expected != digest:
            raise ModelError(
                f"the registry's champion of {model} ({digest[:12]}) is not the one that was promoted "
                f"({expected[:12]})",
                rule="model.not_promoted",
                file=PROMOTIONS.as_posix(),
                next_step=f"Promote it with churnml promote {model}, or set the alias back.",
            )


def require_approved(root: Path, digests: Mapping[str, str]) -> None:
    """Refuse a model that nobody has approved by name; parameters as :func:`require_promoted`.

    Raises
    ------
    ModelError
        If the record has no approval of a model with this digest.
    """
    for model, digest in digests.items():
        if not any(line["digest"] == digest and line.get("approved_by") for line in promotions(root, model)):
            raise ModelError(
                f"nobody has approved this {model} model ({digest[:12]}), and promotion.require_approval asks for it",
                rule="model.not_approved",
                file=PROMOTIONS.as_posix(),
                next_step=f"Read its card, then churnml promote {model} --approved-by NAME.",
            )
