"""Rows of a campaign's contact list with contact data, as the exports take them."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.exports.crm.folder import Batch, write_export
from churnml.exports.crm.target import Layout, Options, layout_of
from churnml.storage import digest_file

DAY = date(2024, 6, 30)
BATCH = Batch("retention", DAY)
CHANNELS = ("list", "email", "phone", "sms", "ads")


def crm_rows(n: int = 3, **columns: Any) -> pa.Table:
    """Return ``n`` people who agreed to everything; a column is a value for all, a list, or None to leave it out."""
    found: dict[str, Any] = {
        "rank": list(range(1, n + 1)),
        "customer_id": [f"c{i:04}" for i in range(n)],
        "crm_id": [f"003{i:012}" for i in range(n)],
        "braze_id": [f"{i:024x}" for i in range(n)],
        "email": [f"jane.{i}@example.com" for i in range(n)],
        "phone": "020 7946 0000",
        "country": "GB",
        "name": "Jane Doe",
        "p_churn": 0.5,
        "risk_band": "very_high",
        "clv": 1234.5,
        "value_tier": "A",
        "reason_1": "No order for 61 days, usually every 14",
        "reason_2": "",
        "action": "call",
        "contact_by": date(2024, 7, 14),
        "campaign": "retention",
        "holdout": False,
        "scored_at": pa.array([1_719_705_600_000_000] * n, pa.timestamp("us", "UTC")),
        **dict.fromkeys((f"agreed_{channel}" for channel in CHANNELS), True),
        **columns,
    }
    full = {k: v if isinstance(v, list | pa.Array) else [v] * n for k, v in found.items() if v is not None}
    return pa.table(full)


def layout(target: str, rows: pa.Table, **options: Any) -> Layout:
    return layout_of(Options(target, **options), rows.column_names)


def export(folder: Path, target: str, rows: pa.Table, *, batch: Batch = BATCH, **options: Any) -> dict[str, Any]:
    """Write an export into ``<folder>/<target>`` and return its manifest."""
    return write_export(rows, layout(target, rows, **options), folder / target, batch)


def cells(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def written(folder: Path, manifest: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of all parts of a target in ``folder``."""
    return [row for part in manifest["parts"] for row in cells(folder / manifest["target"] / part["file"])]


def rejected(folder: Path, target: str) -> list[tuple[str, str, str]]:
    """Return customer, column and reason of the rejected cells."""
    found = cells(folder / target / "rejected.csv")
    return [(row["customer_id"], row["column"], row["reason"]) for row in found]


def seal(folder: Path, **changes: Any) -> None:
    """Write the digests of the files as they are now, and other changes, into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8")) | changes
    for part in manifest["parts"]:
        part["sha256"] = digest_file(folder / part["file"])
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
