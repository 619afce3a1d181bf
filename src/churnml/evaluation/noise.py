"""How far a number would move with other customers: the delete-a-group jackknife."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "Replicates", "jackknife"]

N_GROUPS = 20
T_95 = 2.093
"""97.5 % quantile of Student's t with 19 degrees of freedom, for 20 groups."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        The interval is symmetric.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Replicates:
    """A number, and what it is without each group of customers; differences of two keep the pairing.

    Parameters
    ----------
    value : float
        On all rows.
    parts : ndarray, shape (20,)
        Without each group.
    """

    value: float
    parts: npt.NDArray[np.float64]

    def __sub__(self, other: Replicates) -> Replicates:
        return Replicates(self.value - other.value, self.parts - other.parts)

    def estimate(self) -> Estimate:
        """Return the number with its interval."""
        spread = np.sum((self.parts - self.parts.mean()) ** 2)
        reach = T_95 * float(np.sqrt((N_GROUPS - 1) / N_GROUPS * spread))
        return Estimate(self.value, self.value - reach, self.value + reach)


def jackknife(measure: Callable[[npt.NDArray[np.bool_]], float], customers: npt.NDArray[np.int64]) -> Replicates:
    """Recompute a number with each twentieth of the customers left out.

    All rows of a customer leave together, so several cut-offs of one customer do not pass for several customers.
    Nothing is drawn at random.

    Parameters
    ----------
    measure : callable
        From a mask of rows kept, shape (n_rows,), to the number.
    customers : ndarray of int64, shape (n_rows,)
        Number of each row's customer, 0 upwards in the order of the ids.

    Raises
    ------
    ValueError
        Where ``measure`` cannot be computed without some group.

    References
    ----------
    .. [1] Kott (2001). The delete-a-group jackknife. Journal of Official Statistics 17(4).
    """
    group = customers % N_GROUPS
    parts = np.array([measure(group != k) for k in range(N_GROUPS)])
    return Replicates(measure(np.ones(customers.size, dtype=np.bool_)), parts)
