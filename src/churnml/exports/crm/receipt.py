"""What was sent against what a CRM says it took: sent = accepted + rejected + missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from churnml.errors import ConfigError
from churnml.exports.crm.folder import MANIFEST
from churnml.exports.crm.read_back import read_cells
from churnml.exports.crm.receipt_files import Said, Tell, read_receipt
from churnml.storage import digest_fault, digest_file, read_json

__all__ = ["reconcile"]

_NAMED = 1000
"""So many places of each kind are named; their number is always whole."""

Place = dict[str, Any]


def reconcile(
    folder: Path, files: Sequence[Path], *, tell: Tell | None = None, rest_accepted: bool = False
) -> dict[str, Any]:
    """Reconcile an export with the receipts of its target.

    Parameters
    ----------
    folder : Path
        Folder of one target, with ``manifest.json``.
    files : sequence of Path
        Success and error files; several together tell of one export.
    tell : Tell, optional
        How to read files whose headers are not known.
    rest_accepted : bool, optional
        The files tell of errors alone: who is not in them was accepted.

    Returns
    -------
    dict
        Counts, codes of the errors, and where what does not add up stands, by file and row and without values.
        ``adds_up`` is whether every row of the receipts is somebody's of the list, with one outcome.

    Raises
    ------
    ConfigError
        If the target tells of no single rows: an audience.
    DataError
        If a file cannot be read, or the export is not what was written.

    Notes
    -----
    A record that one file rejects and another accepts counts as accepted and is named: a second try is usual, but it
    is to be looked at.
    """
    manifest = read_json(folder / MANIFEST)
    column = _key_column(manifest)
    sent = _sent(folder, manifest, column)
    tell = tell or Tell()
    said = [
        one
        for file in files
        for one in read_receipt(file, key=column["header"], ids_too=_is_record_id(manifest, column), tell=tell)
    ]
    found = _compare(sent, said, column, rest_accepted)
    missing = [sent[key] for key in sent if key not in found["outcome"]]
    accepted = sum(found["outcome"].values())
    counts = {
        "sent": len(sent),
        "accepted": accepted,
        "rejected": len(found["outcome"]) - accepted,
        "missing": len(missing),
        "unmatched": len(found["unmatched"]),
        "duplicates": len(found["duplicates"]),
        "contradictions": len(found["contradictions"]),
        "created": sum(one.created for one in said),
    }
    return {
        "target": manifest["target"],
        "campaign": manifest["campaign"],
        "as_of": manifest["as_of"],
        "mode": manifest["mode"],
        "counts": counts,
        "adds_up": not (counts["unmatched"] or counts["contradictions"]),
        "rejected_by_code": dict(sorted(Counter(one.code for one in said if not one.accepted).items())),
        "missing_rows": missing[:_NAMED],
        **{f"{name}_rows": found[name][:_NAMED] for name in ("unmatched", "duplicates", "contradictions")},
        "receipts": [{"file": file.name, "sha256": digest_file(file)} for file in files],
    }


def _key_column(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    for column in manifest["columns"]:
        if column.get("key"):
            return column  # type: ignore[no-any-return]
    raise ConfigError(
        "the target tells of no single rows", rule="config.receipt", file=str(manifest["target"]),
        next_step="An audience has no receipt; look at its size at the platform.",
    )  # fmt: skip


def _is_record_id(manifest: Mapping[str, Any], column: Mapping[str, Any]) -> bool:
    return bool(manifest["mode"] == "update" and column["kind"] == "id")


def _sent(folder: Path, manifest: Mapping[str, Any], column: Mapping[str, Any]) -> dict[str, Place]:
    """Return key -> place of every row that was sent."""
    at = [entry["header"] for entry in manifest["columns"]].index(column["header"])
    sent: dict[str, Place] = {}
    for part in manifest["parts"]:
        path = folder / part["file"]
        if not path.is_file() or digest_file(path) != part["sha256"]:
            raise digest_fault(part["file"])
        for line, cells in list(read_cells(path))[1:]:
            sent[_key(cells[at], column)] = {"file": part["file"], "row": line}
    return sent


def _key(text: str, column: Mapping[str, Any]) -> str:
    if column["kind"] == "email":
        return text.strip().casefold()
    return text.strip()[: column.get("significant") or None]


def _compare(
    sent: Mapping[str, Place], said: Sequence[Said], column: Mapping[str, Any], rest_accepted: bool
) -> dict[str, Any]:
    outcome: dict[str, bool] = {}
    places: dict[str, list[Place]] = {"unmatched": [], "duplicates": [], "contradictions": []}
    for one in said:
        key, place = _key(one.key, column), {"file": one.file, "row": one.line}
        if not key or key not in sent:
            places["unmatched"].append(place)
        elif key not in outcome:
            outcome[key] = one.accepted
        else:
            places["duplicates"].append(place)
            if outcome[key] != one.accepted:
                places["contradictions"].append(place)
            outcome[key] |= one.accepted
    if rest_accepted:
        outcome = dict.fromkeys(sent, True) | outcome
    return {"outcome": outcome, **places}
