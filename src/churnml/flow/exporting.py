"""From a campaign's list to the files of its targets: contact data and consent are read again when they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import file_table
from churnml.campaign.consent import UNASSIGNED, permit
from churnml.campaign.consent_history import KNOWN_CHANNELS
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.targeting import Decisions
from churnml.config import ExportTarget, Params
from churnml.errors import DataError
from churnml.exports.crm.folder import Batch, write_export
from churnml.flow.export_plan import DECIDED, layout_for
from churnml.parquet import read_parquet, write_parquet
from churnml.storage import digest_fault, digest_file, read_json

__all__ = ["CONTACTS_FILE", "contact_rows", "export_rows", "read_list", "write_list", "write_targets"]

CONTACTS_FILE = "contact.parquet"
"""The contacts of a list as a program reads them: decisions and reasons, without anything to reach anybody by."""

_SENTENCES = ("reason_1", "reason_2", "reason_3")
_DECISIONS = (
    *("customer_id", "rank", "channel", "contact_by", "p_churn", "risk_band", "clv", "value_tier"),
    *("value_at_risk", "expected_gain"),
)
_OF_VALUE = ("clv", "value_tier", "value_at_risk", "expected_gain")


def contact_rows(decisions: Decisions) -> pa.Table:
    """Return who is contacted, with what the exports need of the decision and nothing personal.

    Parameters
    ----------
    decisions : Decisions

    Returns
    -------
    Table
        Columns of :data:`churnml.flow.export_plan.DECIDED`, by rank.
    """
    rows = decisions.of("contact")
    table = rows.select(_DECISIONS)
    if decisions.ranking == "probability":
        for name in _OF_VALUE:
            table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), table[name].type))
    worded = file_table(decisions, "contact", dict.fromkeys(("action", *_SENTENCES), "text"))
    for name in worded.column_names:
        table = table.append_column(name, worded[name].cast(pa.string()))
    day = decisions.as_of
    constants = {
        "campaign": pa.scalar(f"{decisions.plan.name}-{day.isoformat()}"),
        "holdout": pa.scalar(False),
        "scored_at": pa.scalar(datetime.combine(day, time(), tzinfo=UTC), pa.timestamp("us", "UTC")),
        "model_version": pa.scalar(decisions.model_version),
        "policy_version": pa.scalar(decisions.plan.policy_version),
    }
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    return table.select([name for name in DECIDED if name in table.column_names]).combine_chunks()


def export_rows(listed: pa.Table, contacts: pa.Table | None, *, plan: CampaignPlan) -> pa.Table:
    """Join contact data and consent, as they are now, to the contacts of a list.

    Parameters
    ----------
    listed : Table
        See :func:`contact_rows`.
    contacts : Table or None
        Contact data and consent by role, see :func:`churnml.campaign.consent.permit`.
    plan : CampaignPlan
        What counts as a consent.

    Returns
    -------
    Table
        With ``agreed_<channel>`` for every channel, and ``agreed_list`` for the channel of each row. Who has no row of
        contact data any more has agreed to nothing.
    """
    customers = listed["customer_id"].combine_chunks()
    agreed = {channel: _agreed(customers, contacts, channel, plan) for channel in KNOWN_CHANNELS}
    own = np.asarray(listed["channel"].to_pylist(), dtype=object)
    by_list = np.zeros(len(own), dtype=bool)
    for channel in set(own.tolist()):
        # Without contact data here, consent is checked where they live.
        where = agreed["email"] if channel == UNASSIGNED else agreed.get(channel, by_list)
        by_list |= (own == channel) & where
    rows = listed
    if contacts is not None:
        at = pc.index_in(customers, value_set=contacts["customer_id"].combine_chunks())
        for name in contacts.column_names:
            if name not in rows.column_names and not name.startswith(("consent_", "objected")):
                rows = rows.append_column(name, contacts[name].cast(pa.string()).take(at))
    for channel, flags in {**agreed, "list": by_list}.items():
        rows = rows.append_column(f"agreed_{channel}", pa.array(flags))
    return rows


def _agreed(customers: pa.Array, contacts: pa.Table | None, channel: str, plan: CampaignPlan) -> Any:
    # The share of unknown values was looked at when the list was made; here each of them is a no.
    alone = replace(plan, channels=(channel,), unknown_consent_limit=1.0)
    return np.isin(permit(customers, contacts, plan=alone).reason.astype(str), ["", "no_contact_data"])


def write_targets(
    params: Params,
    listed: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    root: Path,
    folders: Iterable[tuple[ExportTarget, Path]],
) -> list[dict[str, Any]]:
    """Write the files of some targets, each into a folder of its own.

    Parameters
    ----------
    params : Params
    listed : Table
        See :func:`contact_rows`.
    contacts : Table or None
        Contact data and consent by role, as they are now.
    plan : CampaignPlan
    root : Path
        Project folder, for templates and mappings.
    folders : iterable of (ExportTarget, Path)

    Returns
    -------
    list of dict
        The manifests.

    Raises
    ------
    ConfigError
        If a target cannot be filled from these data.
    PrivacyError
        If a target's rules do not hold for what was written.
    """
    rows = export_rows(listed, contacts, plan=plan)
    manifests = []
    for entry, folder in folders:
        layout = layout_for(entry, params, rows.column_names, root=root)
        manifests.append(write_export(rows, layout, folder, _batch(params, entry, listed, plan)))
    return manifests


def _batch(params: Params, entry: ExportTarget, listed: pa.Table, plan: CampaignPlan) -> Batch:
    first = listed.slice(0, 1).to_pylist()[0] if listed.num_rows else {}
    as_of = first.get("scored_at")
    return Batch(
        campaign=plan.name,
        as_of=as_of.date() if as_of else datetime.fromtimestamp(params.histories.as_of_us / 1e6, UTC).date(),
        country=params.exports.country or "",
        audience=entry.audience or "",
        versions=tuple((name, first.get(name, "")) for name in ("model_version", "policy_version")),
    )


def write_list(listed: pa.Table, folder: Path) -> None:
    """Write the contacts of a list for the exports that are asked for later."""
    write_parquet(listed, folder / CONTACTS_FILE)


def read_list(folder: Path) -> pa.Table:
    """Read the contacts of a stored list.

    Raises
    ------
    DataError
        If there is no such list, or its file is not the one its manifest names.
    """
    path = folder / CONTACTS_FILE
    if not path.is_file():
        raise DataError(
            "no such list", rule="data.file_missing", file=folder.name, next_step="Run the campaign first: churnml run."
        )
    if read_json(folder / "manifest.json")["files"].get(CONTACTS_FILE, {}).get("sha256") != digest_file(path):
        raise digest_fault(path.name)
    return read_parquet(path)
