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
from churnml.snapshots.clocks import common_dates, own_dates
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import DAY_US, OutcomeWindow, observation_grid, us_to_iso

__all__ = ["SnapshotPlan", "plan_snapshots", "spine_of"]

Int64s = npt.NDArray[np.int64]
_MAX_FITTED_DATES = 24
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
    settle_us : int
        How long after its window closes an outcome counts as known.
    observed_until : int, optional
        Up to when outcomes are fully observed, before ``settle_us``; default ``as_of``. Earlier where the newest days
        are missing.
    own_from : int, optional
        First date at which customers are observed on their own clocks.
    """

    as_of: int
    churn_dates: Int64s
    value_dates: Int64s
    value_horizon_us: int
    anchors_us: tuple[int, ...] = ()
    settle_us: int = 0
    observed_until: int | None = None
    own_from: int | None = None

    @property
    def settled_until(self) -> int:
        """Return the instant up to which an outcome window must have closed to be judged."""
        return (self.as_of if self.observed_until is None else self.observed_until) - self.settle_us

    @property
    def decided_at(self) -> int:
        """Return the date whose usable rows may decide which features there are: none is observed before it.

        On common dates the earliest of them. On customers' own clocks not the first customer's first date, at which
        hardly anything was known: nobody is observed before ``own_from``, so rows usable then are honest for all.
        """
        return int(self.dates[0]) if self.own_from is None else self.own_from

    @property
    def fitted_dates(self) -> Int64s:
        """Return the dates at which models of purchases are fitted, the scored one last: those observed in common.

        On customers' own clocks evenly spaced ones that no row moves: a snapshot takes the newest model before it.
        """
        if self.own_from is None:
            return self.dates
        last = max(int(self.churn_dates[-1]), self.own_from)
        step = -(-(last - self.own_from) // (_MAX_FITTED_DATES - 1) // DAY_US) * DAY_US
        return np.append(np.arange(self.own_from, last + 1, max(step, DAY_US)), self.as_of).astype(np.int64)

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
    settle_us: int = 0,
    observed_until: int | None = None,
    own_from: int | None = None,
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
    settle_us : int
        How long after its window closes an outcome counts as known: rows arrive late.
    observed_until : int, optional
        Up to when the tables are complete; default ``as_of``.
    own_from : int, optional
        Own clocks: when enough is known to decide what features there are, if that is within the first month.

    Raises
    ------
    TimeContractError
        If the horizon is longer than what the history can label.
    """
    settled_until = (as_of if observed_until is None else observed_until) - settle_us
    newest = window.last_settled(as_of=settled_until)
    if newest < history_start + _LEAST_HISTORY_US:
        raise _horizon_too_long(window, history_start, as_of=as_of, settled_until=settled_until)
    oldest = history_start + min(_WANTED_HISTORY_US, window.horizon_us)
    step = every_us * _widening(window.reach_us + settle_us, span_us=every_us * (count - 1))
    churn_dates = observation_grid(newest=newest, every_us=step, count=count, oldest=min(oldest, newest))
    value_dates, horizon = np.empty(0, dtype=np.int64), 0
    if value_horizon_us is not None:
        start = history_start if value_start is None else value_start
        horizon = labelled_value_horizon(
            value_horizon_us, as_of=settled_until, start=start, every_us=every_us, settle_us=settle_us
        )
        steps = -(-max(0, newest - (settled_until - horizon)) // every_us)
        newest_value = newest - steps * every_us
        # A checked date and a learned one lie a horizon apart: wide steps reach back that far with few dates.
        value_dates = observation_grid(
            newest=newest_value,
            every_us=every_us * _widening(horizon + settle_us, span_us=every_us * (count - 1)),
            count=count,
            oldest=min(start + _WANTED_HISTORY_US, newest_value),
        )
    # Customers' own clocks need no common history, only enough of it to decide which features there are.
    first_own = history_start + _LEAST_HISTORY_US
    first_own = first_own if own_from is None else min(first_own, max(own_from, history_start))
    return SnapshotPlan(
        as_of,
        churn_dates,
        value_dates,
        horizon,
        tuple(anchors_us),
        settle_us=settle_us,
        observed_until=observed_until,
        own_from=min(first_own, newest) if anchors_us else None,
    )


def _horizon_too_long(
    window: OutcomeWindow, history_start: int, *, as_of: int, settled_until: int
) -> TimeContractError:
    longest = max(0, (settled_until - history_start - _LEAST_HISTORY_US - window.lead_us - window.grace_us) // DAY_US)
    read = f"is read up to {us_to_iso(as_of)}"
    if settled_until < as_of:
        read += f", with outcomes known up to {us_to_iso(settled_until)}"
    return TimeContractError(
        f"the horizon of {window.horizon_us // DAY_US:,} days is longer than what the history can label: it begins "
        f"{us_to_iso(history_start)} and {read}, so at most {longest:,} days",
        rule="time.horizon_too_long",
        file="params.yaml",
        column="churn.horizon_days",
        next_step="Shorten churn.horizon_days, or deliver a longer history.",
    )


def _widening(reach_us: int, *, span_us: int) -> int:
    """Return how many times wider the dates must lie to reach two outcomes back; 1 where one outcome fits already."""
    return 1 if span_us > reach_us or span_us == 0 else -(-2 * reach_us // span_us)


def labelled_value_horizon(wanted_us: int, *, as_of: int, start: int, every_us: int, settle_us: int = 0) -> int:
    """Return the longest horizon, at most ``wanted_us``, that can be learned and checked out of time.

    Two horizons and a history before them must fit between ``start`` and ``as_of``: one to learn, one to check. What
    is learned must have settled for ``settle_us`` when it is checked.

    Raises
    ------
    TimeContractError
        If not even two weeks can be labelled.
    """
    feasible = (as_of - start - _WANTED_HISTORY_US - every_us - settle_us) // 2 // DAY_US * DAY_US
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
    if plan.anchors_us:
        newest = int(plan.churn_dates[-1])
        customer, dates = own_dates(
            bucket, history, definition, plan.anchors_us, begin=plan.own_from, newest=newest, as_of=plan.as_of
        )
    else:
        customer, dates = common_dates(bucket, plan.dates)
    keep = at_risk(bucket, history, definition, customer, dates)
    return pa.table(
        {
            "customer_id": bucket.customers.take(pa.array(customer[keep])),
            "observation_date": pa.array(dates[keep], pa.int64()).cast(TIME),
        }
    )


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
