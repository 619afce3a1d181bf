"""Compiled loops do what their text says: each is run as plain Python on the same small arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from churnml.histories import grouping, hashing, sorting, usable

ORDER, STARTS = np.array([3, 1, 0, 2, 4]), np.array([0, 3, 5])
KEYS = np.array([[5, 5, 1, 4, 1], [0, 0, 7, 2, 7]])
LONG = np.random.default_rng(1).integers(0, 9, (2, 60))
TEXT = np.frombuffer("a\x01 b é".encode(), np.uint8)
OFFSETS = np.array([0, 1, 2, 4, 4, 7], dtype=np.int32)
UINTS = np.array([1, 2**63, 0xE220A8397B1DCDAF], dtype=np.uint64)


def in_place(loop: Callable[..., object], place: int, *arguments: np.ndarray) -> np.ndarray:
    """Run a loop on copies and return the argument that it changes."""
    copies = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
    with np.errstate(over="ignore"):
        loop(*copies)
    return copies[place]


@pytest.mark.parametrize(
    ("loop", "place", "arguments"),
    [
        (sorting.sort_within, 0, (ORDER, STARTS, KEYS)),
        (sorting.sort_within, 0, (np.arange(60), np.array([0, 60]), LONG)),
        (usable._look, 2, (OFFSETS, TEXT, np.zeros(5, np.uint8))),
        (hashing._mix, 0, (UINTS,)),
        (hashing._add_column, 0, (UINTS, UINTS[::-1].copy(), UINTS[0])),
    ],
    ids=["few", "many", "look", "mix", "add"],
)
def test_loops_that_change_an_array(loop: Callable[..., object], place: int, arguments: tuple[np.ndarray, ...]) -> None:
    assert in_place(loop, place, *arguments).tolist() == in_place(loop.py_func, place, *arguments).tolist()


@pytest.mark.parametrize(
    ("loop", "arguments"),
    [
        (sorting.by_code, (np.array([2, 0, 2, 1]), 3)),
        (sorting.mark_copies, (ORDER, STARTS, KEYS)),
        (grouping._versions, (ORDER, STARTS, KEYS[0], KEYS[0] + KEYS[1])),
        (grouping._most_frequent, (np.array([1, 0, 1, -1, -1], np.int32), STARTS)),
    ],
)
def test_loops_that_return_arrays(loop: Callable[..., object], arguments: tuple[object, ...]) -> None:
    compiled, plain = (np.hstack(run(*arguments)).tolist() for run in (loop, loop.py_func))
    assert compiled == plain


def test_the_comparison_of_two_rows() -> None:
    for a, b in np.ndindex(5, 5):
        found = sorting._stands_after.py_func(a, b, KEYS)
        assert found == sorting._stands_after(a, b, KEYS) == (tuple(KEYS[:, a]) > tuple(KEYS[:, b]))
