"""The customers' own rhythm: after how long a silence few come back, and how soon contracts are renewed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.onboarding.passage import MISSING, Passage
from churnml.timeline import DAY_US

__all__ = ["NICE_DAYS", "Called", "Silence", "called_churned", "nice_days", "renewals", "silence_of"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
NICE_DAYS = (7, 14, 21, 28, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 450, 540, 730)
"""Lengths of windows that people name."""
_FEW_AT_RISK = 30
_DATES = 12


def nice_days(days: float, *, at_most: float = 3650) -> int:
    """Return the shortest length that people name and that is not shorter, or the longest that still fits."""
    fitting = [nice for nice in NICE_DAYS if nice <= at_most] or [max(1, int(at_most))]
    return next((nice for nice in fitting if nice >= days), fitting[-1])


@dataclass(frozen=True, slots=True)
class Silence:
    """How many come back only after a silence of x days.

    Parameters
    ----------
    days : ndarray of float64, shape (n,)
        Lengths of silence, ascending.
    returns : ndarray of float64, shape (n,)
        Estimated share of all events after which the customer is silent for x days and still comes back.
    median_gap : float
        Half of all pauses between two events of a customer are at most so many days; NaN where nobody came twice.
    n_customers, n_gaps : int
    """

    days: Floats
    returns: Floats
    median_gap: float
    n_customers: int
    n_gaps: int

    def at(self, days: float) -> float:
        """Return the share that comes back only after a silence of so many days."""
        place = int(np.searchsorted(self.days, days, side="right")) - 1
        return float(self.returns[max(place, 0)]) if len(self.returns) else float("nan")

    def quiet(self, share: float) -> float:
        """Return the silence after which at most this share comes back; infinite where that never shows."""
        low = np.flatnonzero(self.returns <= share)
        return float(self.days[low[0]]) if len(low) else float("inf")


@dataclass(frozen=True, slots=True)
class Called:
    """Who would be called churned with a horizon of x days, at dates throughout the history.

    Parameters
    ----------
    churned : float
        Share of those active in the 2 x days before a date who are silent for x days after it.
    wrong : float
        Share of these who come back in the x days after that.
    n_churned : int
        Silent customers over all dates.
    """

    churned: float
    wrong: float
    n_churned: int


def called_churned(passage: Passage, column: str, days: int) -> Called | None:
    """Return how many would be called churned with a horizon, and how many of them wrongly; None = too short a history.

    Parameters
    ----------
    passage : Passage
    column : str
        Its time.
    days : int
        The horizon.
    """
    inside = passage.usual(column)
    day = passage.times[column][inside] // DAY_US - passage.first_day
    if not len(day):
        return None
    _, customer = np.unique(passage.customer[inside], return_inverse=True)
    width, last = int(day.max()) + 2, passage.last_day - passage.first_day
    key = customer * width + day
    base = np.arange(int(customer.max()) + 1) * width
    counts = np.zeros(3)
    for date in np.linspace(days, last - 2 * days, _DATES).astype(int) if last >= 3 * days else []:

        def until(stop: int, base: Int64s = base) -> Int64s:
            return np.searchsorted(key, base + min(max(stop, -1), width - 2), side="right")

        now = until(date)
        active, silent = now > until(date - 2 * days), until(date + days) == now
        back = until(date + 2 * days) > now
        counts += active.sum(), (active & silent).sum(), (active & silent & back).sum()
    if not counts[0]:
        return None
    return Called(float(counts[1] / counts[0]), float(counts[2] / max(counts[1], 1)), int(counts[1]))


def silence_of(passage: Passage, column: str) -> Silence:
    """Estimate who comes back after a silence, from all pauses, those still going on included.

    The pauses between the days with events of a customer are followed until the next one or the end of the history
    (Kaplan and Meier); whoever is silent at the end has not come back yet, which is not the same as never. The share
    that is silent for x days and comes back is ``S(x) - S(T)``, T the longest pause with 30 customers still at risk.

    Parameters
    ----------
    passage : Passage
    column : str
        Its time.

    References
    ----------
    .. [1] Kaplan, Meier (1958). Nonparametric estimation from incomplete observations. JASA 53(282).
    """
    inside = passage.usual(column)
    pairs = np.unique(
        np.stack([passage.customer[inside].view(np.int64), passage.times[column][inside] // DAY_US]), axis=1
    )
    if not pairs.shape[1]:
        return Silence(np.empty(0), np.empty(0), float("nan"), 0, 0)
    customer, day = pairs
    is_last = np.append(customer[1:] != customer[:-1], True)
    gaps = (day[1:] - day[:-1])[~is_last[:-1]]
    open_ = passage.last_day - day[is_last]
    length, returned = np.concatenate([gaps, open_]), np.concatenate([np.ones(len(gaps)), np.zeros(len(open_))])
    days, survival = _survival(length.astype(np.int64), returned)
    returns = survival - survival[-1] if len(survival) else np.empty(0)
    median = float(np.median(gaps)) if len(gaps) else float("nan")
    return Silence(days, returns, median, int(is_last.sum()), len(gaps))


def _survival(length: Int64s, returned: Floats) -> tuple[Floats, Floats]:
    """Return days and the share of pauses longer than each, as far as enough are still followed."""
    n = int(length.max(initial=0)) + 1
    ends = np.bincount(length, weights=returned, minlength=n)
    all_ = np.bincount(length, minlength=n)
    at_risk = all_[::-1].cumsum()[::-1].astype(np.float64)
    enough = max(int(np.flatnonzero(at_risk >= min(_FEW_AT_RISK, at_risk[0])).max(initial=0)), 1)
    hazard = np.divide(ends, at_risk, out=np.zeros(n), where=at_risk > 0)
    survival = np.maximum(np.cumprod(1 - hazard), 1e-9)
    return np.arange(n, dtype=np.float64)[: enough + 1], survival[: enough + 1]


def renewals(passage: Passage, *, start: str, end: str) -> Floats:
    """Return the days from the end of a spell to the same customer's next start, where that is within a year."""
    order = np.lexsort((passage.times[start], passage.customer))
    customer, begun, ended = passage.customer[order], passage.times[start][order], passage.times[end][order]
    follows = (customer[1:] == customer[:-1]) & (ended[:-1] != MISSING) & (begun[1:] != MISSING)
    gaps: Floats = (begun[1:][follows] - ended[:-1][follows]) / DAY_US
    return gaps[(gaps >= 0) & (gaps <= 365)]
