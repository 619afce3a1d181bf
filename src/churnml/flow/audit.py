"""The audit log: models trained, promoted and approved, what was scored, listed, exported and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml import tracking
from churnml.campaign.record import record_facts
from churnml.campaign.told_store import told_files
from churnml.errors import ConfigError, DataError
from churnml.exports.tables import write_csv
from churnml.flow.list_files import RECORDS
from churnml.flow.promotions import promotions
from churnml.parquet import read_parquet
from churnml.storage import digest_file, read_json, write_json

__all__ = ["COLUMNS", "audit_log", "write_audit"]

COLUMNS = ("at", "what", "subject", "version", "digest", "who", "why", "rows", "where", "detail")
"""Columns of the log; ``at`` is when it happened, or of lists, scores and exports the date they are as of."""

Entry = dict[str, Any]
_RECEIPTS = Path("privacy") / "receipts"


def audit_log(root: Path) -> list[Entry]:
    """Return every entry, the oldest first; an entry has the keys :data:`COLUMNS`, and nobody's id.

    Parameters
    ----------
    root : Path
        The project's folder.

    Raises
    ------
    EnvironmentFault
        If the tracking store cannot be reached.
    ModelError
        If the record of promotions is damaged.
    """
    found = [*_trainings(root), *_promotions(root), *_scores(root), *_lists(root), *_outcomes(root), *_forgotten(root)]
    entries = [{name: entry.get(name) for name in COLUMNS} for entry in found]
    return sorted(entries, key=lambda entry: tuple(str(entry[name] or "") for name in COLUMNS))


def write_audit(root: Path, out: Path) -> int:
    """Write the log as CSV or JSON, by the file's ending; return how many entries it has.

    Raises
    ------
    ConfigError
        If the ending is another one; others as :func:`audit_log`.
    """
    if out.suffix not in {".csv", ".json"}:
        raise ConfigError(
            "not a name for an audit log", rule="config.audit", file=out.name, next_step="End it with .csv or .json."
        )
    entries = audit_log(root)
    if out.suffix == ".json":
        write_json(entries, out)
        return len(entries)
    texts = {name: pa.array([_cell(entry[name]) for entry in entries], pa.string()) for name in COLUMNS}
    write_csv(pa.table(texts), out, bom=True)
    return len(entries)


def _cell(value: object) -> str | None:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {part}" for key, part in value.items())
    return None if value is None else str(value)


def _trainings(root: Path) -> Iterator[Entry]:
    for version in tracking.registered(root):
        tags = version["tags"]
        yield {
            "at": version["at"],
            "what": "training",
            "subject": version["model"],
            "version": version["version"],
            "digest": tags.get("sha256.model.json"),
            "where": f"run {version['run_id']}",
            "detail": {"aliases": " ".join(version["aliases"]), **tags},
        }


def _promotions(root: Path) -> Iterator[Entry]:
    for line in promotions(root):
        yield {
            "at": line.get("at"),
            "what": "promotion",
            "subject": line["model"],
            "version": line.get("version"),
            "digest": line["digest"],
            "who": line.get("approved_by"),
            "why": line.get("why") or None,
            "where": "models/promotions.jsonl",
            "detail": {key: line.get(key) for key in ("before", "forced", "refusal")},
        }


def _scores(root: Path) -> Iterator[Entry]:
    for path, said in _manifests(root, root / "data" / "scored", "*.manifest.json"):
        yield {
            "at": said.get("as_of"),
            "what": "scores",
            "subject": said.get("model"),
            "version": said.get("model_version"),
            "digest": said.get("sha256"),
            "rows": said.get("rows"),
            "where": path,
        }


def _lists(root: Path) -> Iterator[Entry]:
    """Yield lists and exports by their manifests, and earlier lists by what was kept of their decisions."""
    seen = set()
    for path, said in _manifests(root, root / "data" / "lists", "**/manifest.json"):
        is_export = "target" in said
        rows = said["rows"]["written"] if is_export else said.get("counts", {}).get("contact")
        seen.add((said.get("campaign"), said.get("as_of")))
        yield {
            "at": said.get("as_of"),
            "what": "export" if is_export else "list",
            "subject": said.get("campaign"),
            "version": said.get("model_version"),
            "digest": digest_file(root / path),
            "rows": rows,
            "where": path,
            "detail": {key: said[key] for key in ("target", "policy_version", "config_digest") if said.get(key)},
        }
    for file in sorted((root / RECORDS).glob("*/*.parquet")):
        facts = record_facts(read_parquet(file))
        if (facts.get("campaign"), facts.get("as_of")) not in seen:
            yield {
                "at": facts.get("as_of"),
                "what": "list",
                "subject": facts.get("campaign"),
                "version": facts.get("model_version"),
                "digest": digest_file(file),
                "where": file.relative_to(root).as_posix(),
                "detail": {"policy_version": facts.get("policy_version")},
            }


def _outcomes(root: Path) -> Iterator[Entry]:
    """Yield what was told of contacts, an entry an import."""
    for path, facts in told_files(root):
        yield {
            "at": facts["told_on"],
            "what": "outcomes",
            "digest": digest_file(path),
            "rows": facts["rows"],
            "where": path.relative_to(root).as_posix(),
            "detail": {"sources": " ".join(facts["sources"])},
        }


def _forgotten(root: Path) -> Iterator[Entry]:
    for path, said in _manifests(root, root / _RECEIPTS, "*.json"):
        yield {
            "at": said.get("at") or Path(path).name[:10],
            "what": "forgetting",
            "digest": digest_file(root / path),
            "where": path,
            "detail": {"state": said.get("state")},
        }


def _manifests(root: Path, folder: Path, pattern: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield place and content of each readable file; a damaged one is the doctor's to tell."""
    for file in sorted(folder.glob(pattern)):
        try:
            said = read_json(file)
        except DataError:
            continue
        if isinstance(said, Mapping):
            yield file.relative_to(root).as_posix(), said
