"""The files of a campaign's list, the record of what was decided, and where it all came from."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from churnml.campaign.lists import Decisions, FileOptions, write_lists
from churnml.campaign.record import RECORD_FILE, RECORDS, keep_record, previous_record
from churnml.campaign.work import WORK, WORK_FILE, keep_work
from churnml.config import Params
from churnml.errors import DataError
from churnml.flow.program import code_identity
from churnml.histories.store import History
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_bytes

__all__ = ["RECORDS", "Places", "keep_records", "provenance", "write_campaign"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a list goes.

    Parameters
    ----------
    folder : Path
        Takes the place of an earlier folder of that name.
    records : Path, optional
        Where the records of earlier lists are kept; None = there are none, and none is kept.
    hides : Pseudonyms, optional
        Put pseudonyms in the place of ids in the records; the files of the list have them as delivered.
    """

    folder: Path
    records: Path | None = None
    hides: Pseudonyms | None = None


def write_campaign(
    params: Params,
    history: History,
    scores: pa.Table,
    decisions: Decisions,
    places: Places,
    *,
    config_digest: str,
    also: Callable[[Path], None] | None = None,
) -> dict[str, Any]:
    """Write the files of a list, compared with the newest list of an earlier day, and keep what was decided.

    Parameters
    ----------
    params : Params
    history : History
    scores : pyarrow.Table
    decisions : Decisions
    places : Places
    config_digest : str
    also : callable, optional
        Writes further files into the folder before the manifest names them all.

    Returns
    -------
    dict
        The manifest.
    """
    folder, records = places.folder, places.records
    files, name = params.campaign.files, decisions.plan.name
    previous = None if records is None else previous_record(records, name, before=decisions.as_of, names=history.names)
    manifest = write_lists(
        decisions,
        folder,
        config_digest=config_digest,
        options=FileOptions(files.csv_bom, files.long_texts == "shorten", files.names_on_page),
        previous=previous,
        provenance=provenance(history, scores),
        also=also,
    )
    if records is not None:
        keep_record(folder / RECORD_FILE, records, hides=places.hides)
    return manifest


def keep_records(root: Path, *, hides: Pseudonyms | None = None) -> None:
    """Keep what was decided on lists that came with the project's data, before a run makes new ones.

    A damaged one is left out: the run makes that list again.
    """
    for path in sorted((root / "data" / "lists").glob(f"*/{RECORD_FILE}")):
        with suppress(DataError):
            keep_record(path, root / RECORDS, hides=hides)
    for path in sorted((root / "data" / "lists").glob(f"*/{WORK_FILE}")):
        with suppress(DataError):
            keep_work(path, root / WORK, hides=hides)


def provenance(history: History, scores: pa.Table) -> dict[str, Any]:
    """Return what tells the data and the program behind a list from any other.

    Digests are those of contents: the same rows give the same, whatever the clock, the order of the files' rows or the
    way they are stored.

    Returns
    -------
    dict
        ``data``: rows of each prepared table, digests of the scores and of contact data with consents; ``code``:
        version, and digest of the program's files.
    """
    contacts = history.contacts()
    tables = {info.name: info.n_rows for info in history.tables.values()}
    data = {
        "tables": tables,
        "scores_sha256": _content_digest(scores),
        "contacts_sha256": None if contacts is None else _content_digest(contacts),
    }
    return {"data": data, "code": code_identity()}


def _content_digest(table: pa.Table) -> str:
    text = io.BytesIO()
    csv.write_csv(table.sort_by("customer_id"), text)
    return digest_bytes(text.getbuffer())
