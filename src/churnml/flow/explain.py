"""The file of one customer, from what the last run prepared, learned, scored and decided."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.record import decisions_about
from churnml.campaign.told_store import told_about
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel, load
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import to_matrix
from churnml.exports.customer_page import customer_page, customer_view
from churnml.exports.markdown import render_markdown
from churnml.features.scope import touched
from churnml.flow.buckets import bucket_path
from churnml.flow.known import objector_ids
from churnml.flow.list_files import RECORDS
from churnml.flow.named import open_named
from churnml.flow.predictions import read_predictions
from churnml.flow.relationship_roles import relationship_roles
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.parquet import read_parquet
from churnml.relationship.customer.file import customer_file
from churnml.relationship.customer.issues import waiting_for
from churnml.relationship.customer.rows import bucket_number, rows_of_customer
from churnml.relationship.known import BucketAt
from churnml.storage import digest_bytes, new_folder, write_bytes, write_json
from churnml.timeline import DAY_US, NEVER, parse_instant, us_to_iso

__all__ = ["CUSTOMERS", "explain"]

CUSTOMERS = Path("data") / "customers"
"""Folder of customers' files, each in a folder of its own."""

_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CHANGES_DAYS = 730


def explain(params: Params, customer: str, *, root: Path, as_of: str | None = None, out: Path | None = None) -> Path:
    """Write a customer's file: ``profile.json``, ``profile.html`` and ``profile.<language>.md``.

    Parameters
    ----------
    params : Params
    customer : str
        Id, as delivered.
    root : Path
        Project folder.
    as_of : str, optional
        ISO date up to which rows count; None = that of the last run, and every contact that was told of. Scores and
        reasons are told at the last run's date only.
    out : Path, optional
        Folder; None = ``data/customers/<id>``.

    Returns
    -------
    Path
        The folder, replaced whole. The same inputs give the same bytes.

    Raises
    ------
    DataError
        If nothing was prepared, or no row names this customer by then.
    ModelError
        If the churn model was altered.
    """
    history = open_named(root / "data" / "prepared", root=root)
    stored = history.stored_id(customer)
    at = history.as_of if as_of is None else parse_instant(as_of, timezone=params.histories.timezone)
    at = min(at, history.as_of)
    told = told_about(
        root, customer, until=NEVER if as_of is None else at, timezone=params.histories.timezone, names=history.names
    )
    rows = rows_of_customer(history, customer, at=at)
    # Who objected to profiling is not scored for lists, and not for this file either.
    is_scored = params.campaign.score_objectors or customer not in objector_ids(history).to_pylist()
    roles = relationship_roles(params, history, at=at)
    found = customer_file(
        rows,
        roles=roles,
        waiting=waiting_for(BucketAt(history, bucket_number(history, customer), at), customer, roles.tickets),
        score=_score(root, customer) if is_scored and at == history.as_of else None,
        risk=_risk(params, history, customer, stored, root=root, at=at) if is_scored else [],
        decisions=decisions_about(root / RECORDS, customer, until=us_to_iso(at), stored=stored),
        changes=_changes(history, customer, at=at),
        currency=params.histories.currency,
        contacts=told,
    )
    language = params.campaign.language
    with new_folder(out or root / CUSTOMERS / _folder_name(customer)) as folder:
        write_json(found, folder / "profile.json")
        write_bytes(customer_page(found, language=language), folder / "profile.html")
        for each in ("en", "zh"):
            write_bytes(render_markdown(customer_view(found, each)), folder / f"profile.{each}.md")
    return out or root / CUSTOMERS / _folder_name(customer)


def _folder_name(customer: str) -> str:
    """Return the id where it can be a folder's name on every system, else a digest of it."""
    return customer if _PLAIN_ID.fullmatch(customer) else digest_bytes(customer.encode())[:16]


def _score(root: Path, customer: str) -> dict[str, Any] | None:
    """Return the customer's row of the scores as plain values, days as text; None where there is none."""
    path = root / "data" / "scored" / "scores.parquet"
    if not path.exists():
        return None
    table = read_parquet(path)
    some = table.filter(pc.equal(table["customer_id"].cast(pa.string()), customer)).to_pylist()
    if not some:
        return None
    row = dict(some[0])
    row["contact_by"] = row["contact_by"] and row["contact_by"].date().isoformat()
    row["as_of"] = row["as_of"].date().isoformat()
    return row


