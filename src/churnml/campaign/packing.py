"""From prices to a choice: who clears the prices is taken, HiGHS settles the undecided, and what is left is filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from churnml.campaign.blocks import Blocks, alike
from churnml.campaign.dual import dual_value
from churnml.campaign.stacked import LAYERS, Stacked

__all__ = ["settle"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Rows = npt.NDArray[np.intp]

_MOVES = types.void(
    types.Array(types.float64, 2, "C"),
    *LAYERS,
    types.Array(types.int64, 1, "C"),
    types.Array(types.int32, 1, "C"),
    types.Array(types.float64, 1, "C"),
)
_UNDECIDED = 4_000
"""Customers nearest to another decision, settled together."""
_MOST_BLOCKS = 40_000
_EQUAL = 1e-9
_SEARCHES = ((400, 5e-3), (20_000, 5e-3))
"""How many decisions are searched for whole numbers, and from which share missing to the bound on."""


@dataclass(frozen=True, slots=True)
class _Problem:
    profit: Floats
    limits: Stacked

    def net(self, prices: Floats) -> Floats:
        """Return gains net of prices, shape (n_customers, n_actions)."""
        net = self.profit.copy()
        for number, code in enumerate(self.limits.code):
            net -= self.limits.layer(number) * np.where(code >= 0, prices[code], 0.0)[:, None]
        return net

    def total(self, choice: Int32s) -> float:
        taken = np.flatnonzero(choice >= 0)
        total: float = self.profit[taken, choice[taken]].sum()
        return total

    def filled(self, choice: Int32s, net: Floats) -> Int32s:
        """Return the choice after dropping what does not fit and filling in what does."""
        limits, choice = self.limits, choice.copy()
        order = np.argsort(-net.max(axis=1, initial=-np.inf), kind="stable")
        room = limits.ceiling() - limits.amounts(choice)
        if (room < 0).any():
            _drop(self.profit, *limits.layers, order[::-1].copy(), choice, room)
        _fill(self.profit, *limits.layers, order, choice, room)
        return choice


def settle(profit: Floats, limits: Stacked, prices: Floats) -> tuple[Int32s, Floats, float]:
    """Return a choice under the limits, the prices that bound it best, and that bound.

    Parameters
    ----------
    profit : ndarray, shape (n_customers, n_actions)
        -inf where an action is not allowed or does not gain.
    limits : Stacked
    prices : ndarray, shape (n_limits,)
        Near the best.
    """
    problem = _Problem(profit, limits)
    net = problem.net(prices)
    choice = _best_above_zero(net)
    if not len(profit) or (not prices.any() and (limits.amounts(choice) <= limits.ceiling()).all()):
        return choice, prices, problem.total(choice)
    blocks = _undecided(problem, net, choice)
    whole, marginal = blocks.relaxed()
    bound, other = dual_value(profit, limits, prices), dual_value(profit, limits, marginal)
    if other <= bound * (1 + _EQUAL):  # of equally good prices those that one more unit is worth
        prices, bound = marginal, min(bound, other)
    net = problem.net(prices)
    choice = problem.filled(blocks.assigned(choice, whole), net)
    for most_variables, good in _SEARCHES:
        if bound - problem.total(choice) > good * bound:
            choice, bound = _searched(problem, net, choice, bound, most_variables=most_variables)
    return choice, prices, bound


def _best_above_zero(net: Floats) -> Int32s:
    if not net.size:
        return np.full(len(net), -1, dtype=np.int32)
    return np.where(net.max(axis=1) > 0, net.argmax(axis=1), -1).astype(np.int32)


def _undecided(problem: _Problem, net: Floats, choice: Int32s) -> Blocks:
    """Return the customers whose second best decision is nearest to their best, with those just like them."""
    margin = _margins(net)
    if len(margin) <= _UNDECIDED:
        return alike(problem.profit, problem.limits, np.arange(len(margin)), choice)
    edge = np.partition(margin, _UNDECIDED)[_UNDECIDED]
    rows = np.flatnonzero(margin <= edge)
    blocks = alike(problem.profit, problem.limits, rows, choice)
    if blocks.n_variables <= _MOST_BLOCKS:
        return blocks
    rows = np.sort(np.argsort(margin, kind="stable")[:_UNDECIDED])
    return alike(problem.profit, problem.limits, rows, choice)


def _margins(net: Floats) -> Floats:
    """Return how much each customer's best decision, none among them, is better than the second best."""
    both = np.column_stack([net, np.zeros(len(net))])
    both.partition(both.shape[1] - 2, axis=1)
    margin: Floats = both[:, -1] - both[:, -2]
    return margin


