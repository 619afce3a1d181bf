"""Raw histories to the prepared store, with a report of what was found even where that stops the run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from churnml.config import FETCHED, Params
from churnml.errors import ConfigError, DataError
from churnml.exports.data_check_page import data_check_page
from churnml.flow.contracts import check_rules, contracts, fetched_files, required_tables
from churnml.flow.forgotten import forgotten_rows
from churnml.flow.named import gathered_identities, write_identities
from churnml.histories.checks import Findings
from churnml.histories.identities import IDENTITIES
from churnml.histories.ledger import read_ledger, write_ledger
from churnml.histories.overview import file_rows, volumes
from churnml.histories.prepare import prepare
from churnml.histories.profile import HistoryProfile
from churnml.histories.store import History, TableInfo, check_reaches_as_of, open_history
from churnml.storage import new_folder, write_bytes, write_json
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["KEPT", "folder_of", "prepare_histories", "read_histories"]

KEPT = Path(".churnml") / "parts"
"""Folder of a project in which rows stay from run to run."""


def folder_of(params: Params) -> str:
    """Return the folder the pipeline prepares: that of the files, or the one into which it reads a database.

    Raises
    ------
    ConfigError
        If a database is given without it.
    """
    if params.histories.folder is None:
        raise ConfigError(
            f"the pipeline reads a database into {FETCHED} first",
            rule="config.database",
            file="params.yaml",
            column="histories.folder",
            next_step=f"Write folder: {FETCHED} beside database.",
        )
    return params.histories.folder


def prepare_histories(
    params: Params,
    *,
    root: Path,
    target: Path,
    check: Path,
    check_page: Path,
    fetched: bool = False,
    remember: bool = True,
) -> History:
    """Read, check and sort every table; write the store, then what was found.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    target : Path
        Folder of the prepared store.
    check, check_page : Path
        Report of findings as JSON and as a page.
    fetched : bool
        Of a database, take what the stage ``fetch`` read; otherwise the database is read now.
    remember : bool, optional
        Keep the number of rows of each file for comparing the next delivery with it, and the rows themselves so
        that files that stay the same need not be read again (``histories.keep_rows``).

    Raises
    ------
    DataError
        If the data break their contract; the report is written all the same.
    TimeContractError
        If ``as_of`` lies beyond the data.
    """
    findings, profile = Findings(check_rules(params)), _profile(params)
    profile.previous = read_ledger(root)
    kept = root / KEPT if params.histories.keep_rows else None
    if remember and kept is None:
        shutil.rmtree(root / KEPT, ignore_errors=True)
    if remember and not params.privacy.pseudonyms:
        shutil.rmtree(root / IDENTITIES, ignore_errors=True)
    summary: dict[str, Any] = {"as_of": params.histories.as_of}
    # The store gets its final name only once as_of has been checked against it as well.
    with new_folder(target) as temp:
        try:
            history = _read_all(
                params,
                root=root,
                target=temp,
                findings=findings,
                profile=profile,
                fetched=fetched,
                kept=kept if remember else None,
                identities=root / IDENTITIES if remember else None,
            )
        except DataError as error:
            # A file that cannot be read at all is no finding among others: the message says what is wrong with it.
            summary["stopped_by"] = error.rule
            _report(findings, summary, profile, check, check_page)
            raise
        summary["tables"] = [_read(info) for info in history.tables.values()]
        _report(findings, summary, profile, check, check_page)
        _check_as_of(history, params)
    if remember:
        write_ledger(root, profile)
    return open_history(target)


def read_histories(params: Params, *, root: Path, target: Path, identities: Path | None = None) -> History:
    """Read, check and sort every table into a private folder, without a report; raises as `prepare_histories`.

    Where there are pseudonyms, ``identities`` takes the list of whose they are.
    """
    findings, profile = Findings(check_rules(params)), _profile(params)
    history = _read_all(
        params, root=root, target=target, findings=findings, profile=profile, fetched=False, identities=identities
    )
    _check_as_of(history, params)
    return history


def _profile(params: Params) -> HistoryProfile:
    block = params.histories
    return HistoryProfile(block.as_of_us, block.timezone, block.currency)


def _read_all(
    params: Params,
    *,
    root: Path,
    target: Path,
    findings: Findings,
    profile: HistoryProfile,
    fetched: bool,
    kept: Path | None = None,
    identities: Path | None = None,
) -> History:
    tables, database = contracts(params), params.histories.database
    if database is not None and fetched:
        tables, database = [replace(table, files=fetched_files(table)) for table in tables], None
    with gathered_identities(params, root=root, target=target, kept=kept) as gathered:
        prepare(
            tables,
            root=root,
            folder=folder_of(params) if database is None else None,
            database=database,
            target=target,
            as_of=params.histories.as_of_us,
            timezone=params.histories.timezone,
            required=required_tables(params),
            threads=params.train.threads,
            findings=findings,
            profile=profile,
            kept=kept,
            forgotten=forgotten_rows(root),
            identities=gathered,
        )
        history = open_history(target)
        if identities is not None and gathered is not None:
            write_identities(gathered, history, identities)
    return history


def _check_as_of(history: History, params: Params) -> None:
    if params.churn.definition != "label":
        check_reaches_as_of(history, table=params.churn.table)


def _read(info: TableInfo) -> dict[str, object]:
    """Return what was read of a table: its rows, and the days they lie between."""
    days = info.day[info.rows_per_day > 0]
    first, last = (us_to_iso(int(day) * DAY_US) for day in (days[0], days[-1])) if len(days) else (None, None)
    return {
        "table": info.name,
        "file": info.file,
        "kind": info.kind,
        "rows": info.n_rows,
        "first": first,
        "last": last,
    }


def _report(
    findings: Findings, summary: dict[str, Any], profile: HistoryProfile, check: Path, check_page: Path
) -> None:
    found = [finding.as_dict() for finding in findings.all]
    facts = {**summary, "files": file_rows(profile), "volumes": volumes(profile)}
    write_json({**facts, "findings": found}, check)
    write_bytes(data_check_page(found, facts), check_page)
