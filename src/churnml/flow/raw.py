"""Raw histories to the prepared store, with a report of what was found even where that stops the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.errors import ConfigError, DataError
from churnml.exports.data_check_page import data_check_page
from churnml.flow.contracts import contracts, required_tables
from churnml.histories.checks import Findings
from churnml.histories.prepare import prepare
from churnml.histories.store import History, TableInfo, check_reaches_as_of, open_history
from churnml.storage import new_folder, write_bytes, write_json
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["folder_of", "prepare_histories", "read_histories"]


def folder_of(params: Params) -> str:
    """Return the folder of the raw files.

    Raises
    ------
    ConfigError
        If the histories lie in a database.
    """
    if params.histories.folder is None:
        raise ConfigError(
            "reading a database is not part of this version",
            rule="config.database",
            file="params.yaml",
            column="histories.database",
            next_step="Export the tables to Parquet or CSV files and set histories.folder.",
        )
    return params.histories.folder


def prepare_histories(params: Params, *, root: Path, target: Path, check: Path, check_page: Path) -> History:
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

    Raises
    ------
    DataError
        If the data break their contract; the report is written all the same.
    TimeContractError
        If ``as_of`` lies beyond the data.
    """
    findings = Findings()
    summary: dict[str, Any] = {"as_of": params.histories.as_of}
    # The store gets its final name only once as_of has been checked against it as well.
    with new_folder(target) as temp:
        try:
            history = _read_all(params, root=root, target=temp, findings=findings)
        except DataError:
            _report(findings, summary, check, check_page)
            raise
        summary["tables"] = [_read(info) for info in history.tables.values()]
        _report(findings, summary, check, check_page)
        _check_as_of(history, params)
    return open_history(target)


def read_histories(params: Params, *, root: Path, target: Path) -> History:
    """Read, check and sort every table into a private folder, without a report; raises as `prepare_histories`."""
    history = _read_all(params, root=root, target=target, findings=Findings())
    _check_as_of(history, params)
    return history


def _read_all(params: Params, *, root: Path, target: Path, findings: Findings) -> History:
    prepare(
        contracts(params),
        root=root,
        folder=folder_of(params),
        target=target,
        as_of=params.histories.as_of_us,
        timezone=params.histories.timezone,
        required=required_tables(params),
        threads=params.train.threads,
        findings=findings,
    )
    return open_history(target)


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


def _report(findings: Findings, summary: dict[str, Any], check: Path, check_page: Path) -> None:
    found = [finding.as_dict() for finding in findings.all]
    write_json({**summary, "findings": found}, check)
    write_bytes(data_check_page(found, summary), check_page)
