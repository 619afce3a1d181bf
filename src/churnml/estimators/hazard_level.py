"""The level of a hazard over calendar time: what all customers share in a period, and what to expect of the next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from churnml.estimators.calibrator import sigmoid

__all__ = ["expected_level", "level_by_bin", "period_and_calendar", "slope_of"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
MIN_EVENTS_IN_BIN = 5
_MEMORIES = (np.inf, 2.0, 1.0, 0.5)
"""How many horizons halve the weight of what is past."""
_BELIEFS = (0.35, 0.3, 0.15, 0.1, 0.1)
"""In a mean of each memory, and last in the trend, before the data speak."""
_NOISE = 0.05
"""Log odds; no forecast of a level is taken to be better than this."""
_PRIOR = 4.0
_WEAK_PRIOR = 0.01
_MAX_STEP = 1.0
_MAX_STEPS = 60
_ENOUGH = 1e-8
_SLOPE_PRIOR = 20.0
_SLOPES = (0.2, 2.0)


def period_and_calendar(
    period: Int64s, place: Int64s, y: Floats, *, score: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the log odds of each period after the snapshot, and what each part of the calendar adds to them.

    Parameters
    ----------
    period, place : ndarray of int64, shape (n_rows,)
        Numbers, from 0, of the period after the snapshot and of the part of the calendar.
    y : ndarray of {0, 1}, shape (n_rows,)
    score : ndarray, shape (n_rows,), optional
        Log odds known of each row beside these two.

    Returns
    -------
    periods, calendar : ndarray
        Additive on the log odds. Where both cannot be told apart, the difference goes to the periods.
    """
    known = np.zeros(y.size) if score is None else score
    rate = (float(y.sum()) + 0.5) / (y.size + 1.0)
    start = float(np.log(rate / (1.0 - rate)) - known.mean())
    n_periods, n_parts = int(period.max()) + 1, int(place.max()) + 1
    centre = np.append(np.full(n_periods, start), np.zeros(n_parts))
    pull = np.append(np.full(n_periods, _WEAK_PRIOR), np.full(n_parts, _PRIOR))
    effect, cell = centre.copy(), period * n_parts + place
    for _ in range(_MAX_STEPS):
        p = sigmoid(known + effect[period] + effect[n_periods + place])
        missed = _by_cell(cell, y - p, n_periods, n_parts)
        spread = _by_cell(cell, p * (1.0 - p), n_periods, n_parts)
        gradient = np.append(missed.sum(axis=1), missed.sum(axis=0)) - pull * (effect - centre)
        # Both at once: one after the other would leave what they share to whichever comes first.
        hessian = np.diag(np.append(spread.sum(axis=1), spread.sum(axis=0)) + pull)
        hessian[:n_periods, n_periods:], hessian[n_periods:, :n_periods] = spread, spread.T
        with threadpool_limits(limits=1):  # several threads would sum in another order
            step = np.linalg.solve(hessian, gradient)
        effect += np.clip(step, -_MAX_STEP, _MAX_STEP)
        if np.abs(step).max() < _ENOUGH:
            break
    return effect[:n_periods], effect[n_periods:]


def _by_cell(cell: Int64s, values: Floats, n_periods: int, n_parts: int) -> Floats:
    total: Floats = np.bincount(cell, weights=values, minlength=n_periods * n_parts).astype(np.float64)
    return total.reshape(n_periods, n_parts)


def slope_of(raw: Floats, y: Floats, *, offset: Floats, weight: Floats) -> float:
    """Return by how much to stretch the log odds that trees add, from rows they had not seen; 1 before the data speak.

    The level is free, so that a year that was higher or lower than the ones before says nothing of the slope.

    Parameters
    ----------
    raw, offset : ndarray, shape (n_rows,)
        What the trees add, and what they were grown on top of.
    y : ndarray of {0, 1}, shape (n_rows,)
    weight : ndarray, shape (n_rows,)
    """
    slope, shift = 1.0, 0.0
    centred = raw - np.average(raw, weights=weight)
    for _ in range(100):
        p = sigmoid(offset + slope * centred + shift)
        spread = weight * p * (1.0 - p)
        missed = weight * (y - p)
        own, cross, both = (spread * centred**2).sum() + _SLOPE_PRIOR, (spread * centred).sum(), spread.sum()
        gradient = (missed * centred).sum() - _SLOPE_PRIOR * (slope - 1.0), missed.sum()
        step = np.linalg.solve([[own, cross], [cross, both]], gradient)
        step *= min(1.0, _MAX_STEP / float(np.abs(step).max() + 1e-300))
        slope, shift = slope + float(step[0]), shift + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    return float(np.clip(slope, *_SLOPES))


