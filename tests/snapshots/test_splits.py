from __future__ import annotations

import numpy as np
from factories import DAY
from hypothesis import given
from hypothesis import strategies as st

from churnml.snapshots.splits import final_split, split_by_customer, split_by_date, split_stratified


@given(n_dates=st.integers(1, 14), every=st.integers(7, 90), reach=st.integers(1, 200), repeats=st.integers(1, 3))
def test_no_learned_outcome_reaches_past_what_checks_it(n_dates: int, every: int, reach: int, repeats: int) -> None:
    dates = np.repeat(np.arange(n_dates, dtype=np.int64) * every * DAY, repeats)
    for split in split_by_date(dates, reach_us=reach * DAY):
        learned = np.concatenate([split.train, split.valid, split.between])
        assert len(np.unique(learned)) == len(learned)
        assert dates[learned].max() + reach * DAY <= dates[split.test].min()
        if len(split.train):
            assert dates[split.train].max() + reach * DAY <= dates[split.valid].min()


def test_up_to_three_cut_offs_newest_last() -> None:
    dates = np.repeat(np.arange(12, dtype=np.int64) * 30 * DAY, 5)
    splits = split_by_date(dates, reach_us=90 * DAY)
    assert [int(dates[s.test].min() // DAY) for s in splits] == [270, 300, 330]
    assert all(s.is_out_of_time for s in splits)


def test_a_history_shorter_than_two_horizons_has_no_cut_off() -> None:
    dates = np.repeat(np.arange(3, dtype=np.int64) * 30 * DAY, 5)
    assert split_by_date(dates, reach_us=90 * DAY) == []


def test_own_clocks_are_tested_in_blocks() -> None:
    dates = np.sort(np.random.default_rng(1).integers(0, 900 * DAY, 2000))
    splits = split_by_date(dates, reach_us=60 * DAY)
    assert len(splits) == 3
    assert all(len(s.test) > 100 for s in splits)


def test_final_split_uses_the_newest_settled_dates_to_stop() -> None:
    dates = np.repeat(np.arange(12, dtype=np.int64) * 30 * DAY, 5)
    split = final_split(dates, as_of=420 * DAY, reach_us=90 * DAY)
    assert set(dates[split.valid] // DAY) == {330}
    assert dates[split.train].max() == 240 * DAY


def test_customers_stay_whole() -> None:
    customers = np.repeat(np.arange(50), 3)
    for split in split_by_customer(customers, seed=1):
        assert not set(customers[split.train]) & set(customers[split.test])
        assert not split.is_out_of_time


def test_stratified_folds_have_equal_shares() -> None:
    labels = np.array([1] * 20 + [0] * 80, dtype=np.int8)
    splits = split_stratified(labels, seed=1)
    assert [int(labels[s.test].sum()) for s in splits] == [4] * 5
    assert sorted(np.concatenate([s.test for s in splits])) == list(range(100))
