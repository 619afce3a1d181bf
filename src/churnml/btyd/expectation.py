"""Expected purchases of a customer who is alive, for Erlang-k purchase times and beta-distributed dropout.

Given the dropout probability ``p`` the expectation over the purchase rate is closed; the mean over ``p`` is taken
at quantiles of its posterior beta distribution, with double-exponential (tanh-sinh) weights. All terms are bounded,
so nothing overflows where the published form, a difference of hypergeometric functions, does; and one form serves
every ``k``, for which no closed form is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainccinv, betaincinv

from churnml.btyd.summaries import Floats

__all__ = ["expected_if_alive"]

_CHUNK = 1_024
"""Customers at a time: what fits into the processor's cache."""

_SPAN = 2.5
"""Nodes reach 3e-9 from either end of (0, 1); beyond lies nothing a bounded function could add."""


def _tanh_sinh(n_nodes: int) -> tuple[Floats, Floats, Floats]:
    """Return nodes in (0, 1), one minus them without loss of digits, and weights that sum to 1."""
    t = np.linspace(-_SPAN, _SPAN, n_nodes)
    u = np.pi * np.sinh(t)
    low, high = 1 / (1 + np.exp(-u)), 1 / (1 + np.exp(u))
    weights = low * high * np.cosh(t)
    return low, high, weights / weights.sum()


def _dropout_quantiles(
    a: float, stay: Floats, nodes: tuple[Floats, Floats, Floats], *, limits: tuple[float, float]
) -> Floats:
    """Return the dropout probability at each node, shape (n_distinct, n_nodes)."""
    low, high, _ = nodes
    left = low < 0.5
    p = np.empty((stay.size, low.size))
    p[:, left] = betaincinv(a, stay[:, None], low[left])
    p[:, ~left] = betainccinv(a, stay[:, None], high[~left])
    return np.clip(np.nan_to_num(p, nan=limits[0]), *limits)


def expected_if_alive(s: Floats, ratio: Floats, stages: list[Floats], *, a: float, stay: Floats) -> Floats:
    """Return the expected number of purchases in the horizon, given that the customer is alive.

    Parameters
    ----------
    s : ndarray, shape (n_customers,)
        Shape of the posterior purchase rate, ``r + k x``.
    ratio : ndarray, shape (n_customers,)
        Horizon in units of the posterior rate's scale, ``horizon / (alpha + T)``.
    stages : list of k ndarrays, shape (n_customers,)
        Weights of the Erlang stages the customer may be in.
    a : float
        First parameter of the posterior beta distribution of dropout.
    stay : ndarray, shape (n_customers,)
        Its second parameter, ``b + x`` (BG) or ``b + x + 1`` (MBG).

    Notes
    -----
    The number of Erlang events ``M`` in the horizon is negative binomial, with ``E[v^M] = (1 + ratio (1 - v))^-s``.
    In stage ``j`` it makes ``N = floor((M + j) / k)`` purchases possible, of which ``(1 - (1-p)^N) / p`` are
    expected. The floor is resolved by the k-th roots of unity. For ``k > 1`` the difference needs ``p >= 1e-7``,
    which moves the result by less than 1e-7 of the purchases squared.
    """
    k = len(stages)
    distinct, where = np.unique(stay, return_inverse=True)
    limits = (1e-200, 1.0) if k == 1 else (1e-7, 1 - 1e-9)
    nodes = _tanh_sinh(31 if k == 1 else 25)
    p = _dropout_quantiles(a, distinct, nodes, limits=limits)
    roots, weights = _roots(p, k=k), nodes[2]
    result = np.empty(s.size)
    for begin in range(0, s.size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        at = where[part]
        if k == 1:
            mean = -np.expm1(-s[part, None] * np.log1p(ratio[part, None] * p[at])) / p[at]
        else:
            mixed = [(root.share[at], root.value[at]) for root in roots]
            left = _discounted(s[part], ratio[part], [stage[part] for stage in stages], mixed)
            mean = np.maximum(1 - left, 0.0) / p[at]
        result[part] = np.sum(mean * weights, axis=1)
    return result


@dataclass(frozen=True, slots=True)
class _Root:
    """A k-th root ``value`` of ``1 - p`` and its ``share`` in ``(1-p)^floor(i/k) = sum(share * value^i)``.

    Complex roots come in conjugate pairs: one of the two is kept, with twice its share, for its real part.
    """

    share: npt.NDArray[np.inexact[Any]]
    value: npt.NDArray[np.inexact[Any]]


def _roots(p: Floats, *, k: int) -> list[_Root]:
    radius = (1 - p) ** (1 / k)
    roots = []
    for n in range(k // 2 + 1):
        is_real = n == 0 or 2 * n == k
        value = radius * ((1.0 if n == 0 else -1.0) if is_real else np.exp(2j * np.pi * n / k))
        powers = np.sum([value**-q for q in range(k)], axis=0)
        roots.append(_Root(powers * (1 if is_real else 2) / k, value))
    return roots


def _discounted(
    s: Floats, ratio: Floats, stages: list[Floats], roots: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
) -> Floats:
    """Return ``E[(1-p)^N]`` at each node, the stage mixed in, shape (n_customers, n_nodes)."""
    total = np.sum(stages, axis=0)
    left = np.zeros(roots[0][0].shape)
    for share, value in roots:
        base = 1 + ratio[:, None] * (1 - value)
        step = value / base
        mixture = (stages[-1] / total)[:, None]
        for stage in stages[-2::-1]:
            mixture = mixture * step + (stage / total)[:, None]
        left += np.real(share * np.exp(-s[:, None] * np.log(base)) * mixture)
    return left
