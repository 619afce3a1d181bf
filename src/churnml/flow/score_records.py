"""Scores kept from run to run, so that what they said can be held against what happened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params
from churnml.dated import days_kept, forget_day, keep_dated, newest_of_day
from churnml.errors import DataError
from churnml.flow.pseudonyms import with_ids
from churnml.histories.hashing import hash_column
from churnml.parquet import parquet_bytes, parquet_rows, read_parquet, read_parquet_groups
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_bytes
from churnml.timeline import us_to_date

__all__ = ["SCORE_RECORDS", "ScoreRecord", "churn_digest", "keep_scores", "kept_scores"]

SCORE_RECORDS = Path(".churnml") / "scores"
"""Outside of every stage's outputs; ids and figures, private, at most ``monitoring.keep_customers`` a day."""

_COLUMNS = ["customer_id", "p_churn", "clv", "risk_band"]
_FACTS = b"churnml"
_DAILY = timedelta(days=35)
"""So long each day is kept; older ones are thinned to one a week."""


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """What one run said.

    Parameters
    ----------
    day : date
    facts : mapping
        ``as_of_us``, ``horizon_days``, ``lead_days``, ``grace_days``, ``churn`` (digest of the definition),
        ``model_version``, ``learned_until``, ``n_known``, ``n_at_risk``, ``mean_p``, ``mean_clv``; ``pseudonyms`` (name
        of the key) where these stand in the place of ids.
    path : Path
    """

    day: date
    facts: Mapping[str, Any]
    path: Path

    def table(self) -> pa.Table:
        """Return the customers kept: id, ``p_churn``, ``clv``, ``risk_band``."""
        return read_parquet(self.path)


def churn_digest(params: Params) -> str:
    """Return what tells one definition of churn from another, whatever the horizon."""
    block = params.churn.model_dump(mode="json", exclude={"horizon_days", "lead_days", "settle_days", "grace_days"})
    return digest_bytes(json.dumps(block, sort_keys=True).encode())[:12]


def keep_scores(
    params: Params,
    scores: Path,
    *,
    root: Path,
    model_version: str,
    learned_until: str | None = None,
    hides: Pseudonyms | None = None,
) -> None:
    """Keep what a run said of those at risk, under its day; older days are thinned, and forgotten in the end.

    Of very many customers a sample is kept by hash: the same ones each time.

    Parameters
    ----------
    params : Params
    scores : Path
        Parquet file with ``customer_id``, ``p_churn``, ``clv`` and ``risk_band``, read a group of rows at a time; rows
        without a probability are counted only.
    root : Path
    model_version : str
    learned_until : str, optional
        ISO date up to which the model knew outcomes.
    hides : Pseudonyms, optional
        Put pseudonyms in the place of ids in what is kept.
    """
    as_of, churn, n_known = params.histories.as_of_us, params.churn, parquet_rows(scores)
    kept, sums = [], _Sums()
    for group in read_parquet_groups(scores, columns=_COLUMNS):
        rows = group.filter(pc.is_valid(group["p_churn"]))
        sums.add(rows)
        kept.append(_sample(rows, share=params.monitoring.keep_customers / max(n_known, 1)))
    facts = {
        "as_of_us": as_of,
        "horizon_days": churn.horizon_days,
        "lead_days": churn.lead_days,
        "grace_days": churn.grace_days,
        "churn": churn_digest(params),
        "model_version": model_version,
        "learned_until": learned_until,
        "n_known": n_known,
        "n_at_risk": sums.n_rows,
        "mean_p": sums.mean("p_churn"),
        "mean_clv": sums.mean("clv"),
    }
    facts |= {} if hides is None else {"pseudonyms": hides.key_id}
    table = pa.concat_tables(kept).combine_chunks()
    if hides is not None:
        table = with_ids(table, hides.column(table["customer_id"].combine_chunks()))
    table = table.sort_by("customer_id").combine_chunks()
    table = table.replace_schema_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})
    folder = root / SCORE_RECORDS
    keep_dated(parquet_bytes(table), folder, us_to_date(as_of, timezone=params.histories.timezone))
    _thin(folder, keep_days=params.monitoring.keep_days)


class _Sums:
    """Rows and sums of groups of rows, in their order."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._sums = {"p_churn": 0.0, "clv": 0.0}
        self._counts = {"p_churn": 0, "clv": 0}

    def add(self, rows: pa.Table) -> None:
        """Take the rows of one group."""
        self.n_rows += rows.num_rows
        for name in self._sums:
            self._sums[name] += float(pc.sum(rows[name]).as_py() or 0.0)
            self._counts[name] += rows.num_rows - rows[name].null_count

    def mean(self, name: str) -> float | None:
        """Return the mean of a column; None where it has no value."""
        return round(self._sums[name] / self._counts[name], 6) if self._counts[name] else None


def _sample(rows: pa.Table, *, share: float) -> pa.Table:
    if share >= 1 or not rows.num_rows:
        return rows
    limit = np.uint64(share * float(2**64 - 1))
    return rows.filter(pa.array(hash_column(rows["customer_id"].combine_chunks()) < limit))


def _thin(folder: Path, *, keep_days: int) -> None:
    """Keep every day of the last weeks, the first of each week before, and none older than asked for."""
    days = days_kept(folder)
    weeks: set[int] = set()
    for day in days:
        week, age = day.toordinal() // 7, days[-1] - day
        if age.days > keep_days or (age > _DAILY and week in weeks):
            forget_day(folder, day)
        weeks.add(week)


def kept_scores(root: Path, *, before: date) -> list[ScoreRecord]:
    """Return the newest run of each day before one, ascending; what is damaged is left out."""
    found = []
    for day in days_kept(root / SCORE_RECORDS):
        if day >= before:
            continue
        try:
            path = newest_of_day(root / SCORE_RECORDS, day)
            facts = json.loads((read_parquet(path, columns=[]).schema.metadata or {})[_FACTS])
        except (DataError, KeyError, ValueError):
            continue
        found.append(ScoreRecord(day, facts, path))
    return found
