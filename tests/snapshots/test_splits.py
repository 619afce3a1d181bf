from __future__ import annotations

import numpy as np
import pytest
from factories import DAY
from hypothesis import given
from hypothesis import strategies as st

from churnml.errors import TimeContractError
from churnml.snapshots.spine import plan_snapshots
from churnml.snapshots.splits import (
    Split,
    check_purged,
    final_split,
    split_by_customer,
    split_by_date,
    split_stratified,
)
from churnml.timeline import OutcomeWindow


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


@given(
    lead=st.integers(0, 20),
    horizon=st.integers(1, 120),
    grace=st.integers(0, 20),
    settle=st.integers(0, 30),
    every=st.integers(1, 90),
    history=st.integers(300, 2000),
)
def test_tl_09_no_label_window_reaches_into_what_is_tested(
    lead: int, horizon: int, grace: int, settle: int, every: int, history: int
) -> None:
    window = OutcomeWindow.of_days(horizon_days=horizon, lead_days=lead, grace_days=grace)
    found = plan_snapshots(
        as_of=history * DAY,
        history_start=0,
        window=window,
        every_us=every * DAY,
        count=12,
        value_horizon_us=None,
        settle_us=settle * DAY,
    )
    reach = window.reach_us + settle * DAY
    last = final_split(found.churn_dates, as_of=found.as_of, reach_us=reach)
    for split in [*split_by_date(found.churn_dates, reach_us=reach), last]:
        check_purged(split, found.churn_dates, reach_us=reach, as_of=found.as_of)


def test_tl_09_a_window_that_reaches_a_day_too_far_is_refused_with_dates() -> None:
    dates = np.array([0, 90, 180], dtype=np.int64) * DAY
    split = Split("1970-06-30", np.array([0]), np.array([1]), np.array([2]))
    check_purged(split, dates, reach_us=90 * DAY, as_of=400 * DAY)
    with pytest.raises(TimeContractError, match="open until 1970-07-01, after the tested date 1970-06-30"):
        check_purged(split, dates, reach_us=91 * DAY, as_of=400 * DAY)


def test_tl_09_stopping_rows_need_the_gap_too() -> None:
    dates = np.array([0, 60, 180], dtype=np.int64) * DAY
    split = Split("1970-06-30", np.array([0]), np.array([1]), np.array([2]))
    with pytest.raises(TimeContractError, match="after the date that stops training 1970-03-02"):
        check_purged(split, dates, reach_us=90 * DAY, as_of=400 * DAY)


def test_tl_09_what_the_model_learns_from_is_settled_at_as_of() -> None:
    dates = np.array([0, 90], dtype=np.int64) * DAY
    split = Split("final", np.array([0]), np.array([1]))
    with pytest.raises(TimeContractError, match="after the tested date 1970-06-29"):
        check_purged(split, dates, reach_us=90 * DAY, as_of=179 * DAY)
