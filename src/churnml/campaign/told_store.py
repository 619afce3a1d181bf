"""Told contacts as they are kept: every import adds what is new to what was told before, and changes none of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.kept_ids import Known, as_delivered, hidden
from churnml.campaign.told import TOLD_SCHEMA
from churnml.dated import all_kept, keep_dated
from churnml.parquet import parquet_bytes, read_parquet
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_bytes

__all__ = ["TOLD", "add_told", "told_about", "told_digest", "told_files", "told_rows"]

TOLD = Path(".churnml") / "outcomes"
"""Where a project keeps them."""

_FACTS = b"churnml"
View = Callable[[pa.Table], pa.Table | None]


def told_rows(root: Path, *, names: Known | None = None, view: View | None = None) -> pa.Table:
    """Return every told contact in the order in which it was told.

    Parameters
    ----------
    root : Path
    names : Known, optional
        Whose ids are that were hidden when they were kept; who is not known any more is left out.
    view : callable, optional
        Takes the table of an import and returns it with other ids than those delivered; None = it is left out.

    Raises
    ------
    DataError
        If a file of them is damaged.
    """
    seen = ((view or (lambda table: as_delivered(table, names)))(read_parquet(path)) for path in all_kept(root / TOLD))
    tables = [table.select(TOLD_SCHEMA.names).cast(TOLD_SCHEMA) for table in seen if table is not None]
    return pa.concat_tables(tables).combine_chunks() if tables else TOLD_SCHEMA.empty_table()


def told_files(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each import: its file, and ``told_on``, ``rows`` and the ``sources`` (SHA-256) it came from."""
    for path in all_kept(root / TOLD):
        table = read_parquet(path, columns=["list"])
        yield path, {**json.loads(table.schema.metadata[_FACTS]), "rows": table.num_rows}


def told_digest(root: Path) -> str:
    """Return what tells the contacts told so far from any others; empty where there are none."""
    names = [path.name for path in all_kept(root / TOLD)]
    return digest_bytes("\n".join(names).encode()) if names else ""


def told_about(
    root: Path, customer: str, *, until: int, timezone: str, names: Known | None = None
) -> list[dict[str, Any]]:
    """Return the contacts of one customer up to an instant, the newest first; days are those of a time zone."""
    rows = told_rows(root, names=names)
    rows = rows.filter(pc.equal(rows["customer_id"], customer))
    rows = rows.filter(pc.less_equal(rows["at"].cast(pa.int64()), until))
    found = sorted(enumerate(rows.to_pylist()), key=lambda each: (each[1]["at"], each[0]), reverse=True)
    return [
        {
            "day": row["at"].astimezone(ZoneInfo(timezone)).date().isoformat(),
            "campaign": row["list"],
            "as_of": row["as_of"].isoformat(),
            **{name: row[name] for name in ("outcome", "owner", "channel")},
        }
        for _, row in found
    ]


def add_told(
    rows: pa.Table,
    root: Path,
    *,
    told_on: date,
    sources: Sequence[str],
    names: Known | None = None,
    hides: Pseudonyms | None = None,
) -> int:
    """Keep the contacts that were not told before; return how many these are.

    Parameters
    ----------
    rows : Table
        Of :data:`~churnml.campaign.told.TOLD_SCHEMA`.
    root : Path
    told_on : date
    sources : sequence of str
        SHA-256 of the files they came from.
    names : Known, optional
        Whose ids are that were hidden when they were kept.
    hides : Pseudonyms, optional
        Put pseudonyms in the place of ids in what is kept now.

    Raises
    ------
    DataError
        If what was told before is damaged.
    EnvironmentFault
        If it cannot be written.
    """
    known = set(map(_key, told_rows(root, names=names).to_pylist()))
    places = []
    for place, row in enumerate(rows.to_pylist()):
        if _key(row) not in known:
            known.add(_key(row))
            places.append(place)
    if not places:
        return 0
    facts = json.dumps({"told_on": told_on.isoformat(), "sources": sorted(sources)}, sort_keys=True).encode()
    new = rows.take(pa.array(places)).replace_schema_metadata({_FACTS: facts})
    keep_dated(parquet_bytes(hidden(new, hides)), root / TOLD, told_on)
    return len(places)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    # Not the list: told again after a newer one was made, it is still the same contact.
    return tuple(row[name] for name in ("customer_id", "at", "outcome", "owner", "channel"))
