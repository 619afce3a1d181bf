"""How much of the latest weeks is known already: rows arrive late."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.relationship.warning.weeks import WEEK_DAYS

__all__ = ["completeness", "weekly_completeness"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
_LEAST = 0.05
_SURE = 0.95
_YEAR_WEEKS = 52


def completeness(delays: Int64s, ages: Int64s) -> Floats:
    """Return the share of each week's rows that has arrived by now.

    Parameters
    ----------
    delays : ndarray of int64, shape (n_days,)
        Rows by days between happening and being known; place d holds (d - 1, d].
    ages : ndarray of int64, shape (n_weeks,)
        Days since each week ended.

    Returns
    -------
    ndarray of float64, shape (n_weeks,)
        1 where nothing is known of delays, or where even the longest delays looked at are usual: a history that was
        loaded in one go says nothing about them.

    References
    ----------
    .. [1] Lawless (1994). Adjustments for reporting delays and the prediction of occurred but not reported events.
       Canadian Journal of Statistics 22, 15-31.

    Examples
    --------
    >>> completeness(np.array([0, 50, 0, 50, 0]), np.array([7, 0])).round(3).tolist()
    [1.0, 0.786]
    """
    total = int(delays.sum())
    if not total:
        return np.ones(len(ages))
    share = np.cumsum(delays) / total
    if len(share) > 1 and share[-2] < _SURE:
        return np.ones(len(ages))
    days = ages[:, None] + np.arange(WEEK_DAYS + 1)[None, :]
    arrived = share[np.minimum(days, len(share) - 1)]
    # A row of a day was made somewhere between its two ends.
    found: Floats = ((arrived[:, 1:] + arrived[:, :-1]) / 2).mean(axis=1)
    return np.clip(found, _LEAST, 1.0)


def weekly_completeness(late: Floats) -> Floats:
    """Return the same from counts by weeks of delay: for what is counted once a customer, however many rows there are.

    Parameters
    ----------
    late : ndarray of float64, shape (n_weeks, n_ages)
        Counts by week, the newest last, and weeks after its end until they were known.

    Returns
    -------
    ndarray of float64, shape (n_weeks,)
        By the weeks old enough to have shown any delay, of one year.

    Examples
    --------
    >>> weekly_completeness(np.array([[4.0, 4.0, 0.0], [6.0, 2.0, 0.0], [5.0, 0.0, 0.0]])).tolist()
    [1.0, 1.0, 0.5]
    """
    n_weeks, n_ages = late.shape
    old = late[max(0, n_weeks - n_ages - _YEAR_WEEKS + 1) : max(0, n_weeks - n_ages + 1)].sum(axis=0)
    if not old.sum():
        return np.ones(n_weeks)
    share = np.cumsum(old) / old.sum()
    if share[-2] < _SURE:
        return np.ones(n_weeks)
    ages = np.minimum(np.arange(n_weeks)[::-1], n_ages - 1)
    found: Floats = np.clip(share[ages], _LEAST, 1.0)
    return found
