"""A CRM's receipts against the export they tell of: which folder, and where the result is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from churnml.errors import ConfigError, PrivacyError
from churnml.exports.crm.folder import MANIFEST
from churnml.exports.crm.receipt import reconcile
from churnml.exports.crm.receipt_files import Tell
from churnml.storage import read_json, write_json
from churnml.wording import words

__all__ = ["EXPORTS", "RECEIPTS", "check_receipts", "receipt_lines", "require_sums"]

EXPORTS = Path("data") / "exports"
"""Exports asked for by command: outside of what the pipeline makes, which a rerun replaces."""

RECEIPTS = Path("data") / "receipts"
"""Receipts, for the same reason."""

_LISTS = Path("data") / "lists"
_COUNTS = ("accepted", "rejected", "missing", "unmatched", "duplicates", "contradictions")


def check_receipts(
    files: Sequence[Path],
    *,
    root: Path,
    listed: Path | None = None,
    target: str | None = None,
    tell: Tell | None = None,
    rest_accepted: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Reconcile receipts with the export they tell of and keep the result.

    Parameters
    ----------
    files : sequence of Path
    root : Path
        Project folder.
    listed : Path, optional
        Folder of the export, or of the list it is in; None = the one export of ``target`` there is.
    target : str, optional
    tell, rest_accepted
        See :func:`churnml.exports.crm.receipt.reconcile`.

    Returns
    -------
    tuple of dict and Path
        The result, and ``data/receipts/<campaign>/<folder>/receipt.json`` that holds it.

    Raises
    ------
    ConfigError
        If there is no such export, or several.
    """
    folder = _export_folder(root, listed, target)
    found = reconcile(folder, files, tell=tell, rest_accepted=rest_accepted)
    path = root / RECEIPTS / found["campaign"] / folder.name / "receipt.json"
    write_json(found, path)
    return found, path


def receipt_lines(found: dict[str, Any], language: str) -> list[str]:
    """Return the result in sentences."""
    counts = found["counts"]
    sums = words("receipt.sums", language, **{name: counts[name] for name in ("sent", *_COUNTS[:3])})
    shown = [f"{words(f'receipt.{name}', language)}: {counts[name]:,}" for name in _COUNTS[3:] if counts[name]]
    codes = [f"  {code or '-'}: {n:,}" for code, n in found["rejected_by_code"].items()]
    return [sums, *shown, *codes]


def require_sums(found: dict[str, Any]) -> None:
    """Refuse receipts that do not add up.

    Raises
    ------
    PrivacyError
    """
    if found["adds_up"]:
        return
    counts = found["counts"]
    first = (found["unmatched_rows"] or found["contradictions_rows"])[0]
    raise PrivacyError(
        "rows are of nobody on the list, or of somebody with two outcomes",
        rule="export.receipt",
        file=first["file"],
        line=first["row"],
        count=counts["unmatched"] + counts["contradictions"],
        next_step="See receipt.json for the other rows; make sure that the files belong to this export.",
    )


def _export_folder(root: Path, listed: Path | None, target: str | None) -> Path:
    found = sorted({folder.resolve(): folder for folder in _candidates(root, listed) if _is_export(folder, target)})
    # Of several uses of one target, the one whose folder has that very name is meant.
    found = [folder for folder in found if folder.name == target] or found
    if len(found) == 1:
        return found[0]
    raise ConfigError(
        "no such export" if not found else "several exports could be meant",
        rule="config.receipt",
        column="--list",
        count=len(found),
        next_step="Name the folder of the export with --list, and its target with --target.",
    )


def _candidates(root: Path, listed: Path | None) -> Iterator[Path]:
    if listed is None:
        for base in (root / _LISTS, root / EXPORTS):
            yield from base.glob("*/*/")
        return
    for folder in (listed, root / _LISTS / listed, root / EXPORTS / listed):
        if folder.is_dir():
            yield folder
            yield from folder.glob("*/")


def _is_export(folder: Path, target: str | None) -> bool:
    if not (folder / MANIFEST).is_file():
        return False
    manifest = read_json(folder / MANIFEST)
    return "parts" in manifest and target in {None, manifest["target"], folder.name}
