"""Customers lost at earlier dates and what they did: what the win-back list learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params, Winback
from churnml.engines.local import map_buckets
from churnml.estimators.returning import ReturnValue, fit_return_value
from churnml.features.lapsed import lapsed_figures, mean_amount
from churnml.flow.roles import churn_definition, churn_window, value_definition
from churnml.flow.spine import settle_us
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.holes import touches_hole
from churnml.labels.returns import return_labels
from churnml.labels.value import value_labels
from churnml.snapshots.churned import losses
from churnml.timeline import DAY_US, days_to_us, observation_grid

__all__ = ["Cases", "figures_of", "filled"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_MOST_DATES = 8
_MOST_CASE_CUSTOMERS = 50_000
"""Customers whose earlier losses are learned from, at most: evenly taken, they say as much as all."""
_LEAST_HISTORY_US = 90 * DAY_US


def filled(column: pa.ChunkedArray) -> Floats:
    """Return a column of numbers, missing ones as NaN."""
    return pc.fill_null(column, float("nan")).to_numpy()  # type: ignore[no-any-return]


def figures_of(
    bucket: Bucket, history: History, params: Params, customer: Int64s, dates: Int64s, since: Int64s, last: Int64s
) -> pa.Table:
    """Return who it is, what was known of them, and the mean amount that their value is grouped by."""
    table = lapsed_figures(bucket, history, customer, dates, since=since, last=last)
    amount = np.full(len(customer), np.nan)
    if params.clv is not None and params.clv.measure == "amount":
        amount = mean_amount(bucket, history.tables[params.clv.table], customer, dates)
    ids = bucket.customers.take(pa.array(customer))
    return table.add_column(0, "customer_id", ids).append_column("_mean_amount", pa.array(amount, from_pandas=True))


@dataclass(frozen=True)
class Cases:
    """Customers lost at earlier dates, and what they did.

    Parameters
    ----------
    table : pyarrow.Table
        Figures known at the date, without what only groups values.
    dates : ndarray of int64
    returned : ndarray of {0, 1}
    amount, value : ndarray
        Mean amount before the date; value in the ``value_us`` after it, NaN where that is not observed.
    value_us : int
    """

    table: pa.Table
    dates: Int64s
    returned: Floats
    amount: Floats
    value: Floats
    value_us: int

    @classmethod
    def of(cls, params: Params, history: History, block: Winback) -> Cases:
        """Look at every earlier date whose outcome is settled, as the list looks at ``as_of``."""
        settled = history.as_of - settle_us(history, params, {params.churn.table})
        dates = _dates(params, history, block, settled)
        value_us = _value_horizon(params, dates, settled, block)
        n = sum(len(Bucket(history, number).customers) for number in range(history.n_buckets)) if len(dates) else 0
        step = max(1, -(-n // _MOST_CASE_CUSTOMERS))

        def one(number: int) -> tuple[pa.Table, Int64s, Floats, Floats]:
            return _cases_of(params, history, block, Bucket(history, number), dates, settled, value_us, step)

        parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads) if len(dates) else []
        if not parts:
            empty = np.empty(0)
            return cls(pa.table({}), np.empty(0, np.int64), empty, empty, empty, value_us)
        table = pa.concat_tables([part[0] for part in parts], promote_options="default").combine_chunks()
        joined = [np.concatenate([part[k] for part in parts]) for k in (1, 2, 3)]
        amount = filled(table["_mean_amount"])
        return cls(table.drop_columns(["_mean_amount"]), joined[0], joined[1], amount, joined[2], value_us)

    def value_model(self) -> ReturnValue | None:
        """Return what those who came back brought, or None where that is not known."""
        known = (self.returned == 1) & np.isfinite(self.value)
        return fit_return_value(self.amount[known], self.value[known]) if known.any() else None


def _dates(params: Params, history: History, block: Winback, settled: int) -> Int64s:
    """Return the dates to learn from, ascending: as far apart as a return may take, with history before each."""
    reach = days_to_us(block.return_within_days)
    start = history.tables[params.churn.table].first_us + churn_window(params).horizon_us + _LEAST_HISTORY_US
    dates = observation_grid(newest=settled - reach, every_us=reach, count=_MOST_DATES, oldest=start)
    before = churn_window(params).horizon_us if params.churn.definition == "inactivity" else 0
    tables = {params.churn.table}
    return dates[~touches_hole(dates, history.holes, tables=tables, before_us=before, reach_us=reach)]


def _value_horizon(params: Params, dates: Int64s, settled: int, block: Winback) -> int:
    """Return over how long value is counted: the value horizon, or as much as half the dates can show."""
    if params.clv is None or not len(dates):
        return 0
    observed = settled - int(dates[(len(dates) - 1) // 2])
    return min(days_to_us(params.clv.horizon_days), max(observed, days_to_us(block.return_within_days)))


def _cases_of(
    params: Params,
    history: History,
    block: Winback,
    bucket: Bucket,
    dates: Int64s,
    settled: int,
    value_us: int,
    step: int,
) -> tuple[pa.Table, Int64s, Floats, Floats]:
    """Return figures, date, return and value of the customers of a bucket that were lost at any of the dates."""
    definition, window = churn_definition(params), churn_window(params)
    some = np.arange(0, len(bucket.customers), step)
    customer, when = np.repeat(some, len(dates)), np.tile(dates, len(some))
    found = losses(bucket, history, definition, window, customer, when)
    # The list drops who left too long ago: neither are they learned from.
    is_case = found.is_lost & (when - np.where(found.is_lost, found.since, 0) <= days_to_us(block.list_for_days))
    customer, when, since, last = (values[is_case] for values in (customer, when, found.since, found.last))
    reach = days_to_us(block.return_within_days)
    labels = return_labels(bucket, history, definition, customer, when, last, reach_us=reach, settled_until=settled)
    keep = labels >= 0
    customer, when, since, last = (values[keep] for values in (customer, when, since, last))
    table = figures_of(bucket, history, params, customer, when, since, last)
    value = np.full(len(customer), np.nan)
    worth = value_definition(params)
    if worth is not None:
        known = when + value_us <= settled
        is_spells = history.tables[worth.table].kind == "spells"
        value[known] = value_labels(
            bucket, worth, customer[known], when[known], horizon_us=value_us, is_spells=is_spells
        )
    return table, when, labels[keep].astype(np.float64), value
