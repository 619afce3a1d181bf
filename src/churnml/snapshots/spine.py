"""The spine: one row per customer and observation date, from the newest settled date backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import DataError, TimeContractError
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import DAY_US, NEVER, OutcomeWindow, observation_grid, us_to_iso

__all__ = ["SnapshotPlan", "plan_snapshots", "spine_of"]

Int64s = npt.NDArray[np.int64]
_LEAST_HISTORY_US = 30 * DAY_US
_WANTED_HISTORY_US = 90 * DAY_US
_LEAST_VALUE_HORIZON_US = 14 * DAY_US


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """Which dates are observed and for what.

    Parameters
    ----------
    as_of : int
        The date that is scored.
    churn_dates, value_dates : ndarray of int64
        Dates whose churn outcome and whose value are settled at ``as_of``, ascending.
    value_horizon_us : int
        The horizon whose value can be labelled: at most the one asked for.
    anchors_us : tuple of int
        Ages at which each customer is observed, instead of common dates; empty = common dates.
    """

    as_of: int
    churn_dates: Int64s
    value_dates: Int64s
    value_horizon_us: int
    anchors_us: tuple[int, ...] = ()

    @property
    def dates(self) -> Int64s:
        """Return all dates, the scored one last."""
        return np.unique(np.concatenate([self.churn_dates, self.value_dates, [self.as_of]]).astype(np.int64))


def plan_snapshots(
    *,
    as_of: int,
    history_start: int,
    window: OutcomeWindow,
    every_us: int,
    count: int,
    value_horizon_us: int | None,
    value_start: int | None = None,
    anchors_us: Sequence[int] = (),
) -> SnapshotPlan:
    """Choose the observation dates: the newest with a settled outcome, then steps back.

    Parameters
    ----------
    as_of, history_start : int
        Microseconds, UTC; the history of the churn table begins at ``history_start``.
    window : OutcomeWindow
        Of churn.
    every_us, count : int
        Step and number of dates.
    value_horizon_us : int or None
        The horizon of the value asked for; None = no value model.
    value_start : int, optional
        Begin of the value table's history; default ``history_start``.
    anchors_us : sequence of int
        Ages of customers at which they are observed (anchor ``joined``).

    Raises
    ------
    TimeContractError
        If the horizon is longer than what the history can label.
    """
    newest = window.last_settled(as_of=as_of)
    if newest < history_start + _LEAST_HISTORY_US:
        longest = max(0, (as_of - history_start - _LEAST_HISTORY_US - window.lead_us - window.grace_us) // DAY_US)
        raise TimeContractError(
            f"the horizon of {window.horizon_us // DAY_US:,} days is longer than what the history can label: it begins "
            f"{us_to_iso(history_start)} and is read up to {us_to_iso(as_of)}, so at most {longest:,} days",
            rule="time.horizon_too_long",
            file="params.yaml",
            column="churn.horizon_days",
            next_step="Shorten churn.horizon_days, or deliver a longer history.",
        )
    oldest = history_start + min(_WANTED_HISTORY_US, window.horizon_us)
    step = every_us * _widening(window.reach_us, span_us=every_us * (count - 1))
    churn_dates = observation_grid(newest=newest, every_us=step, count=count, oldest=min(oldest, newest))
    value_dates, horizon = np.empty(0, dtype=np.int64), 0
    if value_horizon_us is not None:
        start = history_start if value_start is None else value_start
        horizon = labelled_value_horizon(value_horizon_us, as_of=as_of, start=start, every_us=every_us)
        steps = -(-max(0, newest - (as_of - horizon)) // every_us)
        newest_value = newest - steps * every_us
        # A checked date and a learned one lie a horizon apart: wide steps reach back that far with few dates.
        value_dates = observation_grid(
            newest=newest_value,
            every_us=every_us * _widening(horizon, span_us=every_us * (count - 1)),
            count=count,
            oldest=min(start + _WANTED_HISTORY_US, newest_value),
        )
    return SnapshotPlan(as_of, churn_dates, value_dates, horizon, tuple(anchors_us))


def _widening(reach_us: int, *, span_us: int) -> int:
    """Return how many times wider the dates must lie to reach two outcomes back; 1 where one outcome fits already."""
    return 1 if span_us > reach_us or span_us == 0 else -(-2 * reach_us // span_us)


def labelled_value_horizon(wanted_us: int, *, as_of: int, start: int, every_us: int) -> int:
    """Return the longest horizon, at most ``wanted_us``, that can be learned and checked out of time.

    Two horizons and a history before them must fit between ``start`` and ``as_of``: one to learn, one to check.

    Raises
    ------
    TimeContractError
        If not even two weeks can be labelled.
    """
    feasible = (as_of - start - _WANTED_HISTORY_US - every_us) // 2 // DAY_US * DAY_US
    if feasible < _LEAST_VALUE_HORIZON_US:
        # Too short to check out of time: folds of customers check it, and say so.
        feasible = (as_of - start - _LEAST_HISTORY_US) // 2 // DAY_US * DAY_US
    if feasible < min(wanted_us, _LEAST_VALUE_HORIZON_US):
        raise TimeContractError(
            f"the history ({us_to_iso(start)} to {us_to_iso(as_of)}) is too short to learn a value from",
            rule="time.value_history_too_short",
            file="params.yaml",
            column="clv.horizon_days",
            next_step=f"Deliver at least {(2 * _LEAST_VALUE_HORIZON_US + _LEAST_HISTORY_US) // DAY_US} days.",
        )
    return int(min(wanted_us, feasible))


def spine_of(bucket: Bucket, history: History, definition: ChurnDefinition, plan: SnapshotPlan) -> pa.Table:
    """Return who is observed when in one bucket, sorted by (customer_id, observation_date).

    Returns
    -------
    pyarrow.Table
        ``customer_id`` (text) and ``observation_date`` (UTC).
    """
    customer, dates = _own_dates(bucket, history, definition, plan) if plan.anchors_us else _common_dates(bucket, plan)
    keep = at_risk(bucket, history, definition, customer, dates)
    return pa.table(
        {
            "customer_id": bucket.customers.take(pa.array(customer[keep])),
            "observation_date": pa.array(dates[keep], pa.int64()).cast(TIME),
        }
    )


def _common_dates(bucket: Bucket, plan: SnapshotPlan) -> tuple[Int64s, Int64s]:
    """Return every customer at every date of the plan."""
    n_customers, dates = len(bucket.customers), plan.dates
    return np.repeat(np.arange(n_customers), len(dates)), np.tile(dates, n_customers)


def _own_dates(
    bucket: Bucket, history: History, definition: ChurnDefinition, plan: SnapshotPlan
) -> tuple[Int64s, Int64s]:
    """Return every customer at the given ages of each of its clocks, as far as settled, and at ``as_of``."""
    everyone = np.arange(len(bucket.customers))
    who, start = _clocks(bucket, history, definition)
    ages = np.asarray(plan.anchors_us, dtype=np.int64)
    own_who, own_date = np.repeat(who, len(ages)), (start[:, None] + ages).ravel()
    settled = own_date <= plan.churn_dates[-1]
    customer = np.concatenate([own_who[settled], everyone])
    dates = np.concatenate([own_date[settled], np.full(len(everyone), plan.as_of, dtype=np.int64)])
    pairs = np.unique(np.stack([customer, dates]), axis=1)
    return pairs[0], pairs[1]


def _clocks(bucket: Bucket, history: History, definition: ChurnDefinition) -> tuple[Int64s, Int64s]:
    """Return (customer, start) of every clock: each spell's, the date joined, or the first row of the churn table."""
    kind, offsets = history.tables[definition.table].kind, bucket.offsets(definition.table)
    if kind == "spells":
        return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), bucket.instants(definition.table, "started_at")
    for info in history.of_kind("customers"):
        if "joined" in info.columns:
            joined = bucket.instants(info.name, "joined")
            who = bucket.rows_of(bucket.table(info.name)["customer_id"])
            return who[joined != NEVER], joined[joined != NEVER]
    who = np.nonzero(np.diff(offsets) > 0)[0]
    return who, bucket.instants(definition.table, "occurred_at")[offsets[who]]


def check_enough(n_rows: int, *, at: str) -> None:
    """Refuse to go on with nobody to observe.

    Raises
    ------
    DataError
        If ``n_rows`` is zero.
    """
    if n_rows == 0:
        raise DataError(
            f"nobody is at risk {at}",
            rule="data.nobody_at_risk",
            file="params.yaml",
            column="churn",
            count=0,
            next_step="Lengthen churn.active_within_days, or check the churn definition and histories.as_of.",
        )
