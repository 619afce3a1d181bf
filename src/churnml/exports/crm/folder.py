"""One target's folder: its files, the rejected rows, and the manifest last; complete and valid, or absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.errors import PrivacyError
from churnml.exports.crm.audiences import audience_code, check_audience_name
from churnml.exports.crm.parts import write_parts
from churnml.exports.crm.rows import Filled, fill
from churnml.exports.crm.target import Layout, facts_of
from churnml.exports.crm.validate import validate
from churnml.exports.tables import write_csv
from churnml.storage import digest_file, new_folder, write_json
from churnml.wording import catalogue, words

__all__ = ["MANIFEST", "REJECTED", "Batch", "write_export"]

MANIFEST = "manifest.json"
REJECTED = "rejected.csv"


@dataclass(frozen=True, slots=True)
class Batch:
    """Where a list comes from.

    Parameters
    ----------
    campaign : str
    as_of : date
        Day of the scores.
    country : str
        Two letters: of telephone numbers whose customer's country is not known; empty = none.
    audience : str
        Name of a hashed audience; empty = a neutral code.
    versions : tuple of (str, str)
        Names and versions of what made the list, for the manifest.
    """

    campaign: str
    as_of: date
    country: str = ""
    audience: str = ""
    versions: tuple[tuple[str, str], ...] = ()


def write_export(rows: pa.Table, layout: Layout, folder: Path, batch: Batch) -> dict[str, Any]:
    """Write, read back and only then name the folder of one target.

    Parameters
    ----------
    rows : Table
        See :func:`churnml.exports.crm.rows.fill`.
    layout : Layout
    folder : Path
        Takes the place of an earlier folder of that name.
    batch : Batch

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    PrivacyError
        If an audience's name is not neutral, there are fewer people than the target takes, or the target's rules do
        not hold for what was written; then no folder is left.
    """
    audience = _audience(layout, batch)
    filled = fill(rows, layout, country=batch.country)
    if layout.least_rows > filled.table.num_rows:
        raise PrivacyError(
            f"fewer people than the {layout.least_rows} that this audience needs",
            rule="export.too_few", file=folder.name, count=filled.table.num_rows,
            next_step="Add people who agreed to this use, or take the target out.",
        )  # fmt: skip
    with new_folder(folder) as temp:
        names = write_parts(filled.table, layout, temp, stem=audience or layout.target, made=batch.as_of)
        write_csv(_rejected(filled), temp / REJECTED, bom=True)
        manifest = _manifest(filled, layout, batch, audience, temp, names)
        write_json(manifest, temp / MANIFEST)
        validate(temp, layout)
    return manifest


def _audience(layout: Layout, batch: Batch) -> str:
    if not layout.is_audience:
        return ""
    return check_audience_name(batch.audience or audience_code(batch.campaign, batch.as_of.isoformat()))


def _rejected(filled: Filled) -> pa.Table:
    """Return the rejected cells in both languages, for people; no value of theirs."""
    found = filled.rejects
    texts = {language: [words(f"crm_reason.{r.code}", language) for r in found] for language in ("en", "zh")}
    return pa.table(
        {
            "row": pa.array([r.row for r in found], pa.int64()),
            "customer_id": pa.array([r.customer_id for r in found], pa.string()),
            "column": pa.array([r.column for r in found], pa.string()),
            "reason": pa.array([r.code for r in found], pa.string()),
            "reason_en": pa.array(texts["en"], pa.string()),
            "reason_zh": pa.array(texts["zh"], pa.string()),
        }
    )


def _manifest(
    filled: Filled, layout: Layout, batch: Batch, audience: str, folder: Path, names: list[tuple[str, int]]
) -> dict[str, Any]:
    facts = facts_of(layout.target)
    return {
        "target": layout.target,
        "title": facts["title"],
        "edition": layout.edition,
        "mode": layout.mode,
        "campaign": batch.campaign,
        "as_of": batch.as_of.isoformat(),
        **dict(batch.versions),
        "rows": {
            "listed": filled.n_listed,
            "written": filled.table.num_rows,
            "rejected": filled.n_rejected,
            "withheld_without_consent": filled.n_withheld,
        },
        "rejected_by_reason": filled.by_reason,
        "consent": layout.consent,
        "parts": [
            {
                "file": name,
                "part": number,
                "of": len(names),
                "rows": rows,
                "bytes": (folder / name).stat().st_size,
                "sha256": digest_file(folder / name),
            }
            for number, (name, rows) in enumerate(names, start=1)
        ],
        "rejected_file": {"file": REJECTED, "sha256": digest_file(folder / REJECTED)},
        "columns": [_column_facts(layout, at) for at in range(len(layout.columns))],
        "limits": {"rows": layout.max_rows, "bytes": layout.max_bytes, **_per_day(facts["editions"][layout.edition])},
        **_risks(layout, audience, facts.get("days_kept")),
    }


def _per_day(edition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the target takes on one day, where it says so: how many parts go in at once."""
    return {name: edition[f"max_{name}"] for name in ("files_per_day", "rows_per_day") if f"max_{name}" in edition}


def _column_facts(layout: Layout, at: int) -> dict[str, Any]:
    column = layout.columns[at]
    found: dict[str, Any] = {"header": column.header, "kind": column.kind, "from": column.source}
    if column.unique:
        found |= {"key": True, "significant": column.significant}
    values = set(column.picks.values()) if column.picks is not None else _words_of(column.family, layout.language)
    return found | ({"values": sorted(values)} if column.kind == "pick" else {})


def _words_of(family: str, language: str) -> set[str]:
    """Return what a pick list of ours may hold, for whoever sets the field up."""
    return {texts[language] for key, texts in catalogue().items() if key.startswith(f"{family}.")}


def _risks(layout: Layout, audience: str, days_kept: int | None) -> dict[str, Any]:
    """Return what whoever handles the files must know."""
    language = layout.language
    found: dict[str, Any] = {
        "formula_guard": "raw" if layout.container != "xlsx" else "typed text",
        "purpose": words("crm.purpose", language),
        "review": words("crm.review", language),
        "warning": words(f"crm.raw_{layout.container}", language),
        "re_identifiable": layout.is_audience,
    }
    if layout.mode == "create":
        found["creates"] = words("crm.creates", language)
    if layout.is_audience:
        found |= {"audience": audience, "re_identifiable_meaning": words("crm.re_identifiable", language)}
    return found | ({"days_kept": days_kept} if days_kept else {})
