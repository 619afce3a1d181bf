"""An excess shared out: it adds up, goes where it came from, and small levels lean on the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.relationship.warning.attribution import attributed, attributed_by_mix, shrunk_ratios

counts = st.lists(st.tuples(*[st.integers(0, 500)] * 4), min_size=1, max_size=12)


@given(counts, st.floats(0.1, 900))
def test_due_and_excess_add_up_to_the_hundredth(rows: list[tuple[int, ...]], expected: float) -> None:
    observed, exposure, past, past_exposure = np.array(rows, dtype=np.float64).T
    found = attributed(observed, exposure, past, past_exposure, expected=expected)
    assert found.due.sum() == round(100 * expected)
    assert found.excess.sum() == 100 * int(observed.sum()) - round(100 * expected)
    assert found.shares.sum() == pytest.approx(1.0 if found.excess.sum() else 0.0, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12), st.floats(0.1, 900))
def test_due_and_excess_of_causes_add_up_to_the_hundredth(rows: list[tuple[int, int]], expected: float) -> None:
    observed, past = np.array(rows, dtype=np.float64).T
    found = attributed_by_mix(observed, past, expected=expected)
    assert found.due.sum() == round(100 * expected)
    assert found.excess.sum() == 100 * int(observed.sum()) - round(100 * expected)
    assert (found.due >= 0).all()


def test_the_cause_that_grew_has_the_excess_and_an_unknown_one_is_a_cause_like_others() -> None:
    past = np.array([300.0, 100.0, 0.0])  # price, poor service, unknown
    found = attributed_by_mix(np.array([30.0, 40.0, 0.0]), past, expected=40.0)
    assert found.excess == pytest.approx([0, 3000, 0], abs=20)
    assert found.p_value[1] < 1e-6 < 0.1 < found.p_value[0]


def test_the_level_that_doubled_has_the_excess() -> None:
    exposure = np.array([1000.0, 3000.0])
    found = attributed(np.array([80.0, 60.0]), exposure, 10 * np.array([40.0, 60.0]), 10 * exposure, expected=100.0)
    assert found.excess == pytest.approx([4000, 0], abs=100)
    assert found.p_value[0] < 1e-6 < 0.1 < found.p_value[1]


def test_levels_alike_but_for_chance_all_have_the_rate_of_all() -> None:
    due = np.full(8, 50.0)
    assert shrunk_ratios(due + np.array([-3, 3, -2, 2, -1, 1, 0, 0]), due).tolist() == [1.0] * 8


def test_a_small_level_leans_on_the_whole_more_than_a_large_one() -> None:
    small, large = shrunk_ratios(np.array([4.0, 400.0, 100.0]), np.array([2.0, 200.0, 302.0]))[:2]
    assert 1.0 < small < large < 2.0
