"""Customers who are alike, counted together, and how many of them get which action, by linear programs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import LinearConstraint, linprog, milp

from churnml.campaign.quiet import quiet_output
from churnml.campaign.stacked import Stacked

__all__ = ["Blocks", "alike"]

Floats = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Rows = npt.NDArray[np.intp]

_ROUNDING = 1e-6
_MORE_ROOM = 1e-4
"""Of a mean weight, added to each limit when prices are asked for: what more of it gains, not what less of it loses."""
_GAP = 2e-4
_MOST_NODES = 500


@dataclass(frozen=True, slots=True)
class Blocks:
    """Customers with the same gains and the same weights, as one variable per block and action.

    Parameters
    ----------
    rows : ndarray, shape (n_rows,)
        Customers, ascending.
    block : ndarray, shape (n_rows,)
        Block of each.
    count : ndarray, shape (n_blocks,)
        Customers in each.
    of_block, action : ndarray, shape (n_variables,)
        What each variable stands for: so many of a block get this action.
    gain : ndarray, shape (n_variables,)
    uses : sparse matrix, shape (n_limits, n_variables)
    room : ndarray, shape (n_limits,)
        What the other customers leave of each limit.
    """

    rows: Rows
    block: Rows
    count: Rows
    of_block: Rows
    action: Rows
    gain: Floats
    uses: sparse.csr_array
    room: Floats

    @property
    def n_variables(self) -> int:
        """Return how many pairs of block and action there are."""
        return len(self.gain)

    def _constraints(self) -> sparse.csr_array:
        shape = (len(self.count), self.n_variables)
        once = sparse.csr_array((np.ones(self.n_variables), (self.of_block, np.arange(self.n_variables))), shape=shape)
        return sparse.csr_array(sparse.vstack([once, self.uses], format="csr"))

    def relaxed(self) -> tuple[Rows, Floats]:
        """Return how many get each action by the linear program, rounded down, and the prices of the limits."""
        if not self.n_variables:
            return np.zeros(0, dtype=np.intp), np.zeros(len(self.room))
        constraints, room = self._constraints(), np.maximum(self.room, 0.0)
        found = linprog(-self.gain, A_ub=constraints, b_ub=np.append(self.count, room), method="highs")
        mean_weight = self.uses.sum(axis=1) / np.maximum((self.uses > 0).sum(axis=1), 1)
        more = np.append(self.count, room + _MORE_ROOM * mean_weight)
        priced = linprog(-self.gain, A_ub=constraints, b_ub=more, method="highs")
        prices = np.maximum(-priced.ineqlin.marginals[len(self.count) :], 0.0)
        return np.floor(found.x + _ROUNDING).astype(np.intp), prices

    def searched(self) -> tuple[Rows | None, float]:
        """Return how many get each action by the whole-number program, and a bound of what they gain."""
        if not self.n_variables or (self.room < 0).any():
            return None, np.inf
        constraints = LinearConstraint(self._constraints(), ub=np.append(self.count, self.room))
        with quiet_output():
            found = milp(
                -self.gain,
                integrality=np.ones(self.n_variables),
                constraints=constraints,
                options={"mip_rel_gap": _GAP, "node_limit": _MOST_NODES},
            )
        bound = -found.mip_dual_bound if found.mip_dual_bound is not None else np.inf
        return (None if found.x is None else np.rint(found.x).astype(np.intp)), float(bound)

    def assigned(self, choice: Int32s, whole: Rows) -> Int32s:
        """Return the choice with the rows of the blocks decided: in each block the earlier customer comes first."""
        choice = choice.copy()
        order = np.argsort(self.block, kind="stable")
        start = np.cumsum(self.count) - self.count
        by_row = np.full(len(self.rows), -1, dtype=np.int32)
        before = np.cumsum(whole) - whole
        first = np.searchsorted(self.of_block, np.arange(len(self.count)))
        offset = before - before[np.minimum(first, max(len(before) - 1, 0))][self.of_block]
        places = np.repeat(start[self.of_block] + offset - before, whole) + np.arange(whole.sum())
        by_row[order[places]] = np.repeat(self.action, whole)
        choice[self.rows] = by_row
        return choice


def alike(profit: Floats, limits: Stacked, rows: Rows, choice: Int32s) -> Blocks:
    """Return some customers as blocks; the others keep their choice and what it takes.

    Parameters
    ----------
    profit : ndarray, shape (n_customers, n_actions)
        -inf = no variable.
    limits : Stacked
    rows : ndarray
        Customers to decide anew, ascending.
    choice : ndarray of int32, shape (n_customers,)
    """
    others = choice.copy()
    others[rows] = -1
    part = limits.take(rows)
    keys = [profit[rows], part.code.T.astype(np.float64), *part.own]
    table = np.ascontiguousarray(np.column_stack(keys)) + 0.0
    as_bytes = table.view(np.dtype((np.void, table.shape[1] * table.itemsize))).ravel()
    _, first, block, count = np.unique(as_bytes, return_index=True, return_inverse=True, return_counts=True)
    # Numbered by their earliest customer, so that the order does not hang on bytes.
    rank = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    earliest = np.sort(first)
    counts = np.empty_like(count)
    counts[rank] = count
    of_block, action = np.nonzero(profit[rows[earliest]] > -np.inf)
    shape = (len(limits.names), len(of_block))
    uses = sparse.csr_array(shape, dtype=np.float64)
    for number in range(len(part.code)):
        code = part.code[number][earliest][of_block]
        weight = part.take(earliest).layer(number)[of_block, action]
        taken = np.flatnonzero((code >= 0) & (weight > 0))
        uses = uses + sparse.csr_array((weight[taken], (code[taken], taken)), shape=shape)
    return Blocks(
        rows=rows,
        block=rank[block],
        count=counts,
        of_block=of_block,
        action=action,
        gain=profit[rows[earliest]][of_block, action],
        uses=sparse.csr_array(uses),
        room=limits.ceiling() - limits.amounts(others),
    )
