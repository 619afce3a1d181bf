"""The lists beside the retention list: each that is configured is made, or says in a sentence why it cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import write_team_list
from churnml.config import Affected, Params
from churnml.flow.affected import make_affected
from churnml.histories.store import History
from churnml.storage import digest_bytes

__all__ = ["make_other_lists", "write_affected"]


def make_other_lists(
    params: Params, history: History, scores: pa.Table, contacts: pa.Table | None, *, plan: CampaignPlan, folder: Path
) -> list[dict[str, Any]]:
    """Write the configured lists, one folder each.

    Parameters
    ----------
    params : Params
    history : History
    scores : pyarrow.Table
    contacts : pyarrow.Table or None
        Contact data and consent by role.
    plan : CampaignPlan
        Of the retention campaign, whose settings hold where a list has none of its own.
    folder : Path
        ``<folder>/<name of the list>`` is written.

    Returns
    -------
    list of dict
        The manifests.
    """
    return [
        write_affected(params, history, scores, contacts, rule=rule, plan=plan, folder=folder / rule.name)
        for rule in params.lists.affected
    ]


def write_affected(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    rule: Affected,
    plan: CampaignPlan,
    folder: Path,
) -> dict[str, Any]:
    """Write the list of those one rule concerns."""
    own = replace(plan, channels=rule.channels or plan.channels)
    found = make_affected(params, history, scores, contacts, rule=rule, plan=own)
    return write_team_list(found, folder, config_digest=_digest(rule.model_dump(mode="json")))


def _digest(block: Any) -> str:
    return digest_bytes(repr(block).encode())
