"""Days that are no dates: placeholders, strays far from everything else, one day that holds far too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.histories.placeholders import placeholder_days

__all__ = ["OddDays", "odd_days"]

Int64s = npt.NDArray[np.int64]

_APART_DAYS = 730
_SPIKE_SHARE, _SPIKE_TIMES, _SPIKE_DAYS = 0.2, 50, 100
_SENTINEL_ROWS = 5


@dataclass(frozen=True, slots=True)
class OddDays:
    """Rows on placeholder days, on other days far from the rest, and on one day that holds far too much.

    ``first`` and ``last`` are the first and last day of what remains.
    """

    n_sentinel: int
    n_stray: int
    n_spike: int
    first: int
    last: int


def odd_days(days: Int64s, rows: Int64s) -> OddDays:
    """Sort days into what is a date and what is not.

    Parameters
    ----------
    days, rows : ndarray of int64, shape (n_days,)
        Days with rows, ascending and at least one, and how many.

    Returns
    -------
    OddDays
        A day is far from the rest where two years without a row lie between. There it is a placeholder if it is
        known as one, or if several rows fall on it and on hardly another day.
    """
    group = np.concatenate([[0], np.cumsum(np.diff(days) > _APART_DAYS)])
    weight = np.bincount(group, weights=rows)
    # Distinct days weigh too: half of all rows on 1 January 1900 are no history.
    weight *= np.minimum(np.bincount(group), 30)
    main = group == int(np.argmax(weight))
    is_sentinel = ~main & np.isin(days, _near(placeholder_days()))
    for number in np.unique(group[~main & ~is_sentinel]):
        inside = (group == number) & ~is_sentinel
        if inside.sum() <= 2 and rows[inside].max() >= _SENTINEL_ROWS:
            is_sentinel |= inside
    n_spike = _spike(rows[main])
    stray = int(rows[~main & ~is_sentinel].sum())
    return OddDays(int(rows[is_sentinel].sum()), stray, n_spike, int(days[main][0]), int(days[main][-1]))


def _near(known: frozenset[int]) -> list[int]:
    """Return the days and their neighbours: local mean time of old moves a midnight by minutes."""
    return [day + step for day in known for step in (-1, 0, 1)]


def _spike(rows: Int64s) -> int:
    """Return the rows of a day that holds a fifth of all, far beyond the tenth largest; else 0."""
    if len(rows) < _SPIKE_DAYS:
        return 0
    ranked = np.sort(rows)[::-1]
    is_spike = ranked[0] >= _SPIKE_SHARE * rows.sum() and ranked[0] >= _SPIKE_TIMES * ranked[9]
    return int(ranked[0]) if is_spike else 0
