"""What each action is expected to gain with each customer: value at stake, effect and costs, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "Gains", "expected_gains", "value_if_kept"]

Floats = npt.NDArray[np.float64]

_MOST_GONE = 0.9
"""A value given to be there is never taken to be more than ten times the value as it is."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 80 % interval; ends that are missing (None or NaN) say that it is taken as known.

    Parameters
    ----------
    value, low, high : ndarray
        Of one shape, or such that they can be broadcast to (n_customers, n_actions).
    """

    value: Floats
    low: Floats | None = None
    high: Floats | None = None

    def ends(self) -> tuple[Floats, Floats]:
        """Return both ends, the number itself where an end is missing."""
        low, high = (self.value if end is None else np.where(np.isnan(end), self.value, end) for end in self._both())
        return low, high

    def _both(self) -> tuple[Floats | None, Floats | None]:
        return self.low, self.high


@dataclass(frozen=True, slots=True)
class Gains:
    """Gain of each action with each customer, in money, each array of shape (n_customers, n_actions).

    Parameters
    ----------
    expected : ndarray
        NaN where the probability or the value is missing.
    low, high : ndarray
        An 80 % interval of the expected gain: how well it is known, not how single customers turn out.
    """

    expected: Floats
    low: Floats
    high: Floats


def value_if_kept(clv: Floats, p_leave: Floats, *, p_gone: Floats | None = None, left_share: float = 0.0) -> Floats:
    """Return what is lost when a customer leaves: the value given that the customer stays, less what comes before.

    ``clv`` counts what may not come: ``clv = kept x (1 - p_gone - p_leave x (1 - left_share))``, since the gone bring
    nothing and those who leave bring ``left_share``. Solved for ``kept``; the loss is ``kept x (1 - left_share)``.

    Parameters
    ----------
    clv : ndarray, shape (n_customers,)
        Expected value, in money; below 0 counts as 0; NaN = unknown.
    p_leave : ndarray, shape (n_customers,)
        Probability of leaving that can still be prevented.
    p_gone : ndarray, shape (n_customers,), optional
        Probability of having left already.
    left_share : float
        Share of the value horizon that has passed when somebody leaves, on average, in [0, 1).

    Examples
    --------
    >>> value_if_kept(np.array([80.0]), np.array([0.2])).round(6).tolist()
    [100.0]
    """
    missing = p_leave * (1.0 - left_share) + (0.0 if p_gone is None else p_gone)
    kept: Floats = np.maximum(clv, 0.0) / (1.0 - np.minimum(missing, _MOST_GONE))
    return kept * (1.0 - left_share)


def expected_gains(
    p_leave: Estimate,
    at_stake: Estimate,
    effect: Estimate,
    *,
    cost: Floats,
    margin_given: Floats | float = 0.0,
    p_gone: Floats | None = None,
) -> Gains:
    """Return what each action gains: ``p_leave x effect x at_stake - cost - margin given away``, with an interval.

    The margin given away is paid to everybody who takes the offer: those who are kept by it, ``p_leave x effect``, and
    all who would have stayed anyway, ``1 - p_leave - p_gone``, as in the EMPC [1]_. Contacts cost in any case.

    The ends of probability, value and effect are put in one at a time; what each changes to the worse, and to the
    better, is joined by the root of the sum of squares, as independent errors are. Uneven intervals stay uneven.

    Parameters
    ----------
    p_leave : Estimate, shape (n_customers,)
        Probability of leaving that can still be prevented; NaN = not at risk.
    at_stake : Estimate, shape (n_customers,)
        What is lost with the customer, see :func:`value_if_kept`; NaN = unknown.
    effect : Estimate, shape (n_actions,) or (n_customers, n_actions)
        Share of the probability of leaving that the action removes; below 0 it drives customers away.
    cost : ndarray, shape (n_actions,) or (n_customers, n_actions)
    margin_given : ndarray or float, optional
        Paid to each who takes the offer; as ``cost``.
    p_gone : ndarray, shape (n_customers,), optional

    References
    ----------
    .. [1] Verbraken, Verbeke, Baesens (2013). A novel profit maximizing metric for measuring classification
       performance of customer churn prediction models. IEEE TKDE 25(5), 961-973.

    Examples
    --------
    >>> gains = expected_gains(
    ...     Estimate(np.array([0.5])),
    ...     Estimate(np.array([200.0])),
    ...     Estimate(np.array([0.2]), np.array([0.1]), np.array([0.3])),
    ...     cost=np.array([4.0]),
    ... )
    >>> [round(float(end[0, 0]), 6) for end in (gains.expected, gains.low, gains.high)]
    [16.0, 6.0, 26.0]
    """
    gone = np.zeros(len(p_leave.value)) if p_gone is None else np.nan_to_num(p_gone)

    def gain(p: Floats, stake: Floats, share: Floats) -> Floats:
        kept = p[:, None] * share
        stays = np.clip(1.0 - p - gone, 0.0, 1.0)[:, None]
        return np.asarray(kept * stake[:, None] - cost - margin_given * (kept + stays), dtype=np.float64)

    expected = gain(p_leave.value, at_stake.value, effect.value)
    worse, better = np.zeros_like(expected), np.zeros_like(expected)
    for place, estimate in enumerate((p_leave, at_stake, effect)):
        changed = []
        for end in estimate.ends():
            factors = [p_leave.value, at_stake.value, effect.value]
            factors[place] = end
            changed.append(gain(*factors) - expected)
        worse += np.minimum(np.minimum(*changed), 0.0) ** 2
        better += np.maximum(np.maximum(*changed), 0.0) ** 2
    return Gains(expected, expected - np.sqrt(worse), expected + np.sqrt(better))
