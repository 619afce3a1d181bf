"""Effects of the campaign's actions as past contacts show them, in the place of the assumed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.effects import LearnedEffect, learn_effects
from churnml.campaign.plan import ActionPlan, CampaignPlan
from churnml.config import CustomersTable, Params
from churnml.flow.roles import churn_definition, churn_window, signs_of_life
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import churn_labels
from churnml.labels.leaving import leaving_labels
from churnml.labels.treatments import TreatmentLog
from churnml.timeline import NEVER

__all__ = ["contact_outcomes", "customer_segments", "past_effects", "with_past_effects"]

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]


def with_past_effects(plan: CampaignPlan, params: Params, history: History) -> CampaignPlan:
    """Return the plan with learned effects where the configuration asks for them and enough was seen."""
    if not any(action.is_learned for action in plan.actions):
        return plan
    found = past_effects(params, history)
    return replace(plan, actions=tuple(_learned(action, found) for action in plan.actions))


def past_effects(params: Params, history: History) -> dict[str, LearnedEffect]:
    """Return what past contacts show of each action, by its name in ``treatments.channel``; nothing without a control.

    The outcome is leaving within the churn horizon after the contact, where churn is silence, else churn itself;
    contacts whose outcome is not settled do not count. Levels of ``campaign.segment`` are told apart.

    Returns
    -------
    dict of str to LearnedEffect
        Also of actions of which too few were seen: ``is_enough`` says so, and how many.
    """
    treatments = params.treatments
    if treatments is None or not (treatments.table and treatments.channel and treatments.column):
        return {}
    log = TreatmentLog(treatments.table, treatments.column, treatments.treated, treatments.control)
    parts = [_contacts(params, Bucket(history, number), log, treatments.channel) for number in range(history.n_buckets)]
    whole = pa.concat_tables(parts)
    return learn_effects(
        whole["action"].to_numpy().astype(str),
        whole["is_treated"].to_numpy(),
        whole["has_left"].to_numpy().astype(np.float64),
        segment=whole["segment"].to_numpy().astype(str),
    )


def _contacts(params: Params, bucket: Bucket, log: TreatmentLog, action: str) -> pa.Table:
    """Return the contacts of one bucket whose outcome is settled."""
    offsets, dates = bucket.offsets(log.table), bucket.instants(log.table, "occurred_at")
    customer = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    treated, arms = log.is_treatment(bucket), bucket.categories(log.table, log.column)
    control = pc.fill_null(pc.is_in(arms, value_set=pa.array(log.control, pa.string())), False).to_numpy()
    left = contact_outcomes(params, bucket, customer, dates)
    counts = (treated | control) & (left >= 0) & (bucket.known_until(log.table) == NEVER)
    table = pa.table(
        {
            "action": pc.fill_null(bucket.categories(log.table, action), ""),
            "is_treated": pa.array(treated),
            "has_left": pa.array(left),
            "segment": customer_segments(params, bucket).take(pa.array(customer)),
        }
    )
    return table.filter(pa.array(counts))


def contact_outcomes(params: Params, bucket: Bucket, customer: Any, dates: Any) -> Int8s:
    """Return who left within the churn horizon after a contact: 1 left, 0 not, -1 not known yet, shape (n_rows,)."""
    window, definition = churn_window(params), churn_definition(params)
    until = params.histories.as_of_us
    if definition.kind == "inactivity":
        given = {"horizon_us": window.horizon_us, "settled_until": until}
        return leaving_labels(bucket, signs_of_life(params), customer, dates, **given)
    return churn_labels(bucket, definition, window, customer, dates, settled_until=until)


def customer_segments(params: Params, bucket: Bucket) -> pa.Array:
    """Return the level of the campaign's segment of each customer, empty where there is none."""
    name, n = params.campaign.segment, len(bucket.customers)
    tables = [key for key, table in params.histories.tables.items() if isinstance(table, CustomersTable)]
    if name is None or not tables:
        return pa.array([""] * n, pa.string())
    rows = bucket.rows_of(bucket.table(tables[0])["customer_id"])
    levels = np.full(n, "", dtype=object)
    levels[rows] = pc.fill_null(bucket.categories(tables[0], name), "").to_numpy(zero_copy_only=False)
    return pa.array(levels, pa.string())


def _learned(action: ActionPlan, found: Mapping[str, LearnedEffect]) -> ActionPlan:
    seen = found.get(action.name)
    if not action.is_learned or seen is None or not seen.is_enough:
        return action
    low, high = seen.interval
    effect = float(np.clip(seen.effect, low, high))
    by_segment = {level: float(np.clip(value, -1.0, 1.0)) for level, (value, _) in seen.by_segment.items() if level}
    return replace(action, effect=effect, effect_low=low, effect_high=high, effect_by_segment=by_segment)
