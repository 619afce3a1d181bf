"""The win-back list: who is lost at ``as_of``, what customers lost earlier did, and the reasons given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.recoverable import ReasonRule
from churnml.campaign.team_list import TeamList
from churnml.campaign.winback import Lost
from churnml.campaign.winback_files import winback_list
from churnml.config import Params, Winback
from churnml.engines.local import map_buckets
from churnml.errors import ModelError
from churnml.estimators.returning import fit_returns
from churnml.flow.known import customer_attributes, left_by_label, past_contact_rows
from churnml.flow.lost_cases import Cases, figures_of, filled
from churnml.flow.lost_reasons import reasons_of
from churnml.flow.roles import churn_definition, churn_window
from churnml.flow.unmade import Unmade
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.holes import touches_hole
from churnml.snapshots.churned import losses
from churnml.timeline import DAY_US, days_to_us

__all__ = ["make_winback"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def make_winback(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    labels: Path,
) -> TeamList | Unmade:
    """Return the win-back list, or why there is none.

    Parameters
    ----------
    params : Params
        With ``lists.winback``.
    history : History
    scores : pyarrow.Table
        Who has a probability of leaving is not lost: the retention list looks after them.
    contacts : pyarrow.Table or None
    plan : CampaignPlan
        Of the retention campaign.
    labels : Path
        Folder of labels; ready ones say who has left.
    """
    block = params.lists.winback or Winback()
    own = _plan_of(block, plan)
    if params.churn.definition == "label":
        return _by_label(params, history, contacts, block, own, labels, scores)
    window, table = churn_window(params), params.churn.table
    before = window.horizon_us if params.churn.definition == "inactivity" else 0
    as_of = np.array([history.as_of])
    if touches_hole(as_of, history.holes, tables={table}, before_us=before, reach_us=0).any():
        return Unmade(own.name, "winback.hole")
    now = _at_as_of(params, history, block)
    cases = Cases.of(params, history, block)
    try:
        model = fit_returns(
            cases.table,
            cases.returned,
            cases.dates,
            reach_us=days_to_us(block.return_within_days),
            seed=params.train.seed,
        )
    except ModelError as error:
        if error.rule != "model.no_returns":
            raise
        if block.assumed_return is None:
            return Unmade(own.name, "winback.nobody_returned")
        p, learned = np.full(now.num_rows, block.assumed_return), _assumed(block)
    else:
        p, learned = model.predict(now) if now.num_rows else np.empty(0), dict(model.facts)
    value = cases.value_model()
    worth = np.full(now.num_rows, np.nan) if value is None else value.predict(filled(now["_mean_amount"]))
    learned |= {} if value is None else {"value": value.facts}
    lost = Lost(
        _lost_table(now, scores, p, worth, params),
        list_for_days=block.list_for_days,
        lists_others=block.other_reasons == "list",
        return_within_days=block.return_within_days,
        value_days=cases.value_us // DAY_US if value is not None else 0,
        learned=learned,
        **_house_rules(params, history),
    )
    return winback_list(lost, contacts, plan=own, as_of_us=history.as_of, model_version=_version(scores))


def _plan_of(block: Winback, plan: CampaignPlan) -> CampaignPlan:
    """Return the campaign's plan with what the list has of its own."""
    return replace(
        plan,
        name=block.name,
        cost=plan.cost if block.cost is None else block.cost,
        capacity=plan.capacity if block.capacity is None else block.capacity,
        holdout_share=plan.holdout_share if block.holdout_share is None else block.holdout_share,
        channels=block.channels or plan.used_channels,
    )


def _house_rules(params: Params, history: History) -> dict[str, pa.Table | None]:
    """Return what pauses, caps and rules of the campaign ask for."""
    campaign = params.campaign.in_effect(params.histories.as_of_us, timezone=params.histories.timezone)
    return {
        "past": past_contact_rows(params, history) if campaign.pause_days or campaign.cap else None,
        "attributes": customer_attributes(params, campaign, history),
    }


