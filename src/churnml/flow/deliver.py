"""Campaign and export: one decision per customer, then the files a team works with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.targeting import decide
from churnml.campaign.work import ARMS, WORK_FILE, work_rows, write_work
from churnml.config import Params, resolved
from churnml.flow.effects import with_past_effects
from churnml.flow.exporting import contact_rows, write_list, write_targets
from churnml.flow.freshness import stale_tables
from churnml.flow.known import contact_data, customer_attributes, left_by_label, levels_of, past_contact_rows
from churnml.flow.list_files import Places, write_campaign
from churnml.flow.named import hides_of
from churnml.flow.plan import campaign_plan
from churnml.flow.playbook import read_playbook
from churnml.histories.crises import Regime
from churnml.histories.store import History
from churnml.parquet import read_parquet, write_parquet
from churnml.storage import digest_bytes

__all__ = ["make_lists"]


def make_lists(
    params: Params,
    history: History,
    scores: pa.Table,
    *,
    labels: Path | None,
    folder: Path,
    holdouts: Path | None = None,
    records: Path | None = None,
    root: Path | None = None,
    regime: Regime | None = None,
) -> dict[str, Any]:
    """Decide and write the lists of the campaign; contact data and consent are read here and nowhere before.

    Parameters
    ----------
    params : Params
    history : History
    scores : pyarrow.Table
    labels : Path or None
        With ready labels: folder of labels; who has churned already is not contacted.
    folder : Path
        ``<folder>/<campaign>`` is written, with one folder a target of ``exports`` inside.
    holdouts : Path or None
        Folder in which ``<campaign>.parquet`` keeps who was drawn into which arm, from one list to the next; None =
        every list draws anew.
    records : Path or None
        Where what was decided in each run is kept, so that the next one can say what has changed.
    root : Path or None
        Project folder, for the playbook and the files that ``exports`` names; None = the working folder.
    regime : Regime or None
        What every file says where it is not the normal one.

    Returns
    -------
    dict
        The manifest.
    """
    if params.churn.definition == "label" and labels is not None:
        scores = _without_the_churned(scores, left_by_label(history, labels))
    zone = params.histories.timezone
    campaign = params.campaign.in_effect(params.histories.as_of_us, timezone=zone)
    plan = with_past_effects(campaign_plan(params, regime=regime), params, history)
    playbook = read_playbook(campaign, root=root or Path.cwd())
    attributes = customer_attributes(params, campaign, history)
    if playbook is not None and campaign.segment is not None:
        playbook.check_segments(levels_of(attributes, campaign.segment))
    kept = None if holdouts is None else holdouts / f"{plan.name}.parquet"
    contacts = contact_data(params, history, plan=plan)
    decisions = decide(
        scores,
        contacts,
        plan=plan,
        playbook=playbook,
        attributes=attributes,
        past=past_contact_rows(params, history, root=root),
        ledger=read_parquet(kept) if kept is not None and kept.exists() else None,
    )
    decisions = replace(decisions, stale=stale_tables(params, history))
    config = digest_bytes(repr(sorted(resolved(params)["campaign"].items())).encode())
    # The draw is kept first: a list that was delivered must never be drawn again.
    if kept is not None:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_parquet(decisions.ledger, kept)

    def also(temp: Path) -> None:
        listed = contact_rows(decisions)
        write_list(listed, temp)
        folders = [(entry, temp / entry.folder) for entry in params.exports.targets]
        arms = {arm: decisions.of(arm) for arm in ARMS}
        write_work(work_rows(arms), temp / WORK_FILE, name=plan.name, day=decisions.as_of)
        write_targets(params, listed, contacts, plan=plan, root=root or Path.cwd(), folders=folders)

    places = Places(folder / plan.name, records, hides_of(history, root=root or Path.cwd()))
    return write_campaign(params, history, scores, decisions, places, config_digest=config, also=also)


def _without_the_churned(scores: pa.Table, left: pa.Array) -> pa.Table:
    """Blank the probability of customers whose label says that they have left."""
    gone = pc.is_in(scores["customer_id"], value_set=left).to_numpy()
    for name in ("p_churn", "value_at_risk"):
        kept = np.where(gone, np.nan, pc.fill_null(scores[name], np.nan).to_numpy())
        scores = scores.set_column(scores.column_names.index(name), name, pa.array(kept, from_pandas=True))
    band = pc.if_else(pa.array(gone), "not_at_risk", scores["risk_band"])
    return scores.set_column(scores.column_names.index("risk_band"), "risk_band", band)
