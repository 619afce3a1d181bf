"""The compiled inner loop of expected purchases: every customer by itself, at every node of the dropout probability."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

__all__ = ["mean_purchases"]

_FLOATS = types.Array(types.float64, 1, "C")
_READ = types.Array(types.float64, 1, "C", readonly=True)
_READ_2D = types.Array(types.float64, 2, "C", readonly=True)
_PLACES = types.Array(types.int64, 1, "C", readonly=True)
_COMPLEX_3D = types.Array(types.complex128, 3, "C")


@numba.njit(types.UniTuple(_COMPLEX_3D, 2)(_READ_2D, types.int64), cache=True, nogil=True)
def _roots(p: Any, k: int) -> Any:
    """Return the k-th roots ``value`` of ``1 - p`` and their ``share`` in ``(1-p)^floor(i/k) = sum(share * value^i)``.

    Complex roots come in conjugate pairs: one of the two is kept, with twice its share, for its real part. The first
    root is real, and the last one too where ``k`` is even.
    """
    n_roots = k // 2 + 1
    share = np.empty((*p.shape, n_roots), np.complex128)
    value = np.empty((*p.shape, n_roots), np.complex128)
    for row in range(p.shape[0]):
        for node in range(p.shape[1]):
            radius = (1.0 - p[row, node]) ** (1.0 / k)
            for n in range(n_roots):
                angle = 2.0 * np.pi * n / k
                is_real = n == 0 or 2 * n == k
                root = complex(radius if n == 0 else -radius, 0.0)
                if not is_real:
                    root = complex(radius * np.cos(angle), radius * np.sin(angle))
                powers, inverse = complex(1.0, 0.0), complex(1.0, 0.0)
                for _ in range(k - 1):
                    inverse /= root
                    powers += inverse
                share[row, node, n] = powers * ((1.0 if is_real else 2.0) / k)
                value[row, node, n] = root
    return share, value


@numba.njit(
    types.float64(types.float64, types.float64, _READ, types.complex128, types.complex128), cache=True, nogil=True
)
def _left_complex(s: float, ratio: float, weights: Any, share: complex, value: complex) -> float:
    """Return the contribution of a pair of complex roots to ``E[(1-p)^N]``, the stages mixed in."""
    base = 1.0 + ratio * (1.0 - value)
    step = value / base
    mixture = complex(weights[-1], 0.0)
    for j in range(len(weights) - 2, -1, -1):
        mixture = mixture * step + weights[j]
    size = np.exp(-0.5 * s * np.log(base.real * base.real + base.imag * base.imag))
    turn = -s * np.arctan2(base.imag, base.real)
    product = share * mixture
    return float(size * (product.real * np.cos(turn) - product.imag * np.sin(turn)))


@numba.njit(types.float64(types.float64, types.float64, _READ, types.float64, types.float64), cache=True, nogil=True)
def _left_real(s: float, ratio: float, weights: Any, share: float, value: float) -> float:
    """Return the same of a real root."""
    base = 1.0 + ratio * (1.0 - value)
    step, mixture = value / base, weights[-1]
    for j in range(len(weights) - 2, -1, -1):
        mixture = mixture * step + weights[j]
    return float(share * mixture * np.exp(-s * np.log(base)))


@numba.njit(
    types.void(_READ, _READ, _READ_2D, _PLACES, _READ_2D, _READ, _FLOATS),
    cache=True,
    nogil=True,
)
def mean_purchases(s: Any, ratio: Any, stages: Any, where: Any, p: Any, node_weights: Any, out: Any) -> None:
    """Write the expected number of purchases in the horizon of customers who are alive.

    Parameters
    ----------
    s, ratio : ndarray, shape (n_customers,)
    stages : ndarray, shape (k, n_customers)
        As :func:`churnml.btyd.expectation.expected_if_alive` describes them.
    where : ndarray of int64, shape (n_customers,)
        Row of ``p`` of each customer.
    p : ndarray, shape (n_distinct, n_nodes)
        Dropout probability at each node.
    node_weights : ndarray, shape (n_nodes,)
    out : ndarray, shape (n_customers,)
    """
    k = stages.shape[0]
    share, value = _roots(p, k)
    n_real_last = k // 2 if k % 2 == 0 else 0
    weights = np.empty(k)
    for i in range(s.shape[0]):
        total = 0.0
        for j in range(k):
            total += stages[j, i]
        for j in range(k):
            weights[j] = stages[j, i] / total
        row, mean = where[i], 0.0
        for node in range(p.shape[1]):
            drop = p[row, node]
            if k == 1:
                dropped = -np.expm1(-s[i] * np.log1p(ratio[i] * drop))
            else:
                left = 0.0
                for n in range(share.shape[2]):
                    a, b = share[row, node, n], value[row, node, n]
                    if n in (0, n_real_last):
                        left += _left_real(s[i], ratio[i], weights, a.real, b.real)
                    else:
                        left += _left_complex(s[i], ratio[i], weights, a, b)
                dropped = max(1.0 - left, 0.0)
            mean += dropped / drop * node_weights[node]
        out[i] = mean
