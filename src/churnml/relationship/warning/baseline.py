"""What a week was due to bring, by the weeks before it: a quasi-Poisson line with trend and season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["LEAST_WEEKS", "Forecast", "Kind", "forecast"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Kind = Literal["season", "level"]
LEAST_WEEKS = 20
"""Weeks without which nobody knows what is usual."""
_SEASON_YEARS = 1.5
"""Less than that, and a season cannot be told from a trend."""
_OUTLIER = 3.0
_MOST_STEPS, _REWEIGHTINGS = 25, 5
_MOST_TIMES = 10.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Counts that were due in some weeks.

    Parameters
    ----------
    mean : ndarray of float64, shape (n_weeks,)
    covariance : ndarray of float64, shape (n_weeks, n_weeks)
        How uncertain the means are.
    dispersion : float
        Variance of a count over its mean, at least 1.
    kind : {"season", "level"}
        Trend and season, or a level only where the past is too short for them.
    """

    mean: Floats
    covariance: Floats
    dispersion: float
    kind: Kind

    def tail(self, observed: float, *, falls: bool) -> float:
        """Return how likely a sum over the weeks at least as extreme is: as high, or where it matters, as low."""
        law, shape = self._law()
        return float(law.cdf(observed, *shape) if falls else law.sf(observed - 1, *shape))

    def limit(self, alpha: float, *, falls: bool) -> float:
        """Return the least extreme sum over the weeks that is less likely than ``alpha``; -1 where none is so low."""
        law, shape = self._law()
        if not falls:
            return float(law.isf(alpha, *shape)) + 1
        found = float(law.ppf(alpha, *shape))
        return found if law.cdf(found, *shape) <= alpha else found - 1

    def last(self, n: int) -> Forecast:
        """Return the last so many weeks alone."""
        return Forecast(self.mean[-n:], self.covariance[-n:, -n:], self.dispersion, self.kind)

    def _law(self) -> tuple[Any, tuple[float, ...]]:
        mean = float(self.mean.sum())
        variance = self.dispersion * mean + float(self.covariance.sum())
        if variance <= mean * (1 + 1e-9):
            return stats.poisson, (mean,)
        size = mean**2 / (variance - mean)
        return stats.nbinom, (size, size / (size + mean))


def forecast(
    counts: Floats, exposure: Floats, weeks: Int64s, *, ahead: Int64s, ahead_exposure: Floats, year: float, falls: bool
) -> Forecast | None:
    """Return what some weeks were due to bring by earlier ones.

    Quasi-Poisson with a log link and the exposure as offset; linear trend and a yearly wave where the past is a year
    and a half or more and they lead to rates at most ten times the highest ever seen, else a level. Past weeks that
    stick out in the direction that matters count less, so that an earlier crisis does not become what is usual.

    Parameters
    ----------
    counts, exposure : ndarray of float64, shape (n_past,)
        Exposure is above 0.
    weeks, ahead : ndarray of int64, shape (n_past,), (n_ahead,)
        Numbers of the weeks on one scale.
    ahead_exposure : ndarray of float64, shape (n_ahead,)
    year : float
        Weeks (periods) of a year.
    falls : bool
        Whether it is low counts that matter.

    Returns
    -------
    Forecast or None
        None below :data:`LEAST_WEEKS` weeks, or where nothing was ever counted.

    References
    ----------
    .. [1] Farrington, Andrews, Beale, Catchpole (1996). A statistical algorithm for the early detection of outbreaks of
       infectious disease. JRSS A 159, 547-563.
    .. [2] Noufaily, Enki, Farrington, Garthwaite, Andrews, Charlett (2013). An improved algorithm for outbreak
       detection in multiple surveillance systems. Statistics in Medicine 32, 1206-1222.
    """
    if len(counts) < LEAST_WEEKS or not counts.sum() > 0:
        return None
    kind: Kind = "season" if len(counts) >= _SEASON_YEARS * year else "level"
    past = counts, weeks, exposure
    fit, design_ahead = _fit_to(kind, *past, ahead=ahead, year=year, falls=falls)
    if kind == "season" and not _is_plausible(design_ahead @ fit.coefficients, counts / exposure):
        # Of a few counts, a season is carried on to anything: what is usual is then the level.
        kind = "level"
        fit, design_ahead = _fit_to(kind, *past, ahead=ahead, year=year, falls=falls)
    mean = ahead_exposure * np.exp(design_ahead @ fit.coefficients)
    pull = design_ahead * mean[:, None]
    return Forecast(mean, fit.dispersion * pull @ fit.inverse @ pull.T, fit.dispersion, kind)


