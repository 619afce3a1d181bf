"""What a campaign asks the histories when its list is made: who may be reached, who was, and what customers are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent import objectors
from churnml.campaign.consent_history import with_history
from churnml.campaign.pauses import with_told
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.told_store import told_rows
from churnml.config import Campaign, CustomersTable, Params
from churnml.flow.buckets import read_buckets
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME, category_column, number_column
from churnml.histories.store import History
from churnml.labels.treatments import TreatmentLog
from churnml.timeline import NEVER

__all__ = [
    "category_columns",
    "contact_data",
    "customer_attributes",
    "left_by_label",
    "levels_of",
    "objector_ids",
    "past_contact_rows",
]


def contact_data(params: Params, history: History, *, plan: CampaignPlan) -> pa.Table | None:
    """Return contact data and consent by role as known at ``as_of``, or None where the contract declares none.

    A history of consents is counted in: what was said last stands in the columns of consent.
    """
    table = history.contacts()
    if table is not None:
        table = table.rename_columns([name.removeprefix("contact_") for name in table.column_names])
    consent = params.campaign.consent
    if consent is None:
        return table
    rows = _events(history, consent.table, {"channel": consent.channel, "value": consent.value})
    return with_history(table, rows, plan=plan)


def objector_ids(history: History, *, bucket: int | None = None) -> pa.Array:
    """Return who objected to marketing altogether, among all customers or those of a bucket."""
    table = history.contacts(bucket)
    if table is None:
        return pa.array([], pa.string())
    return objectors(table.rename_columns([name.removeprefix("contact_") for name in table.column_names]))


def left_by_label(history: History, labels: Path) -> pa.Array:
    """Return the customers whose ready label says that they have left.

    Parameters
    ----------
    history : History
        Gives ids as delivered where that is known; the labels have them as stored.
    labels : Path
        Folder of labels.
    """

    def left(number: int, table: pa.Table) -> pa.Table:
        return history.named(table.filter(pc.equal(table["is_churned"], 1)), number)

    return read_buckets(labels / "churn", keep=left)["customer_id"].cast(pa.string()).combine_chunks()


def past_contact_rows(params: Params, history: History, *, root: Path | None = None) -> pa.Table | None:
    """Return the contacts made up to ``as_of``: ``customer_id``, ``at``, ``channel``; None where none are known.

    Who was set aside for comparison was not contacted. What ``churnml outcomes`` was told of is counted in, from the
    project folder ``root``, by default the working folder.
    """
    treatments = params.treatments
    declared = None
    if treatments is not None and treatments.table is not None:
        log = TreatmentLog(treatments.table, treatments.column or "", treatments.treated, treatments.control)
        columns = {} if treatments.channel is None else {"channel": treatments.channel}
        declared = _events(history, treatments.table, columns, log=log)
        if not columns:
            declared = declared.append_column("channel", pa.nulls(declared.num_rows, pa.string()))
    if not params.outcomes.digest:
        return declared
    told = told_rows(root or Path.cwd(), names=history.names)
    return with_told(declared, told, until=history.as_of, timezone=params.histories.timezone)


def _events(history: History, table: str, columns: dict[str, str], *, log: TreatmentLog | None = None) -> pa.Table:
    """Return the rows of an events table by the versions known at ``as_of``, in a fixed order."""
    parts = []
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        holds = bucket.known_until(table) == NEVER if log is None else log.is_treatment(bucket)
        who = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))
        found = {
            "customer_id": bucket.customers.take(pa.array(who)),
            "at": pa.array(bucket.instants(table, "occurred_at")).cast(TIME),
            **{name: bucket.categories(table, column) for name, column in columns.items()},
        }
        parts.append(pa.table(found).filter(pa.array(holds)))
    return pa.concat_tables(parts)


def customer_attributes(params: Params, campaign: Campaign, history: History) -> pa.Table | None:
    """Return the columns of the customers that segment and rules of a campaign ask for; None where they ask none."""
    name = params.customers_table
    declared = None if name is None else params.histories.tables[name]
    if name is None or not isinstance(declared, CustomersTable):
        return None
    asked = dict.fromkeys(
        [*([campaign.segment] if campaign.segment else []), *(r.column for r in campaign.eligibility)]
    )
    stored = {column: category_column(column) for column in asked if column in declared.categories}
    stored |= {column: number_column(column) for column in asked if column in declared.numbers}
    if not stored:
        return None
    parts = [_columns(history, name, bucket, stored) for bucket in range(history.n_buckets)]
    return pa.concat_tables(parts)


def category_columns(history: History, table: str, columns: Sequence[str]) -> pa.Table:
    """Return ``customer_id`` and categories of the customers table, of all buckets."""
    stored = {column: category_column(column) for column in columns}
    return pa.concat_tables([_columns(history, table, bucket, stored) for bucket in range(history.n_buckets)])


def _columns(history: History, table: str, bucket: int, stored: dict[str, str]) -> pa.Table:
    rows = history.read(table, bucket, ["customer_id", *stored.values()])
    return rows.rename_columns(["customer_id", *stored])


def levels_of(attributes: pa.Table | None, column: str) -> list[str]:
    """Return the levels of a column, sorted."""
    if attributes is None or column not in attributes.column_names:
        return []
    return sorted(pc.unique(attributes[column]).drop_null().to_pylist())
