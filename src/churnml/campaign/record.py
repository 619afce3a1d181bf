"""What was decided in each run of a campaign, kept so that the next run can say what has changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import WITHOUT_FIGURES
from churnml.campaign.kept_ids import RECORDS, Known, as_delivered, hidden
from churnml.campaign.targeting import Decisions
from churnml.dated import days_kept, keep_dated, newest_of_day
from churnml.errors import DataError
from churnml.parquet import parquet_bytes, read_parquet, write_parquet
from churnml.privacy.pseudonyms import Pseudonyms

__all__ = [
    "RECORDS",
    "RECORD_FILE",
    "decisions_about",
    "keep_record",
    "previous_record",
    "record",
    "record_facts",
    "write_record",
]

RECORD_FILE = "decisions.parquet"
"""The record of a run in its folder of lists."""

_RECORDED = (
    *("customer_id", "decision", "exclusion", "rank", "channel", "action", "team", "risk_band", "p_churn"),
    *("value_tier", "clv", "value_at_risk", "expected_gain"),
)
"""Ids and decisions: no name, address or number."""

_TOLD = ("decision", "exclusion", "action", "channel", "expected_gain")
_FIGURES = ("risk_band", "p_churn", "value_tier", "clv", "value_at_risk", "expected_gain")
_FACTS = b"churnml"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def record(decisions: Decisions) -> pa.Table:
    """Return what was decided for each customer, by customer id.

    Of those who objected or never agreed there is the decision alone, and no figure.
    """
    table = decisions.table.select([name for name in _RECORDED if name in decisions.table.column_names])
    silent = pc.is_in(pc.fill_null(table["exclusion"], ""), value_set=pa.array(WITHOUT_FIGURES))
    for name in _FIGURES:
        if name in table.column_names:
            hidden = pc.if_else(silent, None, table[name])
            table = table.set_column(table.column_names.index(name), name, hidden)
    facts = {
        "campaign": decisions.plan.name,
        "as_of": decisions.as_of.isoformat(),
        "model_version": decisions.model_version,
        "policy_version": decisions.plan.policy_version,
    }
    table = table.sort_by("customer_id").combine_chunks()
    return table.replace_schema_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})


def record_facts(table: pa.Table) -> Mapping[str, str]:
    """Return ``campaign``, ``as_of``, ``model_version`` and ``policy_version`` of a record.

    Raises
    ------
    DataError
        If the table is no record.
    """
    try:
        facts: Mapping[str, str] = json.loads((table.schema.metadata or {})[_FACTS])
        return {name: str(facts[name]) for name in ("campaign", "as_of", "model_version", "policy_version")}
    except (KeyError, ValueError, TypeError) as error:
        raise DataError("not a record of decisions", rule="data.damaged") from error


def keep_record(written: Path, store: Path, *, hides: Pseudonyms | None = None) -> None:
    """Keep the record of a run under its campaign and day; what was kept before is never touched.

    Runs of one day are numbered. A run that decided what the newest of its day did adds nothing.

    Parameters
    ----------
    written : Path
        Parquet file with the :func:`record` of the run.
    store : Path
        Folder ``<store>/<campaign>/<as_of>/<number>-<digest>.parquet``.
    hides : Pseudonyms, optional
        Put pseudonyms in the place of ids in what is kept.

    Raises
    ------
    DataError
        If the file is no record.
    EnvironmentFault
        If the store cannot be written.
    """
    facts = record_facts(read_parquet(written, columns=[]))
    if not _DAY.fullmatch(facts["as_of"]) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", facts["campaign"]):
        raise DataError("not a record of decisions", rule="data.damaged", file=written.name)
    data = written.read_bytes() if hides is None else parquet_bytes(hidden(read_parquet(written), hides))
    keep_dated(data, store / facts["campaign"], date.fromisoformat(facts["as_of"]))


def previous_record(store: Path, campaign: str, *, before: date, names: Known | None = None) -> pa.Table | None:
    """Return the newest record of the latest day before a day; None where there is none.

    A rerun of a day is thus compared with what the first run of that day was compared with. Where ids are hidden and
    it is not known whose they are, there is none either.

    Parameters
    ----------
    store : Path
    campaign : str
    before : date
    names : Known, optional
        Whose hidden ids are; who is not known any more is left out.

    Raises
    ------
    DataError
        If that record is damaged.
    """
    earlier = [day for day in days_kept(store / campaign) if day < before]
    if not earlier:
        return None
    return as_delivered(read_parquet(newest_of_day(store / campaign, earlier[-1])), names)


def decisions_about(store: Path, customer: str, *, until: str, stored: str | None = None) -> list[dict[str, Any]]:
    """Return what lists decided about a customer, the newest record of each campaign and day, newest day first.

    Parameters
    ----------
    store : Path
    customer : str
    until : str
        ISO date of the last day looked at.
    stored : str, optional
        The customer's pseudonym, where that may stand in the place of the id.

    Returns
    -------
    list of dict
        ``campaign``, ``as_of``, ``decision``, ``exclusion``, ``action``, ``channel``, ``expected_gain``.
    """
    found = []
    for folder in sorted(store.iterdir()) if store.is_dir() else ():
        for day in (day for day in days_kept(folder) if day.isoformat() <= until[:10]):
            table = read_parquet(newest_of_day(folder, day))
            facts = {name: record_facts(table)[name] for name in ("campaign", "as_of")}
            ids = pa.array([customer, stored or customer], pa.string())
            for row in table.filter(pc.is_in(table["customer_id"].cast(pa.string()), value_set=ids)).to_pylist():
                found.append(facts | {name: row.get(name) for name in _TOLD})
    return sorted(found, key=lambda each: (each["as_of"], each["campaign"]), reverse=True)


def write_record(table: pa.Table, path: Path) -> None:
    """Write a record; the same decisions give the same bytes."""
    write_parquet(table, path)
