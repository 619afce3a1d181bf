"""Has the last day of a table been loaded whole: its rows against those of the same weekday, by their own scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LastDay", "last_day"]

Floats = npt.NDArray[np.float64]

_WEEKS = 8
_LEAST_WEEKS = 4
_FORTNIGHT = 14
_MOST_CHANGE = 1.5
_YEAR = 365
_LEAST_DAYS = 60
_Z = 3.5
"""By chance alone less often than once in 4,000 days."""
_OF_USUAL = 0.65
_NEARLY_NOTHING = 0.02
_AS_LOW = 3
"""So many days of the past year may have been as low."""


@dataclass(frozen=True, slots=True)
class LastDay:
    """A last day with fewer rows than such days have.

    Parameters
    ----------
    day, count : int
    expected : float
        Mean of the same weekday, eight weeks back.
    low : float
        Rows that nineteen of twenty such days exceed.
    """

    day: int
    count: int
    expected: float
    low: float


def last_day(first_day: int, counts: Floats, *, end: int) -> LastDay | None:
    """Return the day before ``end`` if it holds far fewer rows than the same weekday did, else None.

    Each day is compared with the mean of the same weekday in the eight weeks before it, in square roots, which makes
    the scatter of counts even. How far days fall below is learned from the past year: at least as far as counts do that
    come by chance, farther where this table's do (overdispersion, holidays, trends). A table with too few rows a day to
    tell a half from a weak day is never named.

    Parameters
    ----------
    first_day : int
        Which day the first count belongs to.
    counts : ndarray of float64, shape (n_days,)
        Rows of each day.
    end : int
        The first day that is not to be looked at.
    """
    series = np.zeros(end - first_day)
    series[: len(counts)] = counts[: end - first_day]
    usual = _usual(series)
    known = np.isfinite(usual[:-1]) & (usual[:-1] > 0)
    if len(series) < 2 or not usual[-1] > 0:
        return None
    score = 2 * (np.sqrt(series + 0.375) - np.sqrt(usual + 0.375))
    # A closed day says nothing of how weak an open one may be, and to a closed last day the others are compared.
    closed = series < _NEARLY_NOTHING * usual
    past = score[:-1][known & (closed[:-1] <= closed[-1])][-_YEAR:]
    if len(past) < _LEAST_DAYS:
        return None
    scatter = max(np.sqrt(1 + 1 / _WEEKS), *(-np.quantile(past, [0.05, 0.01]) / [1.645, 2.326]))
    is_rare = int((past <= score[-1]).sum()) <= _AS_LOW * len(past) / _YEAR
    if score[-1] > -_Z * scatter or series[-1] > _OF_USUAL * usual[-1] or not is_rare:
        return None
    low = max(0.0, np.sqrt(usual[-1] + 0.375) - 1.645 * scatter / 2) ** 2
    return LastDay(end - 1, int(series[-1]), float(usual[-1]), float(low))


def _usual(series: Floats) -> Floats:
    """Return for each day the mean of the same weekday in the weeks before it; NaN where they are too few."""
    before = np.full((_WEEKS, len(series)), np.nan)
    for week in range(min(_WEEKS, (len(series) - 1) // 7)):
        before[week, 7 * (week + 1) :] = series[: -7 * (week + 1)]
    usual = np.full(len(series), np.nan)
    enough = np.isfinite(before).sum(axis=0) >= _LEAST_WEEKS
    usual[enough] = np.nanmean(before[:, enough], axis=0)
    return usual * _level(series, usual)


def _level(series: Floats, usual: Floats) -> Floats:
    """Return the rows of the fortnight before each day, of what was usual there: what trend and season have changed."""
    known = np.isfinite(usual)
    sums = [np.concatenate([[0.0], np.cumsum(np.where(known, each, 0.0))]) for each in (series, usual)]
    back = np.maximum(np.arange(len(series)) - _FORTNIGHT, 0)
    came, expected = (total[:-1] - total[back] for total in sums)
    level = np.divide(came, expected, out=np.ones(len(series)), where=expected > 0)
    return np.asarray(np.clip(level, 1 / _MOST_CHANGE, _MOST_CHANGE), dtype=np.float64)