def level_by_bin(score: Floats, y: Floats, place: Int64s) -> tuple[Floats, Floats]:
    """Return by how much the log odds of each part of the calendar differ from the scores, and the standard error.

    Parameters
    ----------
    score : ndarray, shape (n_rows,)
        Log odds without the calendar.
    y : ndarray of {0, 1}, shape (n_rows,)
    place : ndarray of int64, shape (n_rows,)
        Part of the calendar, 0 the newest.

    Returns
    -------
    level, error : ndarray, shape (n_parts,)
        NaN where there are too few events, or too few without one, to say.
    """
    n_bins = int(place.max()) + 1
    level, error = np.full(n_bins, np.nan), np.full(n_bins, np.nan)
    for part in range(n_bins):
        rows = np.flatnonzero(place == part)
        n_events = float(y[rows].sum())
        if min(n_events, rows.size - n_events) < MIN_EVENTS_IN_BIN:
            continue
        shift, information = 0.0, 1.0
        for _ in range(100):
            p = sigmoid(score[rows] + shift)
            information = float((p * (1.0 - p)).sum())
            step = float(np.clip((n_events - p.sum()) / information, -_MAX_STEP, _MAX_STEP))
            shift += step
            if abs(step) < 1e-10:
                break
        level[part], error[part] = shift, information**-0.5
    return level, error


def expected_level(level: Floats, error: Floats, *, horizon_bins: int) -> float:
    """Return the level to expect of the next horizon.

    Parts of the calendar count by how exactly they are known, never by how many rows they hold: what moved all
    customers of one quarter moved them together. The newest ones count for more only as far as that would have
    foretold earlier horizons: means with a short and a long memory are weighted by how well each did, from one past
    date after the other, and by a prior that favours the long ones. With few events or a short history little moves.

    Parameters
    ----------
    level, error : ndarray, shape (n_parts,)
        From :func:`level_by_bin`, the newest first.
    horizon_bins : int
        Parts of the calendar in a horizon.

    References
    ----------
    .. [1] DerSimonian and Laird (1986). Meta-analysis in clinical trials. Controlled Clinical Trials 7(3).
    """
    known = np.flatnonzero(~np.isnan(level))
    if known.size == 0:
        return 0.0
    exact = 1.0 / (_between(level[known], error[known]) + error[known] ** 2)
    value = level[known]
    log_belief = np.log(_BELIEFS)
    origins = [at for at in range(horizon_bins, int(known[-1])) if np.any(known >= at) and np.any(known < at)]
    if origins:
        missed = np.zeros((len(origins), len(_BELIEFS)))
        for number, at in enumerate(origins):
            after, before = (known < at) & (known >= at - horizon_bins), known >= at
            if not after.any():
                continue
            came = np.average(value[after], weights=exact[after])
            missed[number] = came - _forecasts(known[before] - at, value[before], exact[before], horizon_bins)
        squared = (missed**2).mean(axis=0) + _NOISE**2 + float((error[known] ** 2).mean())
        log_belief = log_belief - 0.5 * len(origins) / horizon_bins * np.log(squared)
    belief = np.exp(log_belief - log_belief.max())
    return float(np.average(_forecasts(known, value, exact, horizon_bins), weights=belief))


def _forecasts(age: Int64s, value: Floats, exact: Floats, horizon_bins: int) -> Floats:
    """Return one mean for each memory, and a trend: the shortest, and as much as it leads the next."""
    weights = [exact * 0.5 ** (age / (memory * horizon_bins)) for memory in _MEMORIES]
    means = [np.average(value, weights=weight) for weight in weights]
    return np.array([*means, 2.0 * means[-1] - means[-2]])


def _between(value: Floats, error: Floats) -> float:
    """Return the variance of the levels beyond their standard errors, by moments."""
    weight = error**-2
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    if scale <= 0.0:
        return 0.0
    scatter = float((weight * (value - np.average(value, weights=weight)) ** 2).sum())
    return max(0.0, (scatter - (value.size - 1)) / scale)
