"""How well the time until churn was told, when many customers have not churned yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats, as_amounts, as_flags, same_length

__all__ = ["concordance_score", "integrated_brier_loss", "survival_brier_curve"]


def _checked(duration_days: npt.ArrayLike, is_churned: npt.ArrayLike) -> tuple[Floats, Floats]:
    duration, churned = as_amounts(duration_days, name="duration_days"), as_flags(is_churned, name="is_churned")
    same_length(duration, churned)
    if duration.min() < 0:
        raise ValueError("duration_days is negative")
    return duration, churned


def concordance_score(duration_days: npt.ArrayLike, y_score: npt.ArrayLike, is_churned: npt.ArrayLike) -> float:
    """Share of comparable pairs of customers in which the one who churned first had the higher score.

    Parameters
    ----------
    duration_days : array_like, shape (n_customers,)
        Days until churn, or for how long the customer was seen to stay; >= 0.
    y_score : array_like, shape (n_customers,)
        Any score that grows with risk.
    is_churned : array_like, shape (n_customers,)
        1 = the duration ended with churn, 0 = it is not known how it went on.

    Returns
    -------
    float
        In [0, 1]; 0.5 for random order. Ties in the score count one half.

    Raises
    ------
    ValueError
        If no two customers can be compared (nobody churned while another was still there), something leaves its
        range, is missing, or lengths differ.

    Notes
    -----
    Harrell's C: a pair can be compared if the shorter duration ended with churn. Of equal durations, churners come
    before those who stayed, and two churners are not compared. Where many leave sight early it depends on when they
    do; `integrated_brier_loss` weighs for that.

    References
    ----------
    .. [1] Harrell, Califf, Pryor, Lee, Rosati (1982). Evaluating the yield of medical tests. JAMA 247(18).

    Examples
    --------
    >>> concordance_score([30, 60, 60, 90], [0.9, 0.4, 0.4, 0.5], [1, 1, 0, 0])
    0.7
    """
    duration, churned = _checked(duration_days, is_churned)
    scores = as_amounts(y_score, name="y_score")
    same_length(duration, scores)
    order = np.lexsort((churned, -duration))
    rank = np.unique(scores, return_inverse=True)[1]
    # Compiled code is loaded where it is used: nothing else here needs it.
    from churnml.metrics.concordance import count_pairs

    n_pairs, n_right, n_tied = count_pairs(duration[order], rank[order], churned[order] == 1)
    if n_pairs == 0:
        raise ValueError("no two customers can be compared: nobody churned while another was still there")
    return float((n_right + n_tied / 2) / n_pairs)


def survival_brier_curve(
    duration_days: npt.ArrayLike, p_stay: npt.ArrayLike, is_churned: npt.ArrayLike, *, days: npt.ArrayLike
) -> Floats:
    """Squared difference between the probability to be there still and whether it was so, at each day.

    Parameters
    ----------
    duration_days, is_churned : array_like, shape (n_customers,)
        As in `concordance_score`.
    p_stay : array_like, shape (n_customers, n_days)
        Probability of not having churned by each of the days.
    days : array_like, shape (n_days,)
        Rising, >= 0, below the longest duration.

    Returns
    -------
    ndarray, shape (n_days,)
        Mean over customers, each known outcome weighted by the inverse of the probability that it stayed in sight;
        0.25 for a constant one half.

    Raises
    ------
    ValueError
        If days do not rise or leave their range, a probability leaves [0, 1], something is missing, or shapes
        differ.

    Notes
    -----
    The probability to stay in sight is the Kaplan-Meier estimate on the same customers, which presumes that leaving
    sight has nothing to do with churn. Churners are weighted by it just before their day; some programs take it on
    that day, which differs where others leave sight on the same day.

    References
    ----------
    .. [1] Graf, Schmoor, Sauerbrei, Schumacher (1999). Assessment and comparison of prognostic classification schemes
       for survival data. Statistics in Medicine 18(17-18), 2529-2545.
    .. [2] Gerds, Schumacher (2006). Consistent estimation of the expected Brier score in general survival models with
       right-censored event times. Biometrical Journal 48(6), 1029-1040.

    Examples
    --------
    >>> p_stay = [[0.9, 0.2], [0.8, 0.4], [0.9, 0.9], [0.9, 0.7]]
    >>> survival_brier_curve([30, 60, 60, 90], p_stay, [1, 1, 0, 0], days=[20, 60]).round(4).tolist()
    [0.0175, 0.095]
    """
    duration, churned = _checked(duration_days, is_churned)
    at = as_amounts(days, name="days")
    if np.any(np.diff(at) <= 0) or at[0] < 0 or at[-1] >= duration.max():
        raise ValueError("days do not rise, are negative, or reach the longest duration")
    p = np.asarray(p_stay, dtype=np.float64)
    if p.shape != (duration.size, at.size):
        raise ValueError("p_stay is not one row per customer and one column per day: it differs in length")
    if not np.isfinite(p).all():
        raise ValueError("p_stay holds missing or infinite values")
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p_stay leaves [0, 1]")
    moments, in_sight = _in_sight(duration, churned)
    weight = churned / in_sight[np.searchsorted(moments, duration)]
    at_day = in_sight[np.searchsorted(moments, at, side="right")]
    return np.array(
        [
            _mean(np.where(duration > day, (1 - p[:, i]) ** 2 / at_day[i], p[:, i] ** 2 * weight))
            for i, day in enumerate(at)
        ]
    )


def integrated_brier_loss(
    duration_days: npt.ArrayLike, p_stay: npt.ArrayLike, is_churned: npt.ArrayLike, *, days: npt.ArrayLike
) -> float:
    """Mean of `survival_brier_curve` over the days, by trapezoids: the integrated Brier score.

    Parameters
    ----------
    duration_days, p_stay, is_churned, days
        As in `survival_brier_curve`; at least two days.

    Returns
    -------
    float
        0 is perfect.

    Raises
    ------
    ValueError
        If there are fewer than two days, or as `survival_brier_curve`.

    References
    ----------
    .. [1] Graf, Schmoor, Sauerbrei, Schumacher (1999). Assessment and comparison of prognostic classification schemes
       for survival data. Statistics in Medicine 18(17-18), 2529-2545.

    Examples
    --------
    >>> p_stay = [[0.9, 0.2], [0.8, 0.4], [0.9, 0.9], [0.9, 0.7]]
    >>> round(integrated_brier_loss([30, 60, 60, 90], p_stay, [1, 1, 0, 0], days=[20, 60]), 5)
    0.05625
    """
    at = as_amounts(days, name="days")
    if at.size < 2:
        raise ValueError("days are fewer than two, so there is nothing to integrate over")
    curve = survival_brier_curve(duration_days, p_stay, is_churned, days=at)
    return float(np.trapezoid(curve, at) / (at[-1] - at[0]))


def _in_sight(duration: Floats, churned: Floats) -> tuple[Floats, Floats]:
    """Return the days something ended, and P(in sight) before the first and after each; churn comes before the rest."""
    moments, number = np.unique(duration, return_inverse=True)
    n_ended = np.bincount(number)
    n_churned = np.bincount(number, weights=churned)
    n_left = np.cumsum(n_ended[::-1])[::-1] - n_churned
    lost = (n_ended - n_churned) / np.maximum(n_left, 1.0)
    return moments, np.append(1.0, np.cumprod(1 - lost))


def _mean(amount: Floats) -> float:
    # Sorted, so that no sum depends on the order of the rows.
    return float(np.mean(np.sort(amount)))
