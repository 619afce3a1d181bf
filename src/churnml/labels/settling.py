"""How long after its time a row of a table becomes known: outcomes that young are not complete yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.histories.store import TableInfo
from churnml.timeline import DAY_US, NEVER

__all__ = ["delay_counts", "settle_days"]

Int64s = npt.NDArray[np.int64]
_SHARE = 0.95
_LEAST_ROWS = 100
_LOOK_BACK_US = 365 * DAY_US


def delay_counts(bucket: Bucket, info: TableInfo, *, as_of: int, longest_days: int) -> Int64s:
    """Count the rows of a bucket by days of delay, apart those that are recent, yet old enough to have shown any delay.

    The delay of an event is from when it happened to when it was known. Of a spell it is that of its end, where ends
    are delivered later than starts (a table with versions), else that of its start.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
        An events or spells table.
    as_of : int
    longest_days : int
        Longer delays count as this one.

    Returns
    -------
    ndarray of int64, shape (2, longest_days + 1)
        Rows of the year that ended ``longest_days`` before ``as_of``, and all rows; place d holds delays in
        ``(d - 1, d]`` days.
    """
    happened = bucket.instants(info.name, "started_at" if info.kind == "spells" else "occurred_at")
    known = bucket.instants(info.name, "known_at")
    if info.kind == "spells" and "superseded_at" in info.columns:
        ended = bucket.instants(info.name, "ended_at")
        happened, known = ended[ended != NEVER], known[ended != NEVER]
    days = np.clip(-(-np.maximum(known - happened, 0) // DAY_US), 0, longest_days)
    shown_by = as_of - longest_days * DAY_US
    # One year: what was loaded in one go long ago says nothing about the delay of today's rows.
    is_old = (happened <= shown_by) & (happened > shown_by - _LOOK_BACK_US)
    return np.stack([np.bincount(days[rows], minlength=longest_days + 1) for rows in (is_old, slice(None))])


def settle_days(parts: Sequence[Int64s]) -> int:
    """Return after how many days 95 % of the rows are known.

    Parameters
    ----------
    parts : sequence of ndarray
        What :func:`delay_counts` found in each bucket.

    Returns
    -------
    int
        From the recent rows old enough to have shown any delay; where these are fewer than a hundred, from all.
    """
    old, every = np.sum(parts, axis=0)
    counts = old if old.sum() >= _LEAST_ROWS else every
    if not counts.sum():
        return 0
    return int(np.searchsorted(np.cumsum(counts), _SHARE * counts.sum(), side="left"))
