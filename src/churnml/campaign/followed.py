"""What became of those on past lists beside those held out: by what was intended, whoever was reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ArmDifference", "arm_differences", "delay_quantiles", "effect_on_contacted"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
_Z95 = 1.959963984540054
_LEAST_MORE = 0.05
"""With less between the shares contacted, a quotient would be mostly noise."""
LEAST_IN_ARM = 10
"""Fewer customers in an arm are not compared: a mean of theirs would nearly be a figure of one."""


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """Mean of one outcome among the listed and among the held out.

    Parameters
    ----------
    listed, held_out, difference, low, high : float
        Listed less held out, with its 95 % interval.
    n_listed, n_held_out : int
        Customers and lists: one who was on two lists counts twice.
    """

    listed: float
    held_out: float
    difference: float
    low: float
    high: float
    n_listed: int
    n_held_out: int

    @property
    def is_beyond_chance(self) -> bool:
        """Return whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def arm_differences(outcomes: Mapping[str, Floats], is_listed: Bools, customers: Int64s) -> dict[str, ArmDifference]:
    """Compare the arms of past lists by intent to treat: all who were to be contacted with all who were set aside.

    Who was not reached stays with the listed, so that reaching the willing does not pass for an effect [1]_. Rows of a
    customer on several lists go together (cluster-robust variance [2]_).

    Parameters
    ----------
    outcomes : mapping of str to ndarray, shape (n,)
        Outcome -> value of each row; NaN = not known.
    is_listed : ndarray of bool, shape (n,)
        False = held out at random.
    customers : ndarray of int64, shape (n,)
        Number of each row's customer.

    Returns
    -------
    dict of str to ArmDifference
        Without outcomes known of fewer than ten customers of either arm.

    References
    ----------
    .. [1] Hollis, Campbell (1999). What is meant by intention to treat analysis? BMJ 319.
    .. [2] Cameron, Miller (2015). A practitioner's guide to cluster-robust inference. J. Human Resources 50(2).
    """
    found = {}
    for name, values in outcomes.items():
        known = np.isfinite(values)
        arms = known & is_listed, known & ~is_listed
        if min(len(np.unique(customers[arm])) for arm in arms) < LEAST_IN_ARM:
            continue
        means = [float(np.sort(values[arm]).mean()) for arm in arms]
        variance = sum(_variance(values[arm], mean, customers[arm]) for arm, mean in zip(arms, means, strict=True))
        difference, half = means[0] - means[1], _Z95 * np.sqrt(variance)
        found[name] = ArmDifference(
            listed=means[0],
            held_out=means[1],
            difference=difference,
            low=difference - half,
            high=difference + half,
            n_listed=int(arms[0].sum()),
            n_held_out=int(arms[1].sum()),
        )
    return found


def _variance(values: Floats, mean: float, customers: Int64s) -> float:
    """Return the variance of a mean, rows of one customer going together."""
    number = np.unique(customers, return_inverse=True)[1]
    sums = np.bincount(number, weights=values - mean)
    n = len(sums)
    return float(np.sort(sums**2).sum() / len(values) ** 2 * n / (n - 1))


def delay_quantiles(days: Floats) -> tuple[float, float] | None:
    """Return the median and the ninth decile of delays, days; None for fewer than ten."""
    if len(days) < LEAST_IN_ARM:
        return None
    middle, late = np.quantile(days, [0.5, 0.9], method="inverted_cdf")
    return float(middle), float(late)


def effect_on_contacted(churn: ArmDifference, listed: float, held_out: float) -> dict[str, float] | None:
    """Return what a contact did to those who were really contacted, with its 95 % interval; None where few more were.

    The whole difference is put down to those who were contacted because they were listed [1]_: it is divided by how
    much more often the listed were contacted than the held out. That is right where being on the list does nothing
    without a contact; the headline stays the difference by intent to treat.

    Parameters
    ----------
    churn : ArmDifference
    listed, held_out : float
        Share contacted in each arm.

    References
    ----------
    .. [1] Bloom (1984). Accounting for no-shows in experimental evaluation designs. Evaluation Review 8(2).

    Examples
    --------
    >>> effect_on_contacted(ArmDifference(0.1, 0.2, -0.1, -0.15, -0.05, 90, 90), 0.5, 0.0)["value"]
    -0.2
    """
    more = listed - held_out
    if more < _LEAST_MORE:
        return None
    return {"value": churn.difference / more, "low": churn.low / more, "high": churn.high / more}
