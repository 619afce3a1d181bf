"""How far a number would move with other customers: the bootstrap of whole customers, many resamples at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "Job", "Replicates", "customer_weights", "replicate"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
KeyT = TypeVar("KeyT", bound=Hashable)

N_REPETITIONS = 400
MIN_REPETITIONS = 100
_MAX_WEIGHTS = 20_000_000
"""Of all resamples together: beyond, fewer resamples are drawn, for rows enough make every interval narrow."""
_CHUNK = 2_000_000
"""Weights held at a time."""

Job = Callable[[Floats], Floats]
"""From weights of shape (n_resamples, n_rows) to the number on each resample, NaN where it does not exist."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        The interval need not be symmetric.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Replicates:
    """A number, and what it is on each resample; differences of two keep the pairing.

    Parameters
    ----------
    value : float
        On all rows.
    parts : ndarray, shape (n_resamples,)
        NaN where it does not exist.
    """

    value: float
    parts: Floats

    def __sub__(self, other: Replicates) -> Replicates:
        return Replicates(self.value - other.value, self.parts - other.parts)

    def estimate(self) -> Estimate | None:
        """Return the number with its percentile interval; None where fewer than half of the resamples have one."""
        known = self.parts[np.isfinite(self.parts)]
        if not np.isfinite(self.value) or known.size * 2 < self.parts.size:
            return None
        low, high = np.quantile(known, [0.025, 0.975])
        return Estimate(self.value, float(low), float(high))


def customer_weights(customers: Rows, *, seed: int = 0, n_repetitions: int | None = None) -> Iterator[Floats]:
    """Yield how often each row is in each resample, some resamples at a time.

    As many customers as there are are drawn with replacement, and all rows of a customer come with them: several
    cut-offs of one customer do not pass for several customers.

    Parameters
    ----------
    customers : ndarray of int64, shape (n_rows,)
        Number of each row's customer, 0 upwards in the order of the ids.
    seed : int
        The same seed and customers give the same resamples.
    n_repetitions : int, optional
        By default 400; fewer, but at least 100, where there are more than 50,000 rows.

    References
    ----------
    .. [1] Field, Welsh (2007). Bootstrapping clustered data. JRSS B 69(3), 369-390.
    """
    affordable = max(MIN_REPETITIONS, min(N_REPETITIONS, _MAX_WEIGHTS // max(customers.size, 1)))
    left = affordable if n_repetitions is None else n_repetitions
    at_once = max(1, _CHUNK // max(customers.size, 1))
    n_customers, draw = int(customers.max()) + 1, np.random.default_rng(seed)
    while left > 0:
        size = min(left, at_once)
        drawn = draw.integers(0, n_customers, (size, n_customers))
        # One count for all: resample k's customers are numbered from k times their number.
        drawn += np.arange(size)[:, None] * n_customers
        counts = np.bincount(drawn.ravel(), minlength=size * n_customers).reshape(size, n_customers)
        yield counts[:, customers].astype(np.float64)
        left -= size


def replicate(
    jobs: Mapping[KeyT, Job], customers: Rows, *, seed: int = 0, n_repetitions: int | None = None
) -> dict[KeyT, Floats]:
    """Compute numbers on the same resamples of customers; parameters as :func:`customer_weights`.

    Returns
    -------
    dict
        By key, shape (n_resamples,).
    """
    pieces: dict[KeyT, list[Floats]] = {key: [] for key in jobs}
    for weights in customer_weights(customers, seed=seed, n_repetitions=n_repetitions):
        for key, job in jobs.items():
            pieces[key].append(job(weights))
    return {key: np.concatenate(parts) for key, parts in pieces.items()}
