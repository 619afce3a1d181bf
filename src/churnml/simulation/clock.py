"""The simulated company's time: steps of ten days, yearly season, and the hours in which people act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.errors import ConfigError
from churnml.timeline import DAY_US, days_to_us, parse_instant

__all__ = ["SECOND_US", "STEPS_AHEAD", "STEPS_PER_MONTH", "STEP_DAYS", "Clock", "Floats", "Ints", "season"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SECOND_US = 1_000_000
STEP_DAYS = 10
STEPS_PER_MONTH = 3
STEPS_AHEAD = 37
"""Steps lived beyond the end, so that the truth can say what really happened in the next 365 days."""

_STEP_US = days_to_us(STEP_DAYS)
_WEEKDAYS = np.array([1.0, 1.0, 1.0, 1.05, 1.1, 0.85, 0.65])
_HOURS = np.array([2, 1, 1, 1, 1, 2, 5, 10, 16, 20, 22, 22, 20, 18, 17, 17, 18, 20, 24, 26, 24, 18, 10, 5.0])


def _business_hours() -> tuple[Floats, Floats]:
    """Return the map from evenly passing time (in steps) to days, for steps that begin on each weekday.

    Abscissae run from ``w`` to ``w + 1`` for a step that begins on weekday ``w`` (0 = Monday). The map is
    monotone and keeps the ends of each step fixed, so it neither reorders events nor moves one past the end.
    """
    shares = []
    for weekday in range(7):
        weights = np.concatenate([_WEEKDAYS[(weekday + d) % 7] * _HOURS for d in range(STEP_DAYS)])
        shares.append(weekday + np.cumsum(weights)[:-1] / weights.sum())
        shares.append(np.array([weekday + 1.0]))
    x = np.concatenate([np.zeros(1), *shares])
    return x, np.arange(len(x)) / 24.0


_EVEN, _DAYS = _business_hours()


def season(instants: Ints, *, peak_day: int, strength: float) -> Floats:
    """Return a yearly wave around 0 with the given height and the day of the year of its peak."""
    day = instants / DAY_US % 365.25
    wave: Floats = strength * np.cos(2 * np.pi * (day - peak_day) / 365.25)
    return wave


@dataclass(frozen=True, slots=True)
class Clock:
    """The window ``(start, end]`` as steps of ten days, and a year beyond it.

    Parameters
    ----------
    start_us : int
        First instant of the window, microseconds since the epoch.
    n_steps : int
        Steps in the window; positions are counted in steps from its start.
    """

    start_us: int
    n_steps: int

    @classmethod
    def before(cls, end: str, *, months: int) -> Clock:
        """Lay the window of ``months`` times 30 days before the first instant of the date ``end``.

        Raises
        ------
        ConfigError
            If ``end`` is no ISO date.
        """
        end_us = parse_instant(end, timezone="UTC")
        if end_us % DAY_US:
            raise ConfigError("end must be a date without a time of day", rule="config.date", column="end")
        n_steps = months * STEPS_PER_MONTH
        return cls(start_us=end_us - n_steps * _STEP_US, n_steps=n_steps)

    @property
    def end_us(self) -> int:
        """Return the end of the delivered history."""
        return self.start_us + self.n_steps * _STEP_US

    @property
    def n_total(self) -> int:
        """Return the number of steps lived, those beyond the end included."""
        return self.n_steps + STEPS_AHEAD

    def middles(self) -> Ints:
        """Return the middle instant of each step, shape (n_total,)."""
        return self.start_us + _STEP_US * np.arange(self.n_total, dtype=np.int64) + _STEP_US // 2

    def at_step(self, step: int) -> int:
        """Return the first instant of a step."""
        return self.start_us + step * _STEP_US

    def place(self, position: Floats) -> Ints:
        """Turn positions (in steps from the start) into instants that follow the week's and the day's rhythm.

        Returns
        -------
        ndarray of int64
            Microseconds since the epoch, whole seconds; order is kept and no step boundary is crossed.
        """
        step = np.floor(position).astype(np.int64)
        weekday = (self.start_us // DAY_US + 3 + STEP_DAYS * step) % 7
        days = np.interp(position - step + weekday, _EVEN, _DAYS) - STEP_DAYS * weekday
        seconds = np.minimum((days * 86_400).astype(np.int64), STEP_DAYS * 86_400 - 1)
        instants: Ints = self.start_us + step * _STEP_US + seconds * SECOND_US
        return instants
