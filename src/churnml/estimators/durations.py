"""Times to an event that may not have been seen yet, and what of them was known at an earlier date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.errors import DataError

__all__ = ["Durations"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long it took from ``t + lead`` to the event, or for how long none was seen.

    Parameters
    ----------
    event_days : ndarray, shape (n_rows,)
        Days to the event; NaN where none was seen.
    observed_days : ndarray, shape (n_rows,)
        Days up to which an event would have been seen; NaN where nothing was. An ending of another kind is the end
        of what was observed.
    """

    event_days: Floats
    observed_days: Floats

    @property
    def is_event(self) -> npt.NDArray[np.bool_]:
        """Return where the event was seen."""
        return ~np.isnan(self.event_days)

    @property
    def is_observed(self) -> npt.NDArray[np.bool_]:
        """Return where there is anything to learn from."""
        return ~np.isnan(self.observed_days)

    def known_on(self, day: float, *, dates: Floats, lead_days: float = 0.0, settle_days: float = 0.0) -> Durations:
        """Return what was known on an earlier day: for a validation that respects time.

        A model fitted on this may predict the rows observed on that day; their own durations are missing here.

        Parameters
        ----------
        day : float
            Counted from the same origin as ``dates``.
        dates : ndarray, shape (n_rows,)
            Observation dates, days.
        lead_days : float
            Days from an observation date to the begin of its outcome.
        settle_days : float
            Days until an outcome counts as known, a grace included.
        """
        until = day - settle_days - lead_days - np.asarray(dates, dtype=np.float64)
        observed = np.minimum(self.observed_days, until)
        observed = np.where(observed > 0.0, observed, np.nan)
        with np.errstate(invalid="ignore"):
            return Durations(np.where(self.event_days <= observed, self.event_days, np.nan), observed)

    def check(self, n_rows: int) -> None:
        """Refuse what cannot be a duration.

        Raises
        ------
        DataError
            If lengths differ, a duration is negative or infinite, or an event lies where nothing was observed.
        """
        for values in (self.event_days, self.observed_days):
            if values.shape != (n_rows,):
                raise DataError(
                    "features and durations differ in length", rule="data.length", count=abs(values.size - n_rows)
                )
        with np.errstate(invalid="ignore"):
            is_odd = (self.event_days < 0) | (self.observed_days < 0)
            is_odd |= np.isinf(self.event_days) | np.isinf(self.observed_days)
            is_odd |= self.is_event & ~(self.event_days <= self.observed_days)
        if is_odd.any():
            raise DataError(
                "durations that are negative, infinite or longer than what was observed",
                rule="data.duration",
                count=int(np.count_nonzero(is_odd)),
            )
