"""Survival curves from hazards by period: probabilities at any day, expected times, and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SurvivalCurves"]

Floats = npt.NDArray[np.float64]
_SUREST = 1.0 - 2.0**-53
"""The greatest hazard below 1, whose rate is still finite."""


@dataclass(frozen=True, slots=True)
class SurvivalCurves:
    """Curves of piecewise constant hazard; after the last period its hazard goes on.

    Parameters
    ----------
    edges : ndarray, shape (n_periods + 1,)
        Days, ascending from 0.
    hazard : ndarray, shape (n_rows, n_periods)
        Probability of the event in each period, given none before it, in (0, 1).
    """

    edges: Floats
    hazard: Floats

    def at(self, days: Sequence[float] | Floats) -> Floats:
        """Return the probability of no event up to each of some days, shape (n_rows, n_days)."""
        return np.exp(-self._cumulated(np.asarray(days, dtype=np.float64)))

    def to_power(self, power: Floats) -> SurvivalCurves:
        """Return each curve to a power: its rates times that number, shape (n_rows,)."""
        hazard = -np.expm1(power[:, None] * np.log1p(-self.hazard))
        return SurvivalCurves(self.edges, np.minimum(hazard, _SUREST))

    def _cumulated(self, days: Floats) -> Floats:
        """Return the cumulated hazard: the sum of the rates over the days spent in each period."""
        rates = -np.log1p(-self.hazard) / np.diff(self.edges)
        ends = np.append(self.edges[1:-1], np.inf)
        spent = np.clip(days[:, None], self.edges[:-1], ends) - self.edges[:-1]
        # One column after the other, so that the last digits do not depend on how many threads multiply.
        total = np.zeros((len(rates), len(days)))
        for period in range(rates.shape[1]):
            total += rates[:, period, None] * spent[:, period]
        return total

    def _nodes(self, until_days: float) -> Floats:
        return np.append(self.edges[self.edges < until_days], until_days)

    def restricted_mean(self, cap_days: float) -> Floats:
        """Return the expected days to the event, at most the cap: the area under each curve, shape (n_rows,)."""
        nodes = self._nodes(cap_days)
        cumulated = self._cumulated(nodes)
        area = np.zeros(len(cumulated))
        for part, width in enumerate(np.diff(nodes)):
            grown = cumulated[:, part + 1] - cumulated[:, part]
            area += np.exp(-cumulated[:, part]) * width * _mean_of_decay(grown)
        return area

    def quantile(self, share: float, *, within_days: float) -> Floats:
        """Return the day by which a share of the events within some days has come, shape (n_rows,).

        Raises
        ------
        ValueError
            If the share is not in (0, 1].
        """
        if not 0.0 < share <= 1.0:
            raise ValueError("share must be in (0, 1]")
        nodes = self._nodes(within_days)
        cumulated = self._cumulated(nodes)
        wanted = -np.log1p(share * np.expm1(-cumulated[:, -1]))
        part = np.clip((cumulated < wanted[:, None]).sum(axis=1) - 1, 0, len(nodes) - 2)
        rows = np.arange(len(cumulated))
        below, above = cumulated[rows, part], cumulated[rows, part + 1]
        inside: Floats = np.clip((wanted - below) / np.maximum(above - below, 1e-300), 0.0, 1.0)
        day: Floats = nodes[part] + inside * (nodes[part + 1] - nodes[part])
        return day


def _mean_of_decay(grown: Floats) -> Floats:
    """Return the mean of ``exp(-x)`` for x from 0 to each value."""
    safe = np.maximum(grown, 1e-12)
    mean: Floats = np.where(grown > 1e-12, -np.expm1(-safe) / safe, 1.0)
    return mean
