"""Who was to be contacted by whom until when, and who was to be left alone: kept for each list and day."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.kept_ids import Known, as_delivered, hidden
from churnml.campaign.record import RECORDS
from churnml.dated import days_kept, keep_dated, newest_of_day
from churnml.errors import DataError
from churnml.parquet import parquet_bytes, read_parquet, write_parquet
from churnml.privacy.pseudonyms import Pseudonyms

__all__ = ["ARMS", "WORK", "WORK_FILE", "WorkList", "keep_work", "kept_work", "work_rows", "write_work"]

WORK = Path(".churnml") / "work"
"""Where a project keeps them: outside of every stage's outputs, which DVC removes before the stage runs again."""

WORK_FILE = "work.parquet"
"""The work of a list in its folder."""

ARMS = ("contact", "holdout")

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("customer_id", "decision", "owner", "team", "channel")),
        ("contact_by", pa.date32()),
    ]
)
_FACTS = b"churnml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class WorkList:
    """One list of one day.

    Parameters
    ----------
    name : str
    day : date
        As of which it was made.
    table : Table
        ``customer_id``, ``decision`` (``contact`` or ``holdout``), ``owner``, ``team``, ``channel``, ``contact_by``.
    """

    name: str
    day: date
    table: pa.Table


def work_rows(arms: Mapping[str, pa.Table | None]) -> pa.Table:
    """Return the rows that are kept of a list, by customer.

    Parameters
    ----------
    arms : mapping of str to Table
        ``contact`` and ``holdout`` -> their rows; columns that are not there stay empty.
    """
    parts = []
    for arm in ARMS:
        rows = arms.get(arm)
        if rows is None:
            continue
        known = {name: rows[name] for name in _SCHEMA.names if name in rows.column_names}
        known["decision"] = pa.repeat(pa.scalar(arm), rows.num_rows)
        columns = [known.get(field.name, pa.nulls(rows.num_rows)) for field in _SCHEMA]
        parts.append(pa.table(columns, names=_SCHEMA.names).cast(_SCHEMA))
    table = pa.concat_tables(parts) if parts else _SCHEMA.empty_table()
    return table.sort_by("customer_id").combine_chunks()


def write_work(rows: pa.Table, path: Path, *, name: str, day: date) -> None:
    """Write the work of a list; the same list gives the same bytes."""
    facts = json.dumps({"list": name, "as_of": day.isoformat()}, sort_keys=True).encode()
    write_parquet(rows.replace_schema_metadata({_FACTS: facts}), path)


def keep_work(written: Path, store: Path, *, hides: Pseudonyms | None = None) -> None:
    """Keep the work of a list under its name and day; what was kept before is never touched.

    Parameters
    ----------
    written : Path
        As :func:`write_work` wrote it.
    store : Path
        Folder ``<store>/<list>/<as_of>/<number>-<digest>.parquet``.
    hides : Pseudonyms, optional
        Put pseudonyms in the place of ids in what is kept.

    Raises
    ------
    DataError
        If the file is none.
    """
    found = (read_parquet(written, columns=[]).schema.metadata or {}).get(_FACTS)
    facts = json.loads(found) if found else {}
    if not _NAME.fullmatch(facts.get("list", "")) or not _DAY.fullmatch(facts.get("as_of", "")):
        raise DataError("not the work of a list", rule="data.damaged", file=written.name)
    data = written.read_bytes() if hides is None else parquet_bytes(hidden(read_parquet(written), hides))
    keep_dated(data, store / facts["list"], date.fromisoformat(facts["as_of"]))


def kept_work(root: Path, *, names: Known | None = None) -> Iterator[WorkList]:
    """Yield every list kept, by name and day, the newest run of each day; damaged ones are left out.

    Ids are as delivered; a list whose ids are hidden, and nobody knows whose they are (``names``), is left out as well.

    Of lists that were made before their work was kept, what is known is who was to be contacted on which channel.
    """
    for name in sorted({path.name for store in (WORK, RECORDS) for path in _folders(root / store)}):
        days = {day: root / store / name for store in (RECORDS, WORK) for day in days_kept(root / store / name)}
        for day in sorted(days):
            try:
                table = as_delivered(read_parquet(newest_of_day(days[day], day)), names)
            except DataError:
                continue
            if table is None:
                continue
            arms = {arm: table.filter(pc.equal(table["decision"], arm)) for arm in ARMS}
            yield WorkList(name, day, work_rows(arms))


def _folders(store: Path) -> list[Path]:
    return [path for path in store.iterdir() if path.is_dir()] if store.is_dir() else []
