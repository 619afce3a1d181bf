"""The alarm about loyal customers: who is loyal now, who was at earlier dates, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.loyal_alarm import DateRate, Group, loyal_list
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList
from churnml.campaign.tiers import value_tiers
from churnml.config import LoyalAlarm, Params
from churnml.engines.local import map_buckets
from churnml.features.standing import tenure_days, year_value
from churnml.flow.buckets import bucket_path
from churnml.flow.unmade import Unmade
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.parquet import read_parquet
from churnml.timeline import DAY_US, us_to_date
from churnml.wording import words

__all__ = ["make_loyal_alarm"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_PERIOD_US = 30 * DAY_US
_FROM_SCORES = ("risk_band", "p_churn", "clv", "value_at_risk", "reason_1", "reason_2", "reason_3")


def make_loyal_alarm(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    labels: Path,
) -> TeamList | Unmade:
    """Return the alarm's list and verdict, or why there is none.

    Parameters
    ----------
    params : Params
        With ``lists.loyal_alarm``.
    history : History
    scores : pyarrow.Table
    contacts : pyarrow.Table or None
    plan : CampaignPlan
        Of the retention campaign.
    labels : Path
        Folder of labels: who was at risk at which date, and what became of them.
    """
    block = params.lists.loyal_alarm or LoyalAlarm()
    if params.clv is None and block.tenure_days is None:
        return Unmade(block.name, "loyal_alarm.no_value")
    now = _standing_now(params, history, scores)
    before = _standing_before(params, history, labels)
    zone, has_value = params.histories.timezone, params.clv is not None
    parts_now, parts_before = (_parts(table, block, has_value=has_value) for table in (now, before))
    p_now = _probabilities(now, scores)
    group = Group(
        _members(now, parts_now, scores),
        judged={name: (p_now[chosen], _rates(before, parts_before[name], zone)) for name, chosen in parts_now.items()},
        everybody=_rates(before, np.ones(before.num_rows, dtype=bool), zone),
        p_all=scores["p_churn"].drop_null().to_numpy(),
        rule=_rule_words(block, plan.language, has_value=has_value),
    )
    return loyal_list(
        group,
        contacts,
        plan=replace(plan, name=block.name, channels=plan.used_channels),
        as_of=us_to_date(history.as_of, timezone=zone),
        model_version=str(scores["model_version"][0].as_py()) if scores.num_rows else "",
        excess=block.excess,
        confidence=block.confidence,
        least_probability=block.least_probability or params.campaign.risk_bands[1],
    )


def _standing_now(params: Params, history: History, scores: pa.Table) -> pa.Table:
    """Return tenure and tier of everybody at risk at ``as_of``."""
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))["customer_id"].combine_chunks()

    def one(number: int) -> pa.Table:
        bucket = Bucket(history, number)
        customer = np.flatnonzero(pc.is_in(bucket.customers, value_set=at_risk).to_numpy(zero_copy_only=False))
        return _standing(params, history, bucket, customer, np.full(len(customer), history.as_of, dtype=np.int64))

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    return _with_tiers(pa.concat_tables(parts).combine_chunks())


def _standing_before(params: Params, history: History, labels: Path) -> pa.Table:
    """Return tenure, tier and outcome of everybody at risk at the earlier dates with a known outcome."""

    def one(number: int) -> pa.Table:
        rows = read_parquet(bucket_path(labels / "churn", number))
        rows = rows.filter(pc.is_valid(rows["is_churned"]))
        bucket = Bucket(history, number)
        customer, dates = bucket.snapshots(rows)
        table = _standing(params, history, bucket, customer, dates)
        return table.append_column("is_churned", rows["is_churned"].cast(pa.int64()).combine_chunks())

    if params.churn.definition == "label":
        # A ready label has no date: nothing is known of earlier ones.
        empty = pa.schema([("customer_id", pa.string()), ("date", pa.int64()), ("tenure_days", pa.float64())])
        empty = empty.append(pa.field("past_tier", pa.string())).append(pa.field("is_churned", pa.int64()))
        return empty.empty_table()
    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    table = pa.concat_tables(parts).combine_chunks()
    if params.snapshots.anchor == "joined":
        # On clocks of their own hardly two are observed at once: those of the same days are taken together.
        period = table["date"].to_numpy() // _PERIOD_US * _PERIOD_US
        table = table.set_column(table.column_names.index("date"), "date", pa.array(period))
    return _with_tiers(table)


def _standing(params: Params, history: History, bucket: Bucket, customer: Int64s, dates: Int64s) -> pa.Table:
    columns: dict[str, Any] = {
        "customer_id": bucket.customers.take(pa.array(customer)),
        "date": dates,
        "tenure_days": tenure_days(bucket, history, customer, dates),
        "value": np.full(len(customer), np.nan),
    }
    if params.clv is not None:
        info, is_count = history.tables[params.clv.table], params.clv.measure == "count"
        columns["value"] = year_value(bucket, info, customer, dates, is_count=is_count)
    return pa.table(columns)


def _with_tiers(table: pa.Table) -> pa.Table:
    """Add the tier of each customer among all at risk at the same date."""
    dates, value = table["date"].to_numpy(), table["value"].to_numpy()
    tier = np.full(table.num_rows, "C", dtype=object)
    for date in np.unique(dates):
        tier[dates == date] = value_tiers(value[dates == date])
    return table.append_column("past_tier", pa.array(tier, pa.string())).drop_columns(["value"])


def _parts(table: pa.Table, block: LoyalAlarm, *, has_value: bool) -> dict[str, Bools]:
    """Return who is loyal, and where the rule has two parts, whom each of them names."""
    parts = {}
    if block.tenure_days is not None:
        days = pc.greater_equal(table["tenure_days"], block.tenure_days)
        parts["tenure"] = pc.fill_null(days, False).to_numpy().astype(bool)
    if block.tiers and has_value:
        tiers = pc.is_in(table["past_tier"], value_set=pa.array(block.tiers, pa.string()))
        parts["tier"] = tiers.to_numpy().astype(bool)
    joint = np.all if block.match == "all" else np.any
    loyal: Bools = joint(list(parts.values()), axis=0)
    return {"loyal": loyal, **(parts if len(parts) > 1 else {})}


def _probabilities(now: pa.Table, scores: pa.Table) -> Floats:
    place = pc.index_in(now["customer_id"], value_set=scores["customer_id"].combine_chunks())
    return scores["p_churn"].take(place).to_numpy()  # type: ignore[no-any-return]


def _members(now: pa.Table, parts: dict[str, Bools], scores: pa.Table) -> pa.Table:
    chosen = parts["loyal"]
    members = now.filter(pa.array(chosen))
    place = pc.index_in(members["customer_id"], value_set=scores["customer_id"].combine_chunks())
    columns = {
        "customer_id": members["customer_id"],
        "tenure_days": pc.floor(members["tenure_days"]).cast(pa.int64()),
        "past_tier": members["past_tier"],
    }
    if len(parts) > 1:
        by = np.select([parts["tenure"] & parts["tier"], parts["tenure"]], ["both", "tenure"], default="tier")
        columns["loyal_by"] = pa.array(by[chosen].astype(object), pa.string())
    return pa.table({**columns, **{name: scores[name].take(place) for name in _FROM_SCORES}})


def _rates(before: pa.Table, chosen: Bools, zone: str) -> list[DateRate]:
    dates, churned = before["date"].to_numpy(), before["is_churned"].to_numpy()
    rates = []
    for at in np.unique(dates):
        rows = (dates == at) & chosen
        rates.append(DateRate(us_to_date(int(at), timezone=zone), int(rows.sum()), int(churned[rows].sum())))
    return rates


def _rule_words(block: LoyalAlarm, language: str, *, has_value: bool) -> str:
    parts = []
    if block.tenure_days is not None:
        parts.append(words("loyal_alarm.by_tenure", language, days=block.tenure_days))
    if block.tiers and has_value:
        parts.append(words("loyal_alarm.by_tier", language, tiers=", ".join(block.tiers)))
    joint = words(f"loyal_alarm.{'and' if block.match == 'all' else 'or'}", language)
    return words("loyal_alarm.rule", language, rule=joint.join(parts))
