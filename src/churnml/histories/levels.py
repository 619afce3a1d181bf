"""Sizes that jump: cents where there were units, a new unit in one file. All sizes move alike, the shape stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from churnml.histories.day_counts import bin_size

__all__ = ["FileJump", "Jump", "file_jumps", "month_jump"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_QUANTILES = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
_SMALLEST = 0.65
"""Base-ten logarithm of the smallest jump looked for, a factor of 4.5: no price change does that to all amounts."""
_SHAPE = 0.12
"""How far the quantiles' own jumps may differ; an eighth of an octave is 0.04."""
_ENOUGH = 50
_POOLED = 3
_TIMES_USUAL = 2
_SURE_FACTORS = (10.0, 60.0, 100.0, 1000.0, 3600.0, 10_000.0, 86_400.0, 100_000.0, 1_000_000.0)


@dataclass(frozen=True, slots=True)
class Jump:
    """Months ``first`` to ``last`` (inclusive, from January 1970) hold sizes ``factor`` times the others'."""

    first: int
    last: int
    count: int
    n_values: int
    factor: float


@dataclass(frozen=True, slots=True)
class FileJump:
    """A file holds sizes ``factor`` times those of another one."""

    file: str
    other: str
    count: int
    n_values: int
    factor: float


def month_jump(months: Int64s, sizes: Int64s) -> Jump | None:
    """Return the stretch of months after the largest jump of level, until the level jumps back, else None.

    Parameters
    ----------
    months : ndarray of int64, shape (n_months,)
        Ascending.
    sizes : ndarray of int64, shape (n_months, n_bins)
        How many values of which size each month holds.
    """
    edges = {at: seen for at in range(1, len(months)) if (seen := _jump_at(sizes, at)) is not None}
    if not edges:
        return None
    at = min(edges, key=lambda edge: (edges[edge][0], -abs(edges[edge][1]), edge))
    jump = edges[at][1]
    back = [e for e in edges if e > at and abs(edges[e][1] + jump) < 2 * _SHAPE]
    stop = min(back) if back else len(months)
    if not _is_beyond_habit(sizes, at, stop, abs(jump)):
        return None
    count = int(sizes[at:stop].sum())
    return Jump(int(months[at]), int(months[stop - 1]), count, int(sizes.sum()), round_factor(10**jump))


def _jump_at(sizes: Int64s, at: int) -> tuple[int, float] | None:
    """Return how well a jump before month ``at`` shows (0 = best) and how far it goes, or None where there is none."""

    def pool(start: int, stop: int) -> Int64s:
        pooled: Int64s = sizes[max(start, 0) : max(stop, 0)].sum(axis=0)
        return pooled

    tries = (
        (sizes[at - 1], sizes[at]),
        (pool(at - _POOLED, at), pool(at, at + _POOLED)),
        # A change in mid-month leaves a mixed month, which is stepped over.
        (pool(at - 1 - _POOLED, at - 1), pool(at, at + _POOLED)),
    )
    for rank, (before, after) in enumerate(tries):
        jump = _shift(before, after)
        if jump is not None:
            return rank, jump
    return None


def _is_beyond_habit(sizes: Int64s, start: int, stop: int, jump: float) -> bool:
    """Return whether the level stays apart after the jump, and moves far less from month to month elsewhere."""
    known = [i for i in range(len(sizes)) if sizes[i].sum() >= _ENOUGH]
    inside, outside = ([i for i in known if (start <= i < stop) == side] for side in (True, False))
    if inside and outside:
        apart = np.median([_levels(sizes[i])[2] for i in inside]) - np.median([_levels(sizes[i])[2] for i in outside])
        if abs(apart) < 0.7 * jump:
            return False
    # The months beside the edges may be mixed.
    pairs = [(i, j) for i, j in pairwise(known) if not {i, j} & {start - 1, stop - 1} and j not in {start, stop}]
    moves = [abs(float(_levels(sizes[j])[2] - _levels(sizes[i])[2])) for i, j in pairs]
    return _TIMES_USUAL * max(moves, default=0.0) < jump


def file_jumps(sizes: Mapping[str, Int64s]) -> list[FileJump]:
    """Return the files whose sizes are those of most other files times a factor; of two files, the second.

    Parameters
    ----------
    sizes : mapping of str to ndarray of int64, shape (n_bins,)
        How many values of which size each file holds, in the order of the files.
    """
    known = [file for file, counts in sizes.items() if counts.sum() >= _ENOUGH]
    if len(known) < 2:
        return []
    medians = {file: float(_levels(sizes[file])[2]) for file in known}
    usual = float(np.quantile(list(medians.values()), 0.5, method="lower"))
    typical = medians[known[0]] if len(known) == 2 else usual
    other = min(known, key=lambda file: abs(medians[file] - typical))
    found = []
    for file in known:
        jump = _shift(sizes[other], sizes[file])
        if jump is not None:
            n = int(sizes[file].sum())
            found.append(FileJump(file, other, n, n, round_factor(10**jump)))
    return found


def _shift(before: Int64s, after: Int64s) -> float | None:
    """Return the jump of the level where all quantiles make it together, as a base-ten logarithm."""
    if min(before.sum(), after.sum()) < _ENOUGH:
        return None
    moves = _levels(after) - _levels(before)
    middle = float(np.median(moves))
    noise = 1.5 / np.sqrt(min(before.sum(), after.sum()))
    is_shape_kept = float(np.abs(moves - middle).max()) <= _SHAPE + noise
    return middle if abs(middle) >= _SMALLEST and is_shape_kept else None


def _levels(counts: Int64s) -> Floats:
    """Return quantiles of sizes as base-ten logarithms, straight lines inside a bin."""
    total = np.cumsum(counts)
    wanted = _QUANTILES * total[-1]
    at = np.searchsorted(total, wanted)
    inside = (wanted - (total[at] - counts[at])) / np.maximum(counts[at], 1)
    return bin_size(at + inside)


def round_factor(factor: float) -> float:
    """Return the factor between units that a measured one is near to, else the measured one in two digits.

    Examples
    --------
    >>> round_factor(104.0), round_factor(0.0097), round_factor(7.31)
    (100.0, 0.01, 7.3)
    """
    sure = [*_SURE_FACTORS, *(1 / each for each in _SURE_FACTORS)]
    near = min(sure, key=lambda each: abs(np.log(factor / each)))
    return near if abs(np.log10(factor / near)) < 0.06 else float(f"{factor:.2g}")