def _searched(
    problem: _Problem, net: Floats, choice: Int32s, bound: float, *, most_variables: int
) -> tuple[Int32s, float]:
    """Search for whole numbers among the decisions nearest to another that the bound does not rule out.

    A decision whose loss against the customer's best, at these prices, is larger than what is missing to the bound is
    in no better choice than the one at hand. Where all others are looked at, their bound holds for everything.
    """
    missing = bound - problem.total(choice)
    best = np.maximum(net.max(axis=1), 0.0)
    is_open = best[:, None] - net <= missing * (1 + _EQUAL)
    rows = np.flatnonzero(is_open.sum(axis=1) + (best <= missing) > 1)
    is_whole = is_open[rows].sum() <= most_variables
    if not is_whole:
        nearest = np.argsort(_margins(net[rows]), kind="stable")
        n_rows = int(np.searchsorted(np.cumsum(is_open[rows][nearest].sum(axis=1)), most_variables))
        rows = np.sort(rows[nearest[:n_rows]])
    base = _best_above_zero(net) if is_whole else choice
    blocks = alike(np.where(is_open, problem.profit, -np.inf), problem.limits, rows, base)
    whole, core_bound = blocks.searched()
    if whole is None:
        return choice, bound
    other = problem.filled(blocks.assigned(base, whole), net)
    if is_whole:
        settled = base.copy()
        settled[rows] = -1
        bound = min(bound, max(problem.total(choice), problem.total(settled) + core_bound))
    return (other if problem.total(other) > problem.total(choice) else choice), bound


@numba.njit(cache=True, nogil=True)
def _weight(code: Any, table: Any, own: Any, own_of: Any, layer: int, i: int, j: int) -> float:
    """Return what one action of one customer takes of its limit in a layer."""
    weight: float = table[code[layer, i], j]
    if own_of[layer] >= 0:
        weight += own[own_of[layer], i, j]
    return weight


@numba.njit(_MOVES, cache=True, nogil=True)
def _drop(profit: Any, code: Any, table: Any, own: Any, own_of: Any, order: Any, choice: Any, room: Any) -> None:
    """Take actions back, the least gaining first, until no limit is exceeded."""
    for i in order:
        j = choice[i]
        if j < 0:
            continue
        helps = False
        for layer in range(code.shape[0]):
            limit = code[layer, i]
            if limit >= 0 and room[limit] < 0.0 and _weight(code, table, own, own_of, layer, i, j) > 0.0:
                helps = True
        if helps:
            choice[i] = -1
            for layer in range(code.shape[0]):
                if code[layer, i] >= 0:
                    room[code[layer, i]] += _weight(code, table, own, own_of, layer, i, j)


@numba.njit(_MOVES, cache=True, nogil=True)
def _fill(profit: Any, code: Any, table: Any, own: Any, own_of: Any, order: Any, choice: Any, room: Any) -> None:
    """Give each customer in turn the action that gains most and fits, where it gains more than what it has."""
    for i in order:
        best, most, old = choice[i], profit[i, choice[i]] if choice[i] >= 0 else 0.0, choice[i]
        for j in range(profit.shape[1]):
            if not profit[i, j] > most:
                continue
            fits = True
            for layer in range(code.shape[0]):
                limit = code[layer, i]
                if limit >= 0:
                    back = _weight(code, table, own, own_of, layer, i, old) if old >= 0 else 0.0
                    more = _weight(code, table, own, own_of, layer, i, j) - back
                    fits = fits and (more <= 0.0 or more <= room[limit])
            if fits:
                best, most = j, profit[i, j]
        if best != old:
            choice[i] = best
            for layer in range(code.shape[0]):
                if code[layer, i] >= 0:
                    back = _weight(code, table, own, own_of, layer, i, old) if old >= 0 else 0.0
                    room[code[layer, i]] -= _weight(code, table, own, own_of, layer, i, best) - back
