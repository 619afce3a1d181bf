"""What scores of the past said against what happened: level, calibration by band, ranking, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from churnml.metrics.delong import delong_interval
from churnml.metrics.ranking import roc_auc_score

__all__ = ["BandOutcome", "Matured", "matured", "rate_interval"]

Floats = npt.NDArray[np.float64]
State = Literal["steady", "warning", "alarm", "unknown"]
_Z95, _Z999 = 1.959963984540054, 3.2905267314919255


@dataclass(frozen=True, slots=True)
class BandOutcome:
    """Customers of one band: how many were expected to leave, and how many did.

    Parameters
    ----------
    band : str
        Empty = all.
    n : int
    expected, observed : float
        Mean probability, and share who left.
    low, high : float
        95 % interval of the observed share.
    z : float
        Distance of the two in standard errors under perfect calibration; 0 where nothing could vary.
    """

    band: str
    n: int
    expected: float
    observed: float
    low: float
    high: float
    z: float


@dataclass(frozen=True, slots=True)
class Matured:
    """One run's scores against what happened.

    Parameters
    ----------
    overall : BandOutcome
    bands : tuple of BandOutcome
        In the order given.
    auc, auc_low, auc_high : float or None
        None where one class is left.
    level : {"steady", "warning", "alarm", "unknown"}
        Of calibration: ``warning`` beyond chance, ``alarm`` beyond chance and by more than the factor borne.
    ranking : as ``level``
        ``warning``: the whole interval lies below what was found in training; ``alarm``: also below 0.5.
    """

    overall: BandOutcome
    bands: tuple[BandOutcome, ...]
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    level: State
    ranking: State


def rate_interval(n_events: int, n: int, *, z: float = _Z95) -> tuple[float, float]:
    """Return Wilson's interval of a share [1]_.

    References
    ----------
    .. [1] Wilson (1927). Probable inference. J. American Statistical Association 22(158).

    Examples
    --------
    >>> low, high = rate_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if not n:
        return 0.0, 1.0
    p, scale = n_events / n, 1 + z**2 / n
    middle = (p + z**2 / (2 * n)) / scale
    half = z / scale * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def matured(
    y: Floats,
    p: Floats,
    bands: npt.NDArray[np.str_],
    *,
    order: Sequence[str],
    trained_auc: float | None = None,
    max_log_ratio: float = 0.5,
    min_rows: int = 100,
) -> Matured:
    """Compare probabilities with outcomes.

    Parameters
    ----------
    y, p : ndarray, shape (n,)
        1 = left; probability.
    bands : ndarray of str, shape (n,)
    order : sequence of str
        Bands, in the order to be told.
    trained_auc : float, optional
        What the backtest of the model found.
    max_log_ratio : float
        Distance of ln(expected / observed) from 0 that is borne.
    min_rows : int
        With fewer customers nothing is concluded.
    """
    overall = _band("", y, p)
    parts = tuple(_band(name, y[bands == name], p[bands == name]) for name in order if (bands == name).any())
    auc = low = high = None
    if min(y.sum(), len(y) - y.sum()) >= 2:
        auc = roc_auc_score(y, p)
        low, high = delong_interval(y, p)
    is_enough = len(y) >= min_rows
    return Matured(
        overall,
        parts,
        auc,
        low,
        high,
        _level(overall, parts, max_log_ratio) if is_enough else "unknown",
        _ranking(high, trained_auc) if is_enough else "unknown",
    )


def _band(name: str, y: Floats, p: Floats) -> BandOutcome:
    # Sorted, so that no sum depends on the order of the rows.
    expected, spread = float(np.sort(p).mean()), float(np.sort(p * (1 - p)).sum())
    n_events = int(y.sum())
    low, high = rate_interval(n_events, len(y))
    z = (n_events - len(y) * expected) / np.sqrt(spread) if spread > 0 else 0.0
    return BandOutcome(name, len(y), expected, n_events / len(y), low, high, float(z))


def _level(overall: BandOutcome, bands: Sequence[BandOutcome], max_log_ratio: float) -> State:
    """Judge the level as a whole, then each band; a band counts only where it holds against all bands."""
    if abs(overall.z) > _Z999:
        # Half a customer keeps the logarithm finite where nobody left.
        ratio = np.log((overall.expected * overall.n + 0.5) / (overall.observed * overall.n + 0.5))
        return "alarm" if abs(ratio) > max_log_ratio else "warning"
    return "warning" if any(abs(band.z) > _Z999 for band in bands) else "steady"


def _ranking(high: float | None, trained_auc: float | None) -> State:
    if high is None:
        return "unknown"
    if high < 0.5:
        return "alarm"
    return "warning" if trained_auc is not None and high < trained_auc else "steady"
