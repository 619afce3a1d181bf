from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space

from churnml.relationship.small_cells import hidden_cells


def cells_of(ways: list[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.bool_], dict[str, list[int]]]:
    """Return members and families of everybody and of the levels of several ways to part customers."""
    columns, families = [np.ones(len(ways[0]), dtype=bool)], {"all": [0]}
    for number, codes in enumerate(ways):
        families[str(number)] = list(range(len(columns), len(columns) + codes.max() + 1))
        columns += [codes == level for level in range(codes.max() + 1)]
    return np.column_stack(columns), families


def recovered(members: npt.NDArray[np.bool_], hidden: npt.NDArray[np.bool_]) -> list[int]:
    """Return hidden cells whose number is the same in every table that agrees with what is shown."""
    atoms = np.unique(members, axis=0).astype(float)
    free = null_space(atoms[:, ~hidden].T)
    return [c for c in np.flatnonzero(hidden).tolist() if not (np.abs(atoms[:, c] @ free) > 1e-8).any()]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 150), st.booleans())
def test_ep_17_nothing_hidden_can_be_solved_for(seed: int, n: int, nested: bool) -> None:
    rng = np.random.default_rng(seed)
    region = rng.choice(6, n, p=rng.dirichlet(np.full(6, 0.5)))
    country = region // 2 if nested else rng.choice(3, n, p=rng.dirichlet(np.ones(3)))
    ways = [np.unique(w, return_inverse=True)[1] for w in (region, country, rng.integers(0, 3, n))]
    members, families = cells_of(ways)
    hidden = hidden_cells(members, families, minimum=10)
    size = members.sum(axis=0)
    assert (hidden >= (size < 10) & (size > 0)).all()
    assert recovered(members, hidden) == []
    for cells in families.values():
        rest = sum(size[c] for c in cells if hidden[c])
        assert rest == 0 or rest >= 10 or hidden[0]


def test_ep_17_a_small_cell_beside_a_total_takes_a_second_one_along() -> None:
    members, families = cells_of([np.repeat([0, 1, 2], [40, 3, 25])])
    assert hidden_cells(members, families, minimum=10).tolist() == [False, False, True, True]


def test_ep_17_regions_are_not_given_away_by_their_country() -> None:
    region = np.repeat([0, 1, 2, 3], [30, 4, 20, 40])
    members, families = cells_of([region, region // 2])
    hidden = hidden_cells(members, families, minimum=10)
    assert hidden[2]
    assert hidden[1]
    assert recovered(members, hidden) == []


def test_large_cells_are_all_shown_and_a_total_that_is_small_is_not() -> None:
    members, families = cells_of([np.repeat([0, 1], [10, 12])])
    assert not hidden_cells(members, families, minimum=10).any()
    members, families = cells_of([np.repeat([0, 1], [2, 3])])
    assert hidden_cells(members, families, minimum=10).all()