def _risk(params: Params, history: History, customer: str, stored: str, *, root: Path, at: int) -> list[dict[str, Any]]:
    """Return the probability of churn at each date at which the customer was observed, and what it rests on."""
    path, folder = bucket_path(root / "data" / "features", bucket_number(history, customer)), root / "models" / "churn"
    if not path.exists() or not (folder / "model.json").exists():
        return []
    features = read_parquet(path)
    features = features.filter(pc.equal(features["customer_id"].cast(pa.string()), stored)).unify_dictionaries()
    features = features.filter(pc.less_equal(features["observation_date"].cast(pa.int64()), at))
    features = features.sort_by("observation_date").combine_chunks()
    if not features.num_rows:
        return []
    model = load(folder, trusted=True, threads=1)
    dates = features["observation_date"].cast(pa.int64()).to_numpy()
    values = np.array(_classifier(model).churn_probability(to_matrix(features, model.spec)), dtype=np.float64)
    basis = _basis(dates, model, params, history)
    for date, tested in _out_of_time(root, {customer, stored}).items():
        values[dates == date], basis[dates == date] = tested, "unseen"
    return [
        {"date": us_to_iso(int(date))[:10], "p_churn": float(value), "basis": str(kind)}
        for date, value, kind in zip(dates, values, basis, strict=True)
    ]


def _classifier(loaded: LoadedModel) -> ChurnClassifier:
    if not isinstance(loaded.model, ChurnClassifier):
        raise ModelError("not a churn model", rule="model.kind", file="model.json", next_step="Train again.")
    return loaded.model


def _basis(dates: Any, model: LoadedModel, params: Params, history: History) -> Any:
    """Return of each date whether the model may have learned from the customer's outcome after it."""
    reach = (params.churn.lead_days + params.churn.horizon_days + params.churn.grace_days) * DAY_US
    until = parse_instant(str(model.meta.get("learned_until", us_to_iso(history.as_of))), timezone="UTC")
    return np.where(dates + reach <= until, "learned", "unseen").astype(object)


def _out_of_time(root: Path, customer: Collection[str]) -> dict[int, float]:
    """Return what models that had not seen the outcome said at the tested dates."""
    folder = root / "data" / "backtest" / "churn"
    found = read_predictions(folder) if folder.exists() else None
    if found is None:
        return {}
    table = found[0].table
    ids = pa.array(sorted(customer), pa.string())
    table = table.filter(pc.is_in(table["customer_id"].cast(pa.string()), value_set=ids))
    dates = table["observation_date"].cast(pa.int64()).to_pylist()
    return dict(zip(dates, table["p_churnml"].to_pylist(), strict=True))


def _changes(history: History, customer: str, *, at: int) -> list[dict[str, Any]]:
    """Return the company's changes of the last two years, and those announced, that concern the customer."""
    bucket = Bucket(history, bucket_number(history, customer))
    number = bucket.rows_of(pa.chunked_array([pa.array([customer], pa.string())]))
    found: list[tuple[int, dict[str, Any]]] = []
    for info in history.of_kind("calendar"):
        for row in history.read(info.name, 0).to_pylist():
            start, known = (_us(row.get(name)) for name in ("occurred_at", "known_at"))
            if (known or start or 0) > at or start is None or start < at - _CHANGES_DAYS * DAY_US:
                continue
            scope = row.get("scope")
            if not scope or touched(bucket, history, info, scope, number, np.array([at]))[0]:
                found.append((start, _change(info.name, row)))
    return [entry for _, entry in sorted(found, key=lambda each: -each[0])]


def _us(instant: Any) -> int | None:
    return None if instant is None else int(pa.scalar(instant, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def _change(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "day": row["occurred_at"].date().isoformat(),
        "table": table,
        "type": row.get("type"),
        "scope": row.get("scope"),
    }
