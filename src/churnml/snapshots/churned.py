"""Who has churned at an observation date and since when, from rows usable at that date only."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.snapshots.population import NOTHING, Asked, ChurnDefinition, at_risk
from churnml.timeline import DAY_US, NEVER, OutcomeWindow

__all__ = ["Losses", "losses"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Losses:
    """Who is lost: one entry a (customer, date).

    Parameters
    ----------
    since : ndarray of int64, shape (n_rows,)
        From when on the customer counts as lost; :data:`~churnml.timeline.NEVER` where not lost at the date.
    last : ndarray of int64, shape (n_rows,)
        When the customer was last there: the last activity, the end of the last spell, the churn event.
    """

    since: Int64s
    last: Int64s

    @property
    def is_lost(self) -> Bools:
        """Return who is lost at the date."""
        lost: Bools = self.since < NEVER
        return lost


def losses(
    bucket: Bucket,
    history: History,
    definition: ChurnDefinition,
    window: OutcomeWindow,
    customer: Int64s,
    dates: Int64s,
) -> Losses:
    """Return who had churned by each date, by the project's own definition.

    Parameters
    ----------
    bucket : Bucket
    history : History
    definition : ChurnDefinition
        Any but ``label``, whose customers are told by the label alone.
    window : OutcomeWindow
        Its horizon and grace.
    customer, dates : ndarray of int64, shape (n_rows,)

    Returns
    -------
    Losses
        Inactivity: no activity in ``(t - horizon, t]``, and one before; lost since the horizon after the last one.
        Spell end: no spell in force, and the last one ended for a reason that counts, longer ago than the grace, and
        not on the same day (UTC); lost since then. Event: a churn event that nothing of the customer's own doing
        followed.
    """
    asked = Asked(bucket, customer, dates)
    if definition.kind == "inactivity":
        last = asked.last(definition.table, bucket.is_activity(definition.table))
        since = _after(last, window.horizon_us)
        return _lost_by(since, last, dates)
    if definition.kind == "event":
        last = asked.last(definition.table, definition.is_churn_event(bucket))
        is_back = at_risk(bucket, history, definition, customer, dates)
        return _lost_by(np.where(is_back, NEVER, _after(last, 0)), last, dates)
    return _ended(bucket, history, definition, window, customer, dates)


def _after(last: Int64s, delay: int) -> Int64s:
    since: Int64s = np.where(last == NOTHING, NEVER, np.where(last == NOTHING, 0, last) + delay)
    return since


def _lost_by(since: Int64s, last: Int64s, dates: Int64s) -> Losses:
    return Losses(np.where(since <= dates, since, NEVER), last)


def _ended(
    bucket: Bucket,
    history: History,
    definition: ChurnDefinition,
    window: OutcomeWindow,
    customer: Int64s,
    dates: Int64s,
) -> Losses:
    table = definition.table
    started, ended = bucket.instants(table, "started_at"), bucket.instants(table, "ended_at")
    clocks = bucket.known_at(table), bucket.known_until(table)
    last = np.full(len(dates), NOTHING, dtype=np.int64)
    counts = np.zeros(len(dates), dtype=bool)
    _last_end(
        bucket.offsets(table), started, ended, *clocks, _counting(bucket, definition), customer, dates, last, counts
    )
    # Whoever changes plan starts the new one on the day the old one ends, or within the grace.
    day_end = np.where(last == NOTHING, 0, last - last % DAY_US + DAY_US - 1)
    since = np.maximum(_after(last, window.grace_us), day_end)
    is_gone = counts & ~at_risk(bucket, history, definition, customer, dates)
    return _lost_by(np.where(is_gone, since, NEVER), last, dates)


def _counting(bucket: Bucket, definition: ChurnDefinition) -> Bools:
    """Return which spells end, if they end, for a reason that is churn."""
    if not definition.end_reasons:
        return np.ones(bucket.n_rows(definition.table), dtype=bool)
    reasons = bucket.table(definition.table)["end_reason"]
    values = pa.array(definition.end_reasons, pa.string())
    counting: Bools = pc.fill_null(pc.is_in(reasons, value_set=values), False).to_numpy()
    return counting


@numba.njit(cache=True, nogil=True)
def _last_end(
    offsets: Int64s,
    started: Int64s,
    ended: Int64s,
    usable_from: Int64s,
    usable_until: Int64s,
    is_churn_end: Bools,
    customer: Int64s,
    dates: Int64s,
    last: Int64s,
    counts: Bools,
) -> None:
    """Write the newest end of a spell known at each date, and whether one that ended then counts as churn."""
    for r in range(customer.shape[0]):
        i, t = customer[r], dates[r]
        for k in range(offsets[i], offsets[i + 1]):
            is_known = usable_from[k] <= t < usable_until[k] and started[k] < ended[k] <= t
            if not is_known or ended[k] < last[r]:
                continue
            counts[r] = is_churn_end[k] or (counts[r] and ended[k] == last[r])
            last[r] = ended[k]
