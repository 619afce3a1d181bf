"""The spine: one row per customer and observation date, from the newest settled date backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
_LEAST_HORIZON_US = 14 * DAY_US


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
    churn_horizon_us : int
        The horizon whose churn can be labelled: at most the one asked for; 0 = churn has no dates.
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
    churn_horizon_us: int = 0
    anchors_us: tuple[int, ...] = ()
    settle_us: int = 0
    observed_until: int | None = None
    own_from: int | None = None

    @property
    def value_half_us(self) -> int:
        """Return half the labelled horizon of value, in whole days: what its carrying is checked from."""
        return self.value_horizon_us // 2 // DAY_US * DAY_US

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
        If the history is too short to label even two weeks.
    """
    settled_until = (as_of if observed_until is None else observed_until) - settle_us
    window = labelled_window(window, as_of=as_of, settled_until=settled_until, start=history_start, every_us=every_us)
    newest = window.last_settled(as_of=settled_until)
    oldest = history_start + min(_WANTED_HISTORY_US, window.horizon_us)
    grid = _Grid(every_us, count, settle_us)
    churn_dates = grid.dates(newest, reach_us=window.reach_us, oldest=oldest)
    value_dates, horizon = np.empty(0, dtype=np.int64), 0
    if value_horizon_us is not None:
        start = history_start if value_start is None else value_start
        horizon = labelled_value_horizon(
            value_horizon_us, as_of=settled_until, start=start, every_us=every_us, settle_us=settle_us
        )
        newest_value = grid.at_or_before(settled_until - horizon, newest)
        value_dates = grid.dates(newest_value, reach_us=horizon, oldest=start + _WANTED_HISTORY_US)
    own_from = _first_own(history_start, own_from, newest=newest) if anchors_us else None
    return SnapshotPlan(
        as_of,
        churn_dates,
        value_dates,
        horizon,
        window.horizon_us,
        tuple(anchors_us),
        settle_us,
        observed_until,
        own_from,
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Common dates: so many, so far apart, whose outcomes take so long to settle."""

    every_us: int
    count: int
    settle_us: int

    def dates(self, newest: int, *, reach_us: int, oldest: int) -> Int64s:
        """Return dates from the newest backwards, none before ``oldest`` but the newest itself.

        A checked date and a learned one lie an outcome apart: wide steps reach back that far with few dates.
        """
        span_us, reach_us = self.every_us * (self.count - 1), reach_us + self.settle_us
        wider = 1 if span_us > reach_us or span_us == 0 else -(-2 * reach_us // span_us)
        return observation_grid(
            newest=newest, every_us=self.every_us * wider, count=self.count, oldest=min(oldest, newest)
        )

    def at_or_before(self, limit: int, newest: int) -> int:
        """Return the last date at or before a limit, in whole steps back from the newest."""
        steps = -(-max(0, newest - limit) // self.every_us)
        return newest - steps * self.every_us


def _first_own(history_start: int, own_from: int | None, *, newest: int) -> int:
    """Return the first date of customers' own clocks: enough history to decide which features there are, no more."""
    first = history_start + _LEAST_HISTORY_US
    first = first if own_from is None else min(first, max(own_from, history_start))
    return min(first, newest)


def labelled_window(
    window: OutcomeWindow, *, as_of: int, settled_until: int, start: int, every_us: int
) -> OutcomeWindow:
    """Return the outcome window that is learned: the one asked for, or a shorter one where hardly any is settled.

    The horizon stays as asked for where its newest settled date has three months of history before it. Otherwise two
    outcomes, one to learn from and one to check, and such a history must fit in: the model of the shorter horizon is
    then carried to the longer one. Where not even two weeks would fit, one settled date with a month before it will do.

    Parameters
    ----------
    window : OutcomeWindow
        As asked for.
    as_of, settled_until : int
        The date that is scored; up to when outcomes are known.
    start, every_us : int
        Begin of the history; step between observation dates.

    Raises
    ------
    TimeContractError
        If the history is too short to label even two weeks.
    """
    if window.last_settled(as_of=settled_until) >= start + _WANTED_HISTORY_US:
        return window
    reach_us = (settled_until - start - _WANTED_HISTORY_US - every_us) // 2
    horizon_us = (reach_us - window.lead_us - window.grace_us) // DAY_US * DAY_US
    if horizon_us >= _LEAST_HORIZON_US:
        return replace(window, horizon_us=min(window.horizon_us, horizon_us))
    if window.last_settled(as_of=settled_until) >= start + _LEAST_HISTORY_US:
        return window
    raise _horizon_too_long(window, start, as_of=as_of, settled_until=settled_until)


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
    if feasible < _LEAST_HORIZON_US:
        # Too short to check out of time: folds of customers check it, and say so.
        feasible = (as_of - start - _LEAST_HISTORY_US) // 2 // DAY_US * DAY_US
    if feasible < min(wanted_us, _LEAST_HORIZON_US):
        raise TimeContractError(
            f"the history ({us_to_iso(start)} to {us_to_iso(as_of)}) is too short to learn a value from",
            rule="time.value_history_too_short",
            file="params.yaml",
            column="clv.horizon_days",
            next_step=f"Deliver at least {(2 * _LEAST_HORIZON_US + _LEAST_HISTORY_US) // DAY_US} days.",
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
