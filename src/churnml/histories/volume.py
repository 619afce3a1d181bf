"""Holes in the days of a table, and last days that hold fewer rows than the days before lead to expect.

Both tests compare a table with its own habits, so that weekly, monthly and seasonal rhythms, closing days, growth and
decline raise no alarm: a business is only as regular as it has shown itself to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Lack", "filled_days", "holes", "weak_end"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_LONG_DAYS = 25
"""So many days are an error where a business is open on most days; 14 are worth a look, 7 where it never closes."""
_SEASON_DAYS = 62
"""What lasts longer may be the only closed season seen so far, unless the same days of another year had rows."""
_EXPECTED_DAYS = 12.0
"""So many days with rows must be expected inside a hole: by chance it stays empty once in 160,000 times."""
_TIMES_USUAL = 2
_NEARLY_NOTHING = 0.02
_WEEKS = 8
_SPANS = (1, 2, 3, 5, 7, 14)
_Z = 5.0
_TIMES_WORST = 1.5
_BELOW_LEAST = 0.8


@dataclass(frozen=True, slots=True)
class Lack:
    """Days ``first`` to ``last`` (inclusive) that lack rows: ``count`` there, about ``expected`` usual.

    Where it is known, seldom fewer than ``low``.
    """

    first: int
    last: int
    count: int
    expected: int
    severity: Literal["error", "warning"]
    low: int = 0


def filled_days(days: Int64s, rows: Int64s) -> tuple[int, Floats]:
    """Return the first day and the rows of every day from it to the last one, zeros included.

    Parameters
    ----------
    days, rows : ndarray of int64
        Days with rows, ascending, and how many.
    """
    counts = np.zeros(int(days[-1] - days[0]) + 1)
    counts[days - days[0]] = rows
    return int(days[0]), counts


def holes(first_day: int, counts: Floats) -> list[Lack]:
    """Return stretches without rows that are far longer than the usual pauses, between days that have theirs.

    Parameters
    ----------
    first_day : int
        Which day the first count belongs to.
    counts : ndarray of float64, shape (n_days,)
        Rows of each day; zeros at the end are looked at too.

    Returns
    -------
    list of Lack
        In time. A stretch counts where more than twice the third longest other pause passes, where the days
        around it lead to expect rows on a dozen of its days, and where it does not come back each year.
    """
    is_open = counts > _NEARLY_NOTHING * _local_level(counts)
    runs = _runs(~is_open)
    if not len(runs):
        return []
    lengths = runs[:, 1] - runs[:, 0]
    share_closed = float((~is_open).mean() - lengths.max() / len(counts))
    found = []
    for at in np.flatnonzero(lengths >= 7):
        start, stop = runs[at]
        length = int(lengths[at])
        others = np.sort(np.delete(lengths, at))[::-1]
        usual = int(others[2]) if len(others) > 2 else 0
        width = max(28, min(length, 90))
        sides = [(start - width, start)] + ([(stop, stop + width)] if stop < len(counts) else [])
        share = min(_share(is_open, *side) for side in sides)
        if length < _TIMES_USUAL * usual + 1 or length * share < _EXPECTED_DAYS * min(1.0, length / 14):
            continue
        if _comes_back(runs, int(at)):
            continue
        never_closed = share_closed < 0.01 and usual <= 1
        if length < (7 if never_closed else 14):
            continue
        is_sure = length >= _LONG_DAYS and length * share >= _EXPECTED_DAYS
        is_sure &= length <= _SEASON_DAYS or _is_open_in_another_year(is_open, start, stop)
        level = min(counts[max(low, 0) : high].sum() / width for low, high in sides)
        count = int(counts[start:stop].sum())
        lack = (first_day + int(start), first_day + int(stop) - 1, count, round(level * length))
        # That nothing came any more, or of late, is told from an end of the business by who asks for as_of.
        found.append(Lack(*lack, "error" if is_sure and stop < len(counts) else "warning"))
    return found


def _local_level(counts: Floats) -> Floats:
    """Return the median of the open days of eight weeks around each day; what is far below it is as good as nothing."""
    n_blocks = -(-len(counts) // 28)
    medians = np.zeros(n_blocks)
    for block in range(n_blocks):
        near = counts[max(block * 28 - 56, 0) : block * 28 + 84]
        near = near[near > 0]
        medians[block] = np.median(near) if len(near) else 0.0
    return np.repeat(medians, 28)[: len(counts)]


def _runs(mask: npt.NDArray[np.bool_]) -> Int64s:
    """Return (start, stop) of each stretch of True, shape (n_runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges.reshape(-1, 2).astype(np.int64)


def _share(is_open: npt.NDArray[np.bool_], start: int, stop: int) -> float:
    """Return the share of open days in a stretch; days before or after the table's own count as closed."""
    return float(is_open[max(start, 0) : max(stop, 0)].sum() / (stop - start))


def _comes_back(runs: Int64s, at: int) -> bool:
    """Return whether a pause of a similar length lies a whole number of years apart: a season, not a hole."""
    start, stop = runs[at]
    length, middle = stop - start, (start + stop) / 2
    others = np.delete(runs, at, axis=0)
    apart = np.abs((others[:, 0] + others[:, 1]) / 2 - middle)
    off_season = np.abs(apart - 365.25 * np.maximum(np.rint(apart / 365.25), 1))
    alike = (others[:, 1] - others[:, 0]) >= 0.6 * length
    return bool(np.any(alike & (off_season <= 30)))


def _is_open_in_another_year(is_open: npt.NDArray[np.bool_], start: int, stop: int) -> bool:
    """Return whether the same days of the year before or after had their rows."""
    for shift in (-365, 365):
        if start + shift >= 0 and stop + shift <= len(is_open):
            return bool(is_open[start + shift : stop + shift].mean() > 0.5)
    return False


def weak_end(first_day: int, counts: Floats, *, end: int, holidays: Sequence[int] = ()) -> Lack | None:
    """Return the last days before ``end`` if they lack rows as no such days did in the year before, else None.

    The rows of the last 1, 2, ... 14 days are compared with those of the same weekdays before: with the smallest of
    the last three, and the median of eight weeks. What is lacking, in units of its usual scatter, must be far more than
    chance explains and a good deal more than the worst lack of the past year.

    Parameters
    ----------
    first_day : int
        Which day the first count belongs to.
    counts : ndarray of float64, shape (n_days,)
        Rows of each day.
    end : int
        The first day that is not to be looked at.
    holidays : sequence of int, optional
        Days on which a lack is only worth a look.
    """
    series = np.zeros(end - first_day)
    series[: len(counts)] = counts[: end - first_day]
    if len(series) < 10 * 7:
        return None
    found: list[Lack] = []
    for span in _SPANS:
        sums = np.convolve(series, np.ones(span), "valid")
        score, expected = _scores(sums, 7 * -(-span // 7))
        past = score[:-span][-365:]
        past = past[np.isfinite(past)]
        if len(past) < 90 or not np.isfinite(score[-1]):
            continue
        # Only days below what was expected say how far down is usual; growth lies above it.
        scatter = max(1.0, float(-np.quantile(past, 0.05)) / 1.645)
        is_worst_ever = score[-1] < past.min()
        if score[-1] > -_Z * scatter or sums[-1] > 0.7 * expected[-1] or not is_worst_ever:
            continue
        days = range(end - span, end)
        is_sure = score[-1] < _TIMES_WORST * past.min() and not any(day in holidays for day in days)
        is_sure &= bool(
            sums[-1] < _BELOW_LEAST * expected[-1] * _least_share(sums[:-span], expected[:-span], expected[-1])
        )
        found.append(Lack(days[0], days[-1], int(sums[-1]), round(expected[-1]), "error" if is_sure else "warning"))
    # The shortest sure stretch names the days best.
    return min(found, key=lambda lack: (lack.severity, lack.last - lack.first), default=None)


def _least_share(sums: Floats, expected: Floats, like: float) -> float:
    """Return the least share of what was expected that came in the year before, where about as much was expected."""
    sums, expected = sums[-365:], expected[-365:]
    is_like = (expected > like / 4) & (expected < like * 4)
    return float((sums[is_like] / expected[is_like]).min(initial=1.0))


def _scores(sums: Floats, step: int) -> tuple[Floats, Floats]:
    """Return how far each sum lies from the one expected, in square roots, and the sum expected; NaN without a past."""
    before = np.full((_WEEKS, len(sums)), np.nan)
    for week in range(_WEEKS):
        shift = (week + 1) * step
        if shift < len(sums):
            before[week, shift:] = sums[:-shift]
    n_known = np.isfinite(before).sum(axis=0)
    expected = np.full(len(sums), np.nan)
    enough = n_known >= min(_WEEKS, 4)
    expected[enough] = np.minimum(np.nanmedian(before[:, enough], axis=0), np.min(before[:3, enough], axis=0))
    return 2 * (np.sqrt(sums + 0.375) - np.sqrt(expected + 0.375)), expected
