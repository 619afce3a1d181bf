"""Expected purchases of a customer who is alive, for Erlang-k purchase times and beta-distributed dropout.

Given the dropout probability ``p`` the expectation over the purchase rate is closed; the mean over ``p`` is taken
at quantiles of its posterior beta distribution, with double-exponential (tanh-sinh) weights. All terms are bounded,
so nothing overflows where the published form, a difference of hypergeometric functions, does; and one form serves
every ``k``, for which no closed form is published.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainccinv, betaincinv

from churnml.btyd.purchases_kernel import mean_purchases
from churnml.btyd.summaries import Floats

__all__ = ["expected_if_alive"]

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

    Customers are worked through one by one, compiled: NumPy's complex arithmetic rounds a value by where it stands in
    an array, and a customer's features must not depend on who else is in the tile.
    """
    k = len(stages)
    distinct, where = np.unique(stay, return_inverse=True)
    limits = (1e-200, 1.0) if k == 1 else (1e-7, 1 - 1e-9)
    nodes = _tanh_sinh(31 if k == 1 else 25)
    p = _dropout_quantiles(a, distinct, nodes, limits=limits)
    result = np.empty(s.size)
    mean_purchases(s, np.ascontiguousarray(ratio), np.stack(stages), where.astype(np.int64), p, nodes[2], result)
    return result
