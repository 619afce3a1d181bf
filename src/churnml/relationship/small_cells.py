"""Figures of few customers, and what would give them away by subtraction, are held back.

A table is a set of cells over the same customers: all of them, and the levels of one or more ways to part them. A cell
of fewer customers than the minimum is hidden; then so many others as it takes that no hidden cell, and no difference
that is a group below the minimum, can be computed from what is shown: within one way to part customers, and across
several, nested or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["hidden_cells", "is_recoverable", "shown_beside_all"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TOLERANCE = 1e-7


def hidden_cells(members: Bools, families: Mapping[str, Sequence[int]], *, minimum: int) -> Bools:
    """Return which cells must be hidden.

    Parameters
    ----------
    members : ndarray of bool, shape (n_customers, n_cells)
        Who is in which cell; only customers that the figure counts.
    families : mapping of str to sequence of int
        Ways to part customers -> their cells. A cell of all customers is a family of its own.
    minimum : int
        Fewest customers that are shown.

    Returns
    -------
    ndarray of bool, shape (n_cells,)
        Empty cells are not hidden: they tell of nobody.

    References
    ----------
    .. [1] Hundepool et al. (2012). Statistical disclosure control. Wiley, chapter 4 (secondary suppression).
    """
    size = members.sum(axis=0)
    hidden: Bools = (size > 0) & (size < minimum)
    if not hidden.any():
        return hidden
    atoms = _kinds(members)
    sides = list(_equations(atoms > 0, families))
    # The total is shown as long as it can be: it is what the report is about.
    total = {cell for cells in families.values() if len(cells) == 1 for cell in cells}
    while True:
        weak = _too_small_rest(hidden, size, sides, minimum=minimum)
        found = weak if weak is not None else _recoverable(atoms, hidden)
        if found is None:
            return hidden
        hidden[_next(found, atoms, hidden, size, families, total)] = True


def _kinds(members: Bools) -> Floats:
    """Return the kinds of customers: each combination of cells once, shape (n_kinds, n_cells)."""
    packed = np.packbits(members, axis=1)
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    first = np.unique(rows, return_index=True)[1]
    kinds: Floats = members[first].astype(np.float64)
    return kinds[kinds.any(axis=1)]


def shown_beside_all(members: Sequence[Bools], *, minimum: int) -> list[bool]:
    """Return which of several groups, that may overlap, can be shown beside the number of all.

    Parameters
    ----------
    members : sequence of ndarray of bool, shape (n_customers,)
        Who is in each group; all customers are those in any.
    minimum : int
        Fewest customers of a group, and of the others beside it.
    """
    if not members:
        return []
    total = len(members[0])
    cells = np.column_stack([np.ones(total, dtype=bool), *members])
    hidden = hidden_cells(cells, {"all": [0], "groups": range(1, len(members) + 1)}, minimum=minimum)
    return [not h and minimum <= int(m.sum()) <= total - minimum for h, m in zip(hidden[1:], members, strict=True)]


def is_recoverable(atoms: Floats, shown: Bools, cell: int) -> bool:
    """Return whether a cell is a sum and difference of shown ones.

    Parameters
    ----------
    atoms : ndarray of float64, shape (n_kinds, n_cells)
        Kinds of customers, 1 where in the cell.
    shown : ndarray of bool, shape (n_cells,)
    cell : int
    """
    given, wanted = atoms[:, shown], atoms[:, cell]
    if not given.shape[1]:
        return False
    solution = np.linalg.lstsq(given, wanted, rcond=None)[0]
    return bool(np.abs(given @ solution - wanted).max() < _TOLERANCE)


def _recoverable(atoms: Floats, hidden: Bools) -> int | None:
    return next((int(c) for c in np.flatnonzero(hidden) if is_recoverable(atoms, ~hidden, int(c))), None)


def _equations(atoms: Bools, families: Mapping[str, Sequence[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield pairs of sets of cells, each of one family, that hold the same customers."""
    parted = [list(cells) for cells in families.values() if (atoms[:, list(cells)].sum(axis=1) == 1).all()]
    for i, left in enumerate(parted):
        for right in parted[i + 1 :]:
            meets = atoms[:, left].T.astype(np.int64) @ atoms[:, right].astype(np.int64) > 0
            yield from _components(meets, left, right)


def _components(meets: Bools, left: Sequence[int], right: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    open_rows = set(range(len(left)))
    while open_rows:
        rows, cols = {open_rows.pop()}, set[int]()
        while True:
            reached = {int(c) for r in rows for c in np.flatnonzero(meets[r])}
            back = {int(r) for c in reached for r in np.flatnonzero(meets[:, c])}
            if reached == cols and back <= rows:
                break
            cols, rows = reached, rows | back
        open_rows -= rows
        yield [left[r] for r in sorted(rows)], [right[c] for c in sorted(cols)]


def _too_small_rest(
    hidden: Bools, size: Ints, sides: Sequence[tuple[list[int], list[int]]], *, minimum: int
) -> int | None:
    """Return a hidden cell of a set whose hidden customers are few and known as a difference."""
    for pair in sides:
        for one, other in (pair, pair[::-1]):
            inside = [cell for cell in one if hidden[cell]]
            if inside and not hidden[other].any() and size[inside].sum() < minimum:
                return inside[0]
    return None


def _next(
    found: int, atoms: Floats, hidden: Bools, size: Ints, families: Mapping[str, Sequence[int]], total: set[int]
) -> int:
    """Return what to hide next: the smallest cell beside the one found that helps, else the smallest of all."""
    own = next(cells for cells in families.values() if found in cells)
    shown = [c for c in np.flatnonzero(~hidden & (size > 0)).tolist() if c not in total]
    beside = sorted((c for c in own if c in shown), key=lambda c: (size[c], c))
    others = sorted((c for c in shown if c not in own), key=lambda c: (size[c], c))
    for cell in [*beside, *others]:
        trial = hidden.copy()
        trial[cell] = True
        if not is_recoverable(atoms, ~trial, found):
            return int(cell)
    rest = [*beside, *others, *sorted(c for c in total if not hidden[c])]
    return int(rest[0])
