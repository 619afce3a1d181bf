"""Stretches of days that are compared with the one before."""

from __future__ import annotations

from dataclasses import dataclass

from churnml.timeline import days_to_us

__all__ = ["Period"]


@dataclass(frozen=True, slots=True)
class Period:
    """The days ``(begin, end]``.

    Parameters
    ----------
    end : int
        Last instant, microseconds.
    days : int
        Length.

    Examples
    --------
    >>> from churnml.timeline import DAY_US
    >>> Period(100 * DAY_US, 30).previous().begin == 40 * DAY_US
    True
    """

    end: int
    days: int

    @property
    def begin(self) -> int:
        """Return the instant before the period's first."""
        return self.end - days_to_us(self.days)

    def previous(self, steps: int = 1) -> Period:
        """Return the period of the same length so many steps before."""
        return Period(self.end - steps * days_to_us(self.days), self.days)
