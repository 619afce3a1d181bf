"""Prices of the limits: the dual of choosing one action a customer, smoothed, then minimised.

For any prices ``q >= 0``, ``q @ at_most + sum_i max(0, max_j (gain_ij - q @ weights_ij))`` bounds what can be gained.
The maximum is replaced by a soft one whose sharpness grows, so that a quasi-Newton method finds the lowest bound.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import types
from scipy.optimize import minimize

from churnml.campaign.stacked import LAYERS, Stacked

__all__ = ["cheapest_bound", "dual_value", "reduced_gains"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]

_SAMPLE = 20_000
_SOFTNESS = (0.3, 0.03, 0.003)
"""Of the soft maximum, as shares of a typical gain."""
_MOST_STEPS = 200
_GAINS = types.Array(types.float64, 2, "C")
_AMOUNTS = types.Array(types.float64, 1, "C")
_ACTIONS = types.Array(types.int32, 1, "C")


@numba.njit(types.float64(_GAINS, *LAYERS, _AMOUNTS, types.float64, _AMOUNTS), cache=True, nogil=True)
def _soft_sum(
    gain: Any, code: Any, table: Any, own: Any, own_of: Any, prices: Any, softness: float, usage: Any
) -> float:
    """Return the sum of soft maxima over customers, and add the expected use of each limit to ``usage``."""
    n, k = gain.shape
    net, total = np.empty(k), 0.0
    for i in range(n):
        top = 0.0
        for j in range(k):
            value = gain[i, j]
            if value > -np.inf:
                for layer in range(code.shape[0]):
                    limit = code[layer, i]
                    if limit >= 0:
                        weight = own[own_of[layer], i, j] if own_of[layer] >= 0 else 0.0
                        value -= prices[limit] * (table[limit, j] + weight)
            net[j] = value
            top = max(top, value)
        if softness == 0.0:
            total += top
            continue
        mass = np.exp(-top / softness)
        for j in range(k):
            net[j] = np.exp((net[j] - top) / softness) if net[j] - top > -40.0 * softness else 0.0
            mass += net[j]
        total += top + softness * np.log(mass)
        for j in range(k):
            if net[j] > 0.0:
                share = net[j] / mass
                for layer in range(code.shape[0]):
                    limit = code[layer, i]
                    if limit >= 0:
                        weight = own[own_of[layer], i, j] if own_of[layer] >= 0 else 0.0
                        usage[limit] += share * (table[limit, j] + weight)
    return total


@numba.njit(types.void(_GAINS, *LAYERS, _AMOUNTS, _AMOUNTS, _ACTIONS), cache=True, nogil=True)
def _reduced(gain: Any, code: Any, table: Any, own: Any, own_of: Any, prices: Any, reduced: Any, best: Any) -> None:
    """Write each customer's best gain net of prices, and the action behind it."""
    for i in range(gain.shape[0]):
        for j in range(gain.shape[1]):
            value = gain[i, j]
            if value == -np.inf:
                continue
            for layer in range(code.shape[0]):
                limit = code[layer, i]
                if limit >= 0:
                    weight = own[own_of[layer], i, j] if own_of[layer] >= 0 else 0.0
                    value -= prices[limit] * (table[limit, j] + weight)
            if best[i] < 0 or value > reduced[i]:
                reduced[i], best[i] = value, j


def reduced_gains(gain: Floats, limits: Stacked, prices: Floats) -> tuple[Floats, Int32s]:
    """Return the best gain net of prices of each customer (-inf = none allowed), and its action (-1)."""
    reduced, best = np.full(len(gain), -np.inf), np.full(len(gain), -1, dtype=np.int32)
    _reduced(gain, *limits.layers, prices, reduced, best)
    return reduced, best


def dual_value(gain: Floats, limits: Stacked, prices: Floats) -> float:
    """Return the bound that some prices give; ``gain`` is -inf where an action is not allowed or does not gain."""
    return float(prices @ limits.at_most + _soft_sum(gain, *limits.layers, prices, 0.0, np.empty(0)))


def cheapest_bound(gain: Floats, limits: Stacked) -> Floats:
    """Return the prices that bound the gain lowest, shape (n_limits,); first on every m-th customer, then on all.

    Parameters
    ----------
    gain : ndarray, shape (n_customers, n_actions)
        -inf where an action is not allowed or does not gain.
    limits : Stacked
    """
    prices = np.zeros(len(limits.names))
    best = gain.max(axis=1, initial=-np.inf)
    best = best[best > 0]
    if not len(prices) or not len(best) or _fits(gain, limits):
        return prices
    typical = float(np.median(best))
    if len(gain) > 2 * _SAMPLE:
        rows = np.arange(0, len(gain), len(gain) // _SAMPLE)
        share = len(rows) / len(gain)
        prices = _descend(gain[rows], limits.take(rows), limits.at_most * share, prices, _SOFTNESS, typical)
        return _descend(gain, limits, limits.at_most, prices, _SOFTNESS[-1:], typical)
    return _descend(gain, limits, limits.at_most, prices, _SOFTNESS, typical)


def _fits(gain: Floats, limits: Stacked) -> bool:
    """Return whether everybody can have the action that gains most."""
    best = np.where(np.isneginf(gain.max(axis=1)), -1, gain.argmax(axis=1)).astype(np.int32)
    return bool((limits.amounts(best) <= limits.ceiling()).all())


def _descend(
    gain: Floats, limits: Stacked, at_most: Floats, start: Floats, softness: tuple[float, ...], typical: float
) -> Floats:
    """Minimise the soft bound over prices, each measured in typical gains per mean weight."""
    units = typical / _mean_weights(gain, limits)
    scale = typical * max(1, len(gain))

    def bound(scaled: Floats, soft: float) -> tuple[float, Floats]:
        usage, prices = np.zeros(len(at_most)), scaled * units
        value = prices @ at_most + _soft_sum(gain, *limits.layers, prices, soft * typical, usage)
        return value / scale, (at_most - usage) * units / scale

    scaled = start / units
    for soft in softness:
        scaled = minimize(
            bound, scaled, args=(soft,), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(at_most),
            options={"maxiter": _MOST_STEPS, "ftol": 1e-13, "gtol": 1e-9},
        ).x  # fmt: skip
    return np.asarray(scaled * units, dtype=np.float64)


def _mean_weights(gain: Floats, limits: Stacked) -> Floats:
    """Return the mean positive weight of each limit among the actions that gain."""
    total, count = np.zeros(len(limits.names)), np.zeros(len(limits.names))
    for number, code in enumerate(limits.code):
        weight = np.where(gain > 0, limits.layer(number), 0.0)
        inside = code >= 0
        total += np.bincount(code[inside], weights=weight[inside].sum(axis=1), minlength=len(total))
        count += np.bincount(code[inside], weights=(weight[inside] > 0).sum(axis=1), minlength=len(total))
    return np.where(total > 0, total / np.maximum(count, 1), 1.0)
