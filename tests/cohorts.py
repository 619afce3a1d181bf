"""Cohorts of customers drawn by the story that the buy-till-you-die models tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cohort:
    """Purchase summaries in one unit of time.

    ``next_after`` is the time from ``T`` to the next purchase, infinite for who has left.
    """

    x: Floats
    t_x: Floats
    T: Floats
    sum_log_gaps: Floats
    mean_spend: Floats
    next_after: Floats


def simulate(n: int, *, k: int, theta: tuple[float, float, float, float], drop_at_zero: bool, seed: int) -> Cohort:
    """Draw a cohort by the model's own story, purchase by purchase."""
    r, alpha, a, b = theta
    rng = np.random.default_rng(seed)
    rate, p, T = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.uniform(100, 400, n)
    x, t_x, now, log_gaps = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    next_after = np.full(n, np.inf)
    alive = rng.random(n) > p if drop_at_zero else np.ones(n, dtype=bool)
    while alive.any():
        gap = rng.gamma(k, 1 / rate)
        now = now + gap
        next_after = np.where(alive & (now > T), now - T, next_after)
        alive &= now <= T
        x, t_x, log_gaps = x + alive, np.where(alive, now, t_x), log_gaps + np.where(alive, np.log(gap), 0)
        alive &= rng.random(n) > p
    return Cohort(x, t_x, T, log_gaps, np.zeros(n), next_after)
