"""Intervals around predicted values by split-conformal prediction: what the past misses looked like, by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["ValueInterval", "fit_interval"]

Floats = npt.NDArray[np.float64]

MAX_BINS = 12
MIN_ROWS_PER_BIN = 40


@dataclass(frozen=True)
class ValueInterval:
    """Quantiles of actual over predicted value, as they change with the prediction.

    Parameters
    ----------
    centre : ndarray, shape (n_bins,)
        Mean prediction of each bin, ascending.
    low, high : ndarray, shape (n_bins,)
        Ratio actual / predicted below which, and above which, the stated share of a bin's rows lie.
    """

    centre: Floats
    low: Floats
    high: Floats

    def predict(self, value: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper ends for predictions; the prediction itself is always inside.

        The mean of a skewed value can lie outside the middle 80 % of its outcomes; the interval is then widened
        to hold it and covers more than stated. So it does where more than the stated share bring nothing at all: the
        lower end is then nothing, and holds all of them.
        """
        place = np.log1p(np.maximum(value, 0.0))
        knots = np.log1p(self.centre)
        low = value * np.interp(place, knots, self.low)
        high = value * np.interp(place, knots, self.high)
        return np.minimum(low, value), np.maximum(high, value)

    def state(self) -> dict[str, list[float]]:
        """Return the knots as plain values."""
        return {"centre": self.centre.tolist(), "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`state`."""
        return cls(*(np.asarray(state[key], dtype=np.float64) for key in ("centre", "low", "high")))


def fit_interval(predicted: Floats, actual: Floats, *, level: float = 0.8) -> ValueInterval:
    """Take the quantiles of actual / predicted within bins of the prediction, on rows not learned from.

    Parameters
    ----------
    predicted : ndarray, shape (n_rows,)
        Predictions > 0.
    actual : ndarray, shape (n_rows,)
        What came; may be negative, and then the lower end may be.
    level : float
        Share of outcomes to hold, in (0, 1).

    References
    ----------
    .. [1] Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). Distribution-free predictive inference for
       regression. JASA 113(523).
    """
    order = np.lexsort((actual, predicted))
    guess, truth = np.maximum(predicted[order], np.finfo(np.float64).tiny), actual[order]
    n_bins = int(np.clip(guess.size // MIN_ROWS_PER_BIN, 1, MAX_BINS))
    parts = [part for part in np.array_split(np.arange(guess.size), n_bins) if part.size]
    tail = (1.0 - level) / 2.0
    ends = [_ends(truth[part] / guess[part], tail=tail) for part in parts]
    centre = np.array([guess[part].mean() for part in parts])
    return ValueInterval(centre, np.array([low for low, _ in ends]), np.array([high for _, high in ends]))


def _ends(ratio: Floats, *, tail: float) -> tuple[float, float]:
    """Return the order statistics that hold the middle for one further row, not only for the rows seen.

    Where many outcomes are the same, as zeros are, the lower end holds them all, so that less than the lower tail lies
    below it: the upper end then comes down until the stated share lies between. Of customers half of whom buy nothing,
    80 % lie between nothing and the 80 % quantile.
    """
    ranked, n = np.sort(ratio), ratio.size
    # 80 * (1 - 0.8) / 2 is 7.999999999999998: what is a whole number but for rounding counts as one.
    below = max(int(np.floor((n + 1) * tail + 1e-9)) - 1, 0)
    spare = below - int(np.searchsorted(ranked, ranked[below], side="left"))
    above = min(int(np.ceil((n + 1) * (1.0 - tail) - 1e-9)) - 1, n - 1) - spare
    return float(ranked[below]), float(ranked[above])
