"""From the horizon that outcomes could be learned for to the longer one that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from churnml.estimators.calibrator import EDGE, logit, sigmoid

__all__ = ["Carry", "carry_by_hazard", "carry_by_shift"]

Floats = npt.NDArray[np.float64]
_FARTHEST = 50.0
"""More than twice the log odds of the surest probability: from any level to any other it is not farther."""
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Carry:
    """A map of probabilities that keeps the order of customers.

    Parameters
    ----------
    shift : float
        Added on the log-odds scale: silence over the longer horizon is less likely than over the shorter.
    power : float
        Longer over shorter horizon where the hazard is taken as constant, > 0: of leaving, ``1 - (1 - p) ** power``, or
        of coming back, ``p ** power``.
    of_silence : bool
        Whether the outcome is silence, which a longer horizon makes less likely.
    """

    shift: float = 0.0
    power: float = 1.0
    of_silence: bool = False

    def __call__(self, p: Floats) -> Floats:
        """Return the probabilities for the longer horizon, shape (n_rows,)."""
        if self.shift:
            p = sigmoid(logit(p) + self.shift)
        if self.power == 1.0:
            return p
        carried = p**self.power if self.of_silence else -np.expm1(self.power * np.log1p(-p))
        return np.clip(carried, EDGE, 1.0 - EDGE)

    def state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`state`."""
        return cls(float(state["shift"]), float(state["power"]), bool(state["of_silence"]))


def carry_by_shift(p_short: Floats, p_long: Floats, *, of_silence: bool) -> Carry:
    """Return the shift that takes another model's mean probability from one horizon to the other.

    Only the level is carried: the order that outcomes taught is kept, since the other model (a hazard, or
    buy-till-you-die) knows less of a customer than the one that is carried. It is the level of probabilities, not of
    log odds: those of customers who are certain to stay fall without end, and say nothing of the others.

    Parameters
    ----------
    p_short, p_long : ndarray, shape (n_customers,)
        P(churn) within the shorter and the longer horizon by the other model; NaN where unknown.
    of_silence : bool
        Whether the outcome is silence.
    """
    known = ~(np.isnan(p_short) | np.isnan(p_long))
    if not known.any():
        return Carry(of_silence=of_silence)
    score, wanted = logit(p_short[known]), float(np.mean(np.clip(p_long[known], EDGE, 1.0 - EDGE)))
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(sigmoid(score + middle))) < wanted else (low, middle)
    return Carry(of_silence=of_silence, shift=(low + high) / 2)


def carry_by_hazard(short_days: float, long_days: float, *, of_silence: bool) -> Carry:
    """Return the map of a hazard that stays as it was, for what no purchase model tells more about."""
    return Carry(power=long_days / short_days, of_silence=of_silence)
