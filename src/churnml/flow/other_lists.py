"""The lists beside the retention list: each that is configured is made, or says in a sentence why it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList, write_team_list
from churnml.config import Affected, Compensation, Params
from churnml.flow.affected import make_affected
from churnml.flow.compensation import make_compensation
from churnml.flow.freshness import stale_tables
from churnml.flow.loyal_alarm import make_loyal_alarm
from churnml.flow.unmade import Unmade
from churnml.flow.winback import make_winback
from churnml.histories.store import History
from churnml.storage import digest_bytes

__all__ = ["make_other_lists", "write_affected", "write_compensation"]


def make_other_lists(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    labels: Path,
    folder: Path,
) -> list[Unmade]:
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
    labels : Path
        Folder of labels.
    folder : Path
        ``<folder>/<name of the list>`` is written.

    Returns
    -------
    list of Unmade
        The lists that could not be made, and why.
    """
    lists = params.lists
    unmade: list[Unmade] = []
    if lists.winback is not None:
        made = make_winback(params, history, scores, contacts, plan=plan, labels=labels)
        unmade += _written(made, history, params, lists.winback, folder / lists.winback.name)
    if lists.loyal_alarm is not None:
        made = make_loyal_alarm(params, history, scores, contacts, plan=plan, labels=labels)
        unmade += _written(made, history, params, lists.loyal_alarm, folder / lists.loyal_alarm.name)
    for rule in lists.affected:
        write_affected(params, history, scores, contacts, rule=rule, plan=plan, folder=folder / rule.name)
    for block in lists.compensation:
        rule = next(rule for rule in lists.affected if rule.name == block.affected)
        target = folder / block.name
        write_compensation(params, history, scores, contacts, block=block, rule=rule, plan=plan, folder=target)
    return unmade


def _written(made: TeamList | Unmade, history: History, params: Params, block: BaseModel, folder: Path) -> list[Unmade]:
    if isinstance(made, Unmade):
        return [made]
    _write(made, history, params, [block], folder)
    return []


def _write(
    made: TeamList, history: History, params: Params, blocks: Sequence[BaseModel], folder: Path
) -> dict[str, Any]:
    """Write a list, marked where a table is older than agreed."""
    told = [each.model_dump(mode="json") for each in blocks]
    made = replace(made, stale=stale_tables(params, history))
    return write_team_list(made, folder, config_digest=_digest(told if len(told) > 1 else told[0]))


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
    own = replace(plan, channels=rule.channels or plan.used_channels)
    found = make_affected(params, history, scores, contacts, rule=rule, plan=own)
    return _write(found, history, params, [rule], folder)


def write_compensation(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    block: Compensation,
    rule: Affected,
    plan: CampaignPlan,
    folder: Path,
) -> dict[str, Any]:
    """Write the list of help for those one rule concerns."""
    own = replace(plan, channels=rule.channels or plan.used_channels)
    found = make_compensation(params, history, scores, contacts, block=block, rule=rule, plan=own)
    return _write(found, history, params, [block, rule], folder)


def _digest(block: Any) -> str:
    return digest_bytes(repr(block).encode())
