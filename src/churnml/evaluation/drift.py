"""Which columns no longer look as they did when a model learned, beyond chance and beyond what always moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from churnml.estimators.reference import Profile
from churnml.metrics.stability import false_alarms_held, shift_of
from churnml.timeline import DAY_US

__all__ = ["DriftLimits", "Moved", "moved_columns"]

Int64s = npt.NDArray[np.int64]
State = Literal["steady", "usual", "warning", "alarm"]
_LEVEL = 0.01
"""Chance of a single false alarm among all columns, where nothing has moved."""
_MOST_STRETCH = 4.0
_YEAR_US = 330 * DAY_US
"""Twelve observation dates, thirty days apart, span a year as a whole."""


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """From which stability index beyond chance a column is told of, and from which it is an alarm."""

    warn: float = 0.1
    alarm: float = 0.25
    min_rows: int = 100


@dataclass(frozen=True, slots=True)
class Moved:
    """One column against its profile.

    Parameters
    ----------
    name : str
    index, by_chance, usual, p_value : float
        Stability index; what chance gives on average; what the column moves by itself, from date to date in what was
        learned from, stretched to the distance of today; the chance of a difference as large.
    state : {"steady", "usual", "warning", "alarm"}
        ``usual``: moved, yet no more than it does by itself.
    missing_then, missing_now : float
        Shares.
    bin : int
        The bin that moved most.
    then, now : float
        Its shares.
    """

    name: str
    index: float
    by_chance: float
    usual: float
    p_value: float
    state: State
    missing_then: float
    missing_now: float
    bin: int
    then: float
    now: float

    @property
    def excess(self) -> float:
        """Return what remains of the index beyond chance and habit, at least 0."""
        return max(0.0, self.index - self.by_chance - self.usual)


def moved_columns(
    profile: Profile,
    counts: Mapping[str, Int64s],
    *,
    as_of: int,
    limits: DriftLimits | None = None,
    led: Collection[str] = (),
) -> list[Moved]:
    """Compare what is scored with what was learned from, the columns that moved most first.

    An alarm needs three things at once: an index above the limit after chance is taken off; above what the column
    moves by itself; and a difference that holds against all columns looked at. What rises steadily, as the time since
    the first purchase does, goes on rising after training: its own movement is stretched by the square of the distance
    from the middle of the reference, as the index of a steady trend grows, at most four times. Where the reference
    spans less than a year, what a column moves with the seasons is not known: up to twice the alarm is allowed for it.

    Parameters
    ----------
    profile : Profile
    counts : mapping of str to ndarray of int64
        As :class:`~churnml.estimators.reference.ProfileCounts` gives them.
    as_of : int
        When the rows are observed, microseconds.
    limits : DriftLimits, optional
    led : collection of str, optional
        Columns that never alarm: those of what happened to the company, which move as the calendar does, and those of
        models fitted anew at each date, whose inputs are watched themselves.

    Returns
    -------
    list of Moved
        Empty where there are fewer rows than ``limits.min_rows``.
    """
    limits = limits or DriftLimits()
    if not counts or sum(next(iter(counts.values())).tolist()) < limits.min_rows:
        return []
    stretch = 1.0
    if profile.half_span_us:
        distance = abs(as_of - profile.middle_us) / profile.half_span_us
        stretch = float(np.clip(distance**2, 1.0, _MOST_STRETCH))
    unseen = 2 * limits.alarm * max(0.0, 1.0 - 2 * profile.half_span_us / _YEAR_US) if profile.half_span_us else 0.0
    names = list(profile.columns)
    shifts = [shift_of(profile.columns[name].counts, counts[name], n_expected=profile.n_customers) for name in names]
    holds = false_alarms_held([shift.p_value for shift in shifts], level=_LEVEL)
    found = []
    for name, shift, is_beyond_chance in zip(names, shifts, holds, strict=True):
        column, now = profile.columns[name], counts[name]
        usual = max(column.usual * stretch, unseen)
        state: State = "steady"
        if is_beyond_chance and shift.excess > limits.warn:
            beyond = shift.excess - usual
            state = "alarm" if beyond > limits.alarm else "warning" if beyond > limits.warn else "usual"
            state = "usual" if name in led else state
        then_shares, now_shares = np.array(column.counts) / sum(column.counts), now / now.sum()
        most = int(np.argmax(np.abs(now_shares - then_shares)))
        missing = float(then_shares[-1]), float(now_shares[-1])
        at = float(then_shares[most]), float(now_shares[most])
        found.append(Moved(name, shift.index, shift.by_chance, usual, shift.p_value, state, *missing, most, *at))
    return sorted(found, key=lambda moved: (-moved.excess, -moved.index, moved.name))