def _version(scores: pa.Table) -> str:
    return str(scores["model_version"][0].as_py()) if scores.num_rows else ""


def _assumed(block: Winback) -> dict[str, Any]:
    return {"rule": "assumed", "assumed_return": block.assumed_return}


def _rule_of(block: Winback) -> ReasonRule:
    return ReasonRule(block.not_recoverable, block.recoverable, block.other_reasons == "list")


def _at_as_of(params: Params, history: History, block: Winback) -> pa.Table:
    """Return the customers lost at ``as_of`` with their figures and what their reasons say."""
    definition, window, rule = churn_definition(params), churn_window(params), _rule_of(block)

    def one(number: int) -> pa.Table:
        bucket = Bucket(history, number)
        n = len(bucket.customers)
        customer, dates = np.arange(n), np.full(n, history.as_of, dtype=np.int64)
        found = losses(bucket, history, definition, window, customer, dates)
        keep = found.is_lost
        table = figures_of(bucket, history, params, customer[keep], dates[keep], found.since[keep], found.last[keep])
        told = reasons_of(bucket, history, definition, rule, extra=block.reason_columns)
        return _with_columns(table, {"since": found.since[keep], **told.of(customer[keep])})

    return pa.concat_tables(map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads))


def _with_columns(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(name, values if isinstance(values, pa.Array) else pa.array(values))
    return table


def _lost_table(now: pa.Table, scores: pa.Table, p: Floats, worth: Floats, params: Params) -> pa.Table:
    place = pc.index_in(now["customer_id"], value_set=scores["customer_id"].combine_chunks())
    is_at_risk = pc.fill_null(pc.is_valid(scores["p_churn"].take(place)), False)
    if params.churn.definition == "inactivity" and params.churn.active_within_days is None:
        # Then everybody who ever bought counts as at risk, however long ago.
        is_at_risk = pa.array(np.zeros(now.num_rows, dtype=bool))
    columns = {name: now[name] for name in ("customer_id", "since", "verdict", "last_verdict", "last_reason")}
    columns |= {"is_at_risk": is_at_risk, "p_return": pa.array(p, from_pandas=True)}
    return pa.table({**columns, "value_after_return": pa.array(worth, from_pandas=True)})


def _by_label(
    params: Params,
    history: History,
    contacts: pa.Table | None,
    block: Winback,
    plan: CampaignPlan,
    labels: Path,
    scores: pa.Table,
) -> TeamList | Unmade:
    """Return the list of those whose ready label says that they have left: when, and who returned, nobody knows."""
    if block.assumed_return is None:
        return Unmade(plan.name, "winback.label")
    left = left_by_label(history, labels)
    definition, rule = churn_definition(params), _rule_of(block)

    def one(number: int) -> pa.Table:
        bucket = Bucket(history, number)
        gone = pc.is_in(bucket.customers, value_set=left).to_numpy(zero_copy_only=False)
        customer = np.flatnonzero(gone)
        told = reasons_of(bucket, history, definition, rule, extra=block.reason_columns)
        return _with_columns(pa.table({"customer_id": bucket.customers.take(pa.array(customer))}), told.of(customer))

    now = pa.concat_tables(map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads))
    n = now.num_rows
    now = _with_columns(
        now,
        {
            "since": pa.nulls(n, pa.int64()),
            "is_at_risk": np.zeros(n, dtype=bool),
            "p_return": np.full(n, block.assumed_return),
            "value_after_return": pa.nulls(n, pa.float64()),
        },
    )
    lost = Lost(
        now,
        list_for_days=block.list_for_days,
        lists_others=block.other_reasons == "list",
        return_within_days=block.return_within_days,
        value_days=0,
        learned=_assumed(block),
        **_house_rules(params, history),
    )
    return winback_list(lost, contacts, plan=plan, as_of_us=history.as_of, model_version=_version(scores))
