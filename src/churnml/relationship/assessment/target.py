"""Whether churn lies in its band, and how likely it is that what lies outside is noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy.stats import beta

from churnml.relationship.assessment.rounding import rounded

__all__ = ["churn_band", "control_limits"]

_SIGMAS = 3.0


def churn_band(
    count: int, n: int, band: tuple[float | None, float | None] | None, past: Sequence[tuple[int, int]]
) -> dict[str, Any] | None:
    """Return whether the churn rate lies in its target band, or within the limits of its own past.

    Parameters
    ----------
    count, n : int
        Who left, of so many.
    band : (float or None, float or None) or None
        Lower and upper edge of the target; None = the limits of the past are used.
    past : sequence of (int, int)
        Who left, of so many, in earlier periods.

    Returns
    -------
    dict or None
        ``low``, ``high``, ``source`` (``target`` or ``past``), ``place`` (``inside``, ``above``, ``below``),
        ``p_noise``: the probability that the true rate does not lie beyond the edge, by a Beta(1/2, 1/2) prior;
        ``is_zero``: whether the target is 0, which no company reaches. None where there is nothing to compare with.

    Examples
    --------
    >>> found = churn_band(30, 100, (0.05, 0.2), [])
    >>> found["place"], found["p_noise"] < 0.02
    ('above', True)
    """
    limits = band if band is not None else control_limits(n, past)
    if limits is None or n == 0:
        return None
    low, high = limits
    rate = count / n
    place = "above" if high is not None and rate > high else "below" if low is not None and rate < low else "inside"
    truth = beta(count + 0.5, n - count + 0.5)
    noise = None
    if place == "above":
        noise = float(truth.cdf(high))
    elif place == "below":
        noise = float(truth.sf(low))
    return {
        "low": rounded(low),
        "high": rounded(high),
        "source": "past" if band is None else "target",
        "place": place,
        "p_noise": rounded(noise),
        "is_zero": high == 0,
        "n_past": len(past),
    }


def control_limits(n: int, past: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """Return the limits of a p-chart: the mean of the past and three standard errors of a rate of ``n`` customers.

    Examples
    --------
    >>> control_limits(100, [(10, 100), (10, 100)])
    (0.01, 0.19)
    """
    total = sum(of for _, of in past)
    if len(past) < 2 or not total or not n:
        return None
    mean = sum(count for count, _ in past) / total
    half = _SIGMAS * (mean * (1 - mean) / n) ** 0.5
    return round(max(0.0, mean - half), 10), round(min(1.0, mean + half), 10)
