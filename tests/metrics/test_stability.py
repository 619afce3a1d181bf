from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from churnml.metrics.stability import false_alarms_held, shift_of, stability_index

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def test_stability_index_by_hand() -> None:
    # 0.1 ln 1.5 + 0 - 0.1 ln 0.8
    assert stability_index(np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])) == pytest.approx(0.0628609)
    # An empty bin counts as one in ten thousand: 0.4999 ln 5000 + 0.5 ln 2
    assert stability_index(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == pytest.approx(0.4999 * 8.517193 + 0.3465736)


def test_what_chance_gives_is_what_simulated_chance_gives() -> None:
    rng, shares = np.random.default_rng(3), np.full(10, 0.1)
    drawn = [shift_of(rng.multinomial(400, shares), rng.multinomial(150, shares)) for _ in range(2000)]
    assert np.mean([shift.index for shift in drawn]) == pytest.approx(drawn[0].by_chance, rel=0.05)
    assert np.mean([shift.p_value < 0.05 for shift in drawn]) == pytest.approx(0.05, abs=0.015)


def test_p_value_is_pearsons() -> None:
    expected, actual = [120, 80, 100], [70, 90, 40]
    assert shift_of(expected, actual).p_value == pytest.approx(stats.chi2_contingency([expected, actual]).pvalue)


def test_rows_of_few_customers_count_as_those_customers() -> None:
    assert shift_of([500, 500], [40, 60], n_expected=50).p_value > shift_of([500, 500], [40, 60]).p_value


@given(COUNTS)
def test_the_same_counts_have_not_moved(counts: list[int]) -> None:
    counts[0] += 1
    assert shift_of(counts, counts).index == pytest.approx(0.0, abs=1e-12)
    assert shift_of(counts, counts).excess == 0.0


@given(COUNTS, st.randoms())
def test_order_of_the_bins_does_not_matter(counts: list[int], random: object) -> None:
    actual = [n + 1 for n in reversed(counts)]
    expected = [n + 1 for n in counts]
    order = list(range(len(counts)))
    random.shuffle(order)
    found = shift_of([expected[i] for i in order], [actual[i] for i in order])
    assert astuple(found) == pytest.approx(astuple(shift_of(expected, actual)), rel=1e-9)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        shift_of([0, 0], [1, 2])


def test_other_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        shift_of([1, 2], [1, 2, 3])


def test_many_comparisons_of_chance_raise_one_alarm_in_a_hundred() -> None:
    rng = np.random.default_rng(5)
    alarms = [false_alarms_held(rng.random(300), level=0.01).any() for _ in range(2000)]
    assert np.mean(alarms) == pytest.approx(0.01, abs=0.007)


def test_holm_by_hand() -> None:
    assert false_alarms_held([0.02, 0.01, 0.04, 0.2], level=0.05).tolist() == [False, True, False, False]


def test_level_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        false_alarms_held([0.1], level=1.0)
