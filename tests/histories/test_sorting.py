from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.histories import sorting
from churnml.histories.sorting import by_code, sorted_rows

FAR = np.iinfo(np.int64).max


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-5, 0, 1, 2, FAR]), st.integers(0, 2)), max_size=90),
    st.booleans(),
)
def test_rows_are_sorted_and_copies_marked(rows: list[tuple[int, int, int]], far: bool) -> None:
    codes, first, second = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    first = first if far else np.minimum(first, 3)
    order, is_copy = sorted_rows(codes.astype(np.int32), 4, np.stack([first, second]))
    found = list(zip(codes[order], first[order], second[order], strict=True))
    assert sorted(order) == list(range(len(rows)))
    assert found == sorted(zip(codes, first, second, strict=True))
    assert is_copy.tolist() == [i > 0 and found[i] == found[i - 1] for i in range(len(found))]


@pytest.mark.parametrize("n", [1, 23, 24, 25, 48, 49, 1000])
def test_long_stretches_are_merged(n: int) -> None:
    values = np.random.default_rng(n).permutation(n)
    order, starts = np.arange(n), np.array([0, n])
    sorting.sort_within(order, starts, values[None, :])
    assert values[order].tolist() == list(range(n))


@given(st.lists(st.integers(0, 5)))
def test_rows_of_a_code_stay_in_their_order(codes: list[int]) -> None:
    order, starts = by_code(np.array(codes, dtype=np.int64), 6)
    assert order.tolist() == [i for code in range(6) for i, c in enumerate(codes) if c == code]
    assert np.diff(starts).tolist() == [codes.count(code) for code in range(6)]
