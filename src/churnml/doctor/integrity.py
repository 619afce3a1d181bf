"""Whether files of our own are what was written: by the digests in manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from churnml.doctor.findings import DATA, MODEL, Ailment
from churnml.errors import DataError
from churnml.histories.store import CONTACTS
from churnml.storage import digest_file, read_json, read_sealed_json

__all__ = ["look_at_lists", "look_at_models", "look_at_prepared"]


def look_at_prepared(folder: Path) -> Iterator[Ailment]:
    """Yield the tables of the prepared store whose files are not those of its manifest."""
    if not folder.is_dir():
        return
    name = folder.name
    try:
        tables = read_sealed_json(folder / "manifest.json")["tables"]
    except (DataError, KeyError):
        yield Ailment("doctor.prepared", f"the manifest of {name} is damaged", _again(folder, "prepare"), DATA)
        return
    for table, entry in sorted(tables.items()):
        known = [each["sha256"] for key in ("files", "contact_files") for each in entry.get(key, ())]
        places = [folder / table, *([folder / CONTACTS] if entry.get("contact_files") else [])]
        found = [digest_file(path) for place in places for path in sorted(place.rglob("*.parquet"))]
        if sorted(known) != sorted(found):
            n_other = len(set(known) ^ set(found))
            what = f"{n_other:,} files of the prepared table {table} are not what was written"
            yield Ailment("doctor.prepared", what, _again(folder, "prepare"), DATA)


def _again(folder: Path, stage: str) -> str:
    return f"rm -rf data/{folder.name} && churnml run {stage}"


def look_at_models(folder: Path) -> Iterator[Ailment]:
    """Yield models whose trees are not those of their record."""
    for record in sorted(folder.glob("*/model.json")):
        command = f"rm -rf models/{record.parent.name} && churnml run train_{record.parent.name}"
        try:
            texts = read_json(record)["texts"]
            is_whole = all(digest_file(record.parent / name) == digest for name, digest in texts.items())
        except (DataError, KeyError, TypeError, OSError):
            is_whole = False
        if not is_whole:
            yield Ailment("doctor.model", f"the model {record.parent.name} is not what was written", command, MODEL)


def look_at_lists(folder: Path) -> Iterator[Ailment]:
    """Yield delivered lists of which a file is not that of the manifest."""
    for manifest in sorted(folder.glob("*/manifest.json")):
        command = "rm -rf data/lists && churnml run campaign"
        try:
            files: dict[str, Any] = read_json(manifest)["files"]
            changed = [name for name, each in files.items() if digest_file(manifest.parent / name) != each["sha256"]]
        except (DataError, KeyError, TypeError, OSError):
            changed = ["manifest.json"]
        if changed:
            what = f"{len(changed):,} files of the list {manifest.parent.name} are not what was written"
            yield Ailment("doctor.list", what, command, DATA)


def stale_stages(status: str) -> list[str]:
    """Return the stages that ``dvc status --json`` calls out of date, apart from those that always run."""
    try:
        found = json.loads(status or "{}")
    except ValueError:
        return []
    return sorted(name for name, why in found.items() if why != ["always changed"])