def _is_plausible(log_rates: Floats, seen: Floats) -> bool:
    """Return whether rates carried on are numbers, and not far above any that was ever seen."""
    return bool(np.isfinite(log_rates).all() and log_rates.max() <= np.log(_MOST_TIMES * seen.max()))


def _fit_to(
    kind: Kind, counts: Floats, weeks: Int64s, exposure: Floats, *, ahead: Int64s, year: float, falls: bool
) -> tuple[_Fit, Floats]:
    """Return the fit to the past and the design of the weeks ahead."""
    design, design_ahead = (_design(w, kind, origin=int(weeks[-1]), year=year) for w in (weeks, ahead))
    fit = _fitted(counts, design, exposure, np.ones(len(counts)))
    # A great outlier hides behind the dispersion that it made itself: only step by step it loses its weight.
    for _ in range(_REWEIGHTINGS):
        weights = _weights(counts, fit, falls=falls)
        if weights.min() == weights.max():
            break
        fit = _fitted(counts, design, exposure, weights)
    return fit, design_ahead


def _design(weeks: Int64s, kind: Kind, *, origin: int, year: float) -> Floats:
    since = (weeks - origin).astype(np.float64)
    if kind == "level":
        return np.ones((len(weeks), 1))
    turn = 2 * np.pi * since / year
    return np.stack([np.ones(len(weeks)), since / year, np.sin(turn), np.cos(turn)], axis=1)


@dataclass(frozen=True, slots=True)
class _Fit:
    coefficients: Floats
    inverse: Floats
    mean: Floats
    leverage: Floats
    dispersion: float


def _fitted(counts: Floats, design: Floats, exposure: Floats, weights: Floats) -> _Fit:
    """Fit by iterated weighted least squares: hundreds of small fits a report, a thousandth of a second each."""
    mean = exposure * (counts.sum() + 0.5) / exposure.sum()
    coefficients, inverse = np.zeros(design.shape[1]), np.eye(design.shape[1])
    for _ in range(_MOST_STEPS):
        working = np.log(mean / exposure) + (counts - mean) / mean
        weighted = design * (weights * mean)[:, None]
        inverse = np.linalg.pinv(design.T @ weighted, hermitian=True)
        before, coefficients = coefficients, inverse @ (weighted.T @ working)
        mean = exposure * np.exp(np.clip(design @ coefficients, -50.0, 50.0))
        if np.abs(coefficients - before).max() < 1e-10:
            break
    leverage = weights * mean * np.einsum("ij,jk,ik->i", design, inverse, design)
    freedom = max(1, len(counts) - design.shape[1])
    dispersion = max(1.0, float((weights * (counts - mean) ** 2 / mean).sum() / freedom))
    return _Fit(coefficients, inverse, mean, leverage, dispersion)


def _weights(counts: Floats, fit: _Fit, *, falls: bool) -> Floats:
    """Return the weight of each past week: less where its Anscombe residual sticks out."""
    spread = fit.mean ** (1 / 6) * np.sqrt(fit.dispersion * np.clip(1 - fit.leverage, 0.05, 1.0))
    residual = 1.5 * (counts ** (2 / 3) - fit.mean ** (2 / 3)) / spread * (-1.0 if falls else 1.0)
    weights = np.where(residual > _OUTLIER, 1 / np.maximum(residual, 1.0) ** 2, 1.0)
    scaled: Floats = weights * len(weights) / weights.sum()
    return scaled
