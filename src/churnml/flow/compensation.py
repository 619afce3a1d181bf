"""Help for those a fault hit hardest: whom, how hard, and with how much, from prepared histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.affected_set import rows_meant
from churnml.campaign.compensation import HARM_UNIT, Harm, compensation_list
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.shared_help import Grant
from churnml.campaign.team_list import TeamList
from churnml.config import Affected, CalendarTable, Compensation, Params
from churnml.engines.local import map_buckets
from churnml.flow.affected import concern_of, purchase_of
from churnml.flow.known import category_columns
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import us_to_date

__all__ = ["make_compensation"]

Int64s = npt.NDArray[np.int64]
_MOST_LEVELS = 12
"""Categories of more levels part nobody."""


def make_compensation(
    params: Params,
    history: History,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    block: Compensation,
    rule: Affected,
    plan: CampaignPlan,
) -> TeamList:
    """Return the list of help for those a rule concerns.

    Raises
    ------
    DataError
        As :func:`churnml.flow.affected.concern_of`.
    """
    concern = replace(concern_of(params, history, rule, language=plan.language), name=block.name)
    units = _units(params, history, concern.customers, scores, rule=rule, measure=block.harm)
    harm = Harm(block.harm, units, _groups(params, history, concern.customers))
    grant = Grant(budget=block.budget, least=block.least, most=block.most, per_unit=block.per_unit)
    as_of = us_to_date(history.as_of, timezone=params.histories.timezone)
    return compensation_list(concern, harm, grant, scores, contacts, plan=plan, as_of=as_of)


def _units(
    params: Params, history: History, customers: pa.Array, scores: pa.Table, *, rule: Affected, measure: str
) -> Int64s:
    """Return how hard each customer was hit, in parts of a unit."""
    if measure == "value":
        place = pc.index_in(customers, value_set=scores["customer_id"].combine_chunks())
        value = np.nan_to_num(scores["value_at_risk"].take(place).to_numpy(zero_copy_only=False).astype(np.float64))
        at_risk: Int64s = np.rint(np.maximum(value, 0) * HARM_UNIT).astype(np.int64)
        return at_risk
    if isinstance(params.histories.tables[rule.table], CalendarTable):
        return np.full(len(customers), HARM_UNIT, dtype=np.int64)
    asked = purchase_of(params, rule)

    def one(number: int) -> tuple[pa.Array, Int64s]:
        bucket = Bucket(history, number)
        each = np.where(rows_meant(bucket, asked), _of_rows(measure)(bucket, rule.table), 0)
        sums = np.concatenate([[0], np.cumsum(each)])
        offsets = bucket.offsets(rule.table)
        return bucket.customers, sums[offsets[1:]] - sums[offsets[:-1]]

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    everybody = pa.concat_arrays([ids.cast(pa.string()) for ids, _ in parts])
    units = np.concatenate([each for _, each in parts])
    found: Int64s = units[pc.index_in(customers, value_set=everybody).to_numpy()]
    return found


def _of_rows(measure: str) -> Callable[[Bucket, str], Int64s]:
    """Return what gives the harm of each row of a bucket."""
    if measure == "rows":
        return lambda bucket, table: np.full(bucket.n_rows(table), HARM_UNIT, dtype=np.int64)
    if measure == "amount":
        return lambda bucket, table: np.maximum(bucket.money(table)[0], 0)
    return lambda bucket, table: np.rint(
        np.maximum(np.nan_to_num(bucket.numbers(table, measure), posinf=0, neginf=0), 0) * HARM_UNIT
    ).astype(np.int64)


def _groups(params: Params, history: History, customers: pa.Array) -> dict[str, pa.Array]:
    """Return the categories of the customers that have few levels, the campaign's segment first."""
    name = params.customers_table
    if name is None:
        return {}
    names = history.tables[name].categories
    segment = params.campaign.segment
    first = [segment] if segment in names else []
    columns = list(dict.fromkeys([*first, *names]))
    table = category_columns(history, name, columns)
    place = pc.index_in(customers, value_set=table["customer_id"].combine_chunks().cast(pa.string()))
    found = {column: table[column].cast(pa.string()).combine_chunks() for column in columns}
    few = {column: levels for column, levels in found.items() if 1 < pc.count_distinct(levels).as_py() <= _MOST_LEVELS}
    return {column: levels.take(place) for column, levels in few.items()}
