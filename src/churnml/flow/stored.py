"""`churnml verify --store`: everything that is stored, hashed again and held against what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from churnml.doctor.findings import DATA, Ailment, exit_code_of, plain
from churnml.doctor.integrity import look_at_lists, look_at_models, look_at_prepared
from churnml.doctor.objects import look_at_cache, look_at_outputs
from churnml.errors import DataError
from churnml.storage import digest_file, read_json, write_json

__all__ = ["REPORT", "verify_store"]

REPORT = Path("reports") / "verify_store.json"


def verify_store(root: Path) -> list[Ailment]:
    """Return what is not what was written, and write the same to ``reports/verify_store.json``.

    Every byte is read: objects of DVC's cache by the digests they are named by, outputs by ``dvc.lock``, prepared
    tables, lists, exports and scores by their manifests, models by their records.

    Parameters
    ----------
    root : Path
        Project folder; nothing in it is changed but the report.

    Raises
    ------
    EnvironmentFault
        If the report cannot be written.
    """
    data = root / "data"
    found = [*look_at_cache(root), *look_at_outputs(root), *look_at_prepared(data / "prepared")]
    found += [*look_at_models(root / "models"), *look_at_lists(data / "lists")]
    found += [*_look_at_exports(root), *_look_at_scores(root, data / "scored")]
    write_json({"exit_code": exit_code_of(found), "findings": plain(found)}, root / REPORT)
    return found


def _look_at_exports(root: Path) -> Iterator[Ailment]:
    """Yield exports of which a file is not that of the manifest, those inside lists included."""
    data = root / "data"
    for manifest in sorted([*data.glob("exports/**/manifest.json"), *data.glob("lists/*/**/*/manifest.json")]):
        try:
            parts = _parts(read_json(manifest))
            is_whole = all(digest_file(manifest.parent / name) == digest for name, digest in parts.items())
        except (DataError, KeyError, TypeError, AttributeError, OSError):
            is_whole = False
        if not is_whole:
            place = manifest.parent.relative_to(root).as_posix()
            yield Ailment("doctor.export", f"the export {place} is not what was written", f"rm -rf {place}", DATA)


def _parts(manifest: dict[str, Any]) -> dict[str, str]:
    return {str(part["file"]): str(part["sha256"]) for part in (*manifest["parts"], manifest["rejected_file"])}


def _look_at_scores(root: Path, folder: Path) -> Iterator[Ailment]:
    """Yield scores that are not those of the manifest beside them."""
    for manifest in sorted(folder.glob("*.manifest.json")):
        scores = manifest.with_name(manifest.name.removesuffix(".manifest.json"))
        try:
            is_whole = digest_file(scores) == read_json(manifest)["sha256"]
        except (DataError, KeyError, TypeError, OSError):
            is_whole = False
        if not is_whole:
            place = scores.relative_to(root).as_posix()
            yield Ailment(
                "doctor.scores", f"{place} is not what its manifest says", f"rm {place}* && churnml score", DATA
            )
