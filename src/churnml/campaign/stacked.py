"""Limits as the compiled loops take them: disjoint ones share a layer, so that many teams cost no more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import types

if TYPE_CHECKING:
    from churnml.campaign.allocate import Limit

__all__ = ["LAYERS", "TOLERANCE", "Stacked", "stack"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

LAYERS = (
    types.Array(types.int32, 2, "C"),
    types.Array(types.float64, 2, "C"),
    types.Array(types.float64, 3, "C"),
    types.Array(types.int32, 1, "C"),
)
"""Types of ``code``, ``table``, ``own`` and ``own_of`` for the compiled loops."""
TOLERANCE = 1e-9
"""Share of a limit that sums of decimals may exceed it by: three contacts at 0.1 fit into 0.3."""


@dataclass(frozen=True, slots=True)
class Stacked:
    """All limits of an allocation.

    Parameters
    ----------
    names : tuple of str
    at_most : ndarray, shape (n_limits,)
    code : ndarray of int32, shape (n_layers, n_customers)
        Which limit of a layer concerns a customer; -1 = none.
    table : ndarray, shape (n_limits, n_actions)
        Weights that are the same for all customers; 0 where they are not.
    own : ndarray, shape (n_own, n_customers, n_actions)
        Weights of each customer's own.
    own_of : ndarray of int32, shape (n_layers,)
        Which of these a layer has; -1 = none.
    """

    names: tuple[str, ...]
    at_most: Floats
    code: Int32s
    table: Floats
    own: Floats
    own_of: Int32s

    @property
    def layers(self) -> tuple[Int32s, Floats, Floats, Int32s]:
        """Return what the compiled loops take."""
        return self.code, self.table, self.own, self.own_of

    def take(self, rows: npt.NDArray[np.intp]) -> Stacked:
        """Return the limits as some customers feel them."""
        return replace(self, code=np.ascontiguousarray(self.code[:, rows]), own=np.ascontiguousarray(self.own[:, rows]))

    def layer(self, number: int) -> Floats:
        """Return the weights of one layer, shape (n_customers, n_actions)."""
        code = self.code[number]
        weights = np.where((code >= 0)[:, None], self.table[code], 0.0)
        return weights + self.own[self.own_of[number]] if self.own_of[number] >= 0 else weights

    def ceiling(self) -> Floats:
        """Return how much of each limit may be used, rounding allowed for."""
        return self.at_most * (1 + TOLERANCE)

    def too_large(self) -> Bools:
        """Return which actions of which customers exceed a limit alone, shape (n_customers, n_actions)."""
        ceiling = self.ceiling()
        found = np.zeros((self.code.shape[1], self.table.shape[1]), dtype=bool)
        for number, code in enumerate(self.code):
            found |= (code >= 0)[:, None] & (self.layer(number) > ceiling[code][:, None])
        return found

    def used(self, choice: Int32s) -> dict[str, float]:
        """Return how much of each limit a choice takes."""
        return dict(zip(self.names, self.amounts(choice).tolist(), strict=True))

    def amounts(self, choice: Int32s) -> Floats:
        """Return how much of each limit a choice takes, shape (n_limits,)."""
        total = np.zeros(len(self.names))
        rows = np.flatnonzero(choice >= 0)
        for number in range(len(self.code)):
            code = self.code[number][rows]
            weight = self.take(rows).layer(number)[np.arange(len(rows)), choice[rows]]
            total += np.bincount(code[code >= 0], weights=weight[code >= 0], minlength=len(total))
        return total


def stack(limits: Sequence[Limit], *, n_customers: int, n_actions: int) -> Stacked:
    """Check the limits and put those that share no customer into one layer.

    Raises
    ------
    ValueError
        If a shape is wrong, a weight or limit is negative or missing, or two limits share a name.
    """
    real = [limit for limit in limits if _checked(limit, n_customers, n_actions) and not np.isposinf(limit.at_most)]
    if len({limit.name for limit in limits}) < len(limits):
        raise ValueError("two limits share a name")
    codes: list[Int32s] = []
    own_of: list[int] = []
    own: list[Floats] = []
    table = np.zeros((len(real), n_actions))
    for number, limit in enumerate(real):
        members = np.ones(n_customers, dtype=bool) if limit.members is None else np.asarray(limit.members, dtype=bool)
        weights = np.asarray(limit.weights, dtype=np.float64)
        layer = _layer_for(members, codes, may_share=limit.members is not None)
        if layer == len(codes):
            codes.append(np.full(n_customers, -1, dtype=np.int32))
            own_of.append(-1)
        codes[layer][members] = number
        if weights.ndim == 1:
            table[number] = weights
            continue
        if own_of[layer] < 0:
            own_of[layer] = len(own)
            own.append(np.zeros((n_customers, n_actions)))
        own[own_of[layer]][members] = weights[members]
    return Stacked(
        names=tuple(limit.name for limit in real),
        at_most=np.array([float(limit.at_most) for limit in real]),
        code=np.array(codes, dtype=np.int32).reshape(len(codes), n_customers),
        table=table,
        own=np.array(own, dtype=np.float64).reshape(len(own), n_customers, n_actions),
        own_of=np.array(own_of, dtype=np.int32),
    )


def _layer_for(members: Bools, codes: Sequence[Int32s], *, may_share: bool) -> int:
    if may_share:
        for place, code in enumerate(codes):
            if not (code[members] >= 0).any():
                return place
    return len(codes)


def _checked(limit: Limit, n_customers: int, n_actions: int) -> bool:
    weights = np.asarray(limit.weights, dtype=np.float64)
    if weights.shape not in {(n_actions,), (n_customers, n_actions)}:
        raise ValueError(f"limit {limit.name}: weights have shape {weights.shape}, not ({n_customers}, {n_actions})")
    if limit.members is not None and np.shape(limit.members) != (n_customers,):
        raise ValueError(f"limit {limit.name}: members does not have a value for each customer")
    if not (np.isfinite(weights).all() and weights.min(initial=0.0) >= 0):
        raise ValueError(f"limit {limit.name}: a weight is negative or missing")
    if not limit.at_most >= 0:
        raise ValueError(f"limit {limit.name}: at_most is negative or missing")
    return True
