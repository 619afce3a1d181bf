"""Stage causes: who was lost in the year before ``as_of``, why as far as anybody knows, and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.estimators.artifact import LoadedModel, load
from churnml.exports.causes_page import causes_page
from churnml.exports.tables import write_csv
from churnml.flow.buckets import bucket_path
from churnml.flow.cause_sources import cause_columns, taxonomy_of
from churnml.flow.goals import company_goal
from churnml.flow.handover import handed_over, handed_rows
from churnml.flow.loss_reasons import causes_before
from churnml.flow.roles import churn_definition, churn_window, value_definition
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.value import value_labels
from churnml.parquet import write_parquet
from churnml.relationship.causes.cost import CostRule
from churnml.relationship.causes.ledger import LEDGER, Entry, Loss, entries_of, figures_of
from churnml.relationship.causes.stated import stated_texts
from churnml.snapshots.lost import endings, silences
from churnml.storage import new_folder, write_bytes, write_json
from churnml.timeline import DAY_US, NEVER, us_to_iso
from churnml.wording import words

__all__ = ["make_causes"]

Int64s = npt.NDArray[np.int64]
_YEAR_US = 365 * DAY_US
_MONEY = pa.decimal128(18, 2)
_SCHEMA = {"returned": pa.bool_(), "confidence": pa.float64()} | dict.fromkeys(LEDGER[10:], _MONEY)


def make_causes(
    params: Params,
    history: History,
    scores: pa.Table,
    *,
    features: Path,
    model: Path,
    ledger: Path,
    report: Path,
    page: Path,
) -> dict[str, Any]:
    """Write the ledger (``ledger.parquet``, ``ledger.csv``), changes of owner (``handovers.csv``), and the report.

    Parameters
    ----------
    params : Params
    history : History
    scores : pyarrow.Table
        For the target's breakdown: who is at risk, and how much.
    features, model : Path
        What the churn model pointed to before a loss that nobody explained.
    ledger, report, page : Path
        A folder, a JSON file, an HTML file.

    Returns
    -------
    dict
        What the report says.
    """
    if params.churn.definition == "label":
        entries, confidence = entries_of([], taxonomy_of(params), survey_confidence=0, crm_confidence=0)
    else:
        found = _losses(params, history, load(model, trusted=True, threads=params.train.threads), features)
        block = params.causes
        sure = {"survey_confidence": block.survey_confidence, "crm_confidence": block.crm_confidence}
        entries, confidence = entries_of(found, taxonomy_of(params), **sure)
    changes, handed = handed_over(params, history, scores)
    told = {
        "as_of": us_to_iso(history.as_of),
        "within_days": params.causes.within_days,
        "currency": params.histories.currency,
        "is_dated": params.churn.definition != "label",
        "model_confidence": confidence.model,
        "model_compared": confidence.n_compared,
        "goal": company_goal(params, history, scores),
        "handover": changes,
        **figures_of(entries),
    }
    _write_ledger(entries, handed_rows(handed, as_of=history.as_of), ledger, language=params.campaign.language)
    write_json(told, report)
    write_bytes(causes_page(told, language=params.campaign.language), page)
    return told


def _write_ledger(entries: list[Entry], handed: pa.Table, folder: Path, *, language: str) -> None:
    schema = pa.schema([(name, _SCHEMA.get(name, pa.string())) for name in LEDGER])
    table = pa.Table.from_pylist([entry.row() for entry in entries], schema=schema)
    headers = {name: words(f"causes.column_{name}", language) for name in LEDGER}
    with new_folder(folder) as temp:
        write_parquet(table, temp / "ledger.parquet")
        write_csv(_in_words(table, language), temp / "ledger.csv", headers=headers, bom=True)
        titles = {name: words(f"handover.column_{name}", language) for name in handed.column_names}
        write_csv(handed, temp / "handovers.csv", headers=titles, bom=True)


def _in_words(table: pa.Table, language: str) -> pa.Table:
    """Return the ledger as people read it: codes as words, yes and no."""
    families = {"cause": "cause", "control": "control", "source": "source", "group": "group"}
    for name, family in families.items():
        texts = [words(f"causes.{family}_{code or 'none'}", language) for code in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
    answers = [words("yes_no.yes" if back else "yes_no.no", language) for back in table["returned"].to_pylist()]
    return table.set_column(table.column_names.index("returned"), "returned", pa.array(answers, pa.string()))


def _losses(params: Params, history: History, loaded: LoadedModel, features: Path) -> list[Loss]:
    """Return every loss of the period, once a customer and date of loss, also of those who came back."""
    columns, rule = cause_columns(params, history), _cost_rule(params)
    kinds = {info.name: info.kind for info in history.tables.values()}
    named: dict[str, Any] = {"kinds": kinds, "never_named": params.reasons.never_named}

    def one(number: int) -> list[Loss]:
        bucket = Bucket(history, number)
        customer, since, last, back = _lost_in(params, history, bucket)
        said = stated_texts(bucket, history, columns, customer, last, since)
        ids, stored = (each.take(pa.array(customer)).to_pylist() for each in (bucket.customers, bucket.stored_ids))
        reasons = causes_before(loaded, bucket_path(features, number), stored, since, **named)
        margin = _margin_before(params, history, bucket, customer, last)
        return [
            Loss(
                customer=ids[k],
                lost_on=us_to_iso(int(since[k]))[:10],
                last_seen=us_to_iso(int(last[k]))[:10],
                returned=bool(back[k] < NEVER),
                text=said[k][0],
                source=said[k][1],
                reason=reasons[k],
                cost=rule.of(float(margin[k]), away_days=(back[k] - last[k]) / DAY_US if back[k] < NEVER else None),
            )
            for k in range(len(ids))
        ]

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    return [loss for part in parts for loss in part]


def _lost_in(params: Params, history: History, bucket: Bucket) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return customer, day of loss, last activity, and when they came back, of every loss of the period."""
    start = history.as_of - params.causes.within_days * DAY_US
    lost = silences if params.churn.definition == "inactivity" else endings
    definition, window = churn_definition(params), churn_window(params)
    return lost(bucket, history, definition, window, after=start)


def _margin_before(params: Params, history: History, bucket: Bucket, customer: Int64s, last: Int64s) -> Any:
    """Return the margin of the year up to the last activity; 0 where no money is known."""
    worth = value_definition(params)
    if worth is None or worth.measure != "amount":
        return np.zeros(len(customer))
    is_spells = history.tables[worth.table].kind == "spells"
    before = last - _YEAR_US
    plain = type(worth)(worth.table, worth.measure, worth.margin, 0.0, worth.refunds)
    return value_labels(bucket, plain, customer, before, horizon_us=_YEAR_US, is_spells=is_spells)


def _cost_rule(params: Params) -> CostRule:
    clv, block = params.clv, params.causes
    horizon, rate = (365.0, 0.0) if clv is None else (float(clv.horizon_days), clv.discount_rate_yearly)
    return CostRule(block.replacement_cost, block.word_of_mouth, horizon, rate)
