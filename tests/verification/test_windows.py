"""Windows, splits, survivors and labels dealt at random."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from factories import DAY

from churnml.histories.conform import TIME
from churnml.snapshots.splits import split_by_date
from churnml.timeline import OutcomeWindow
from churnml.verification.findings import Finding
from churnml.verification.permuted import permuted_areas, permuted_labels
from churnml.verification.survivors import Presence, check_listed, check_table
from churnml.verification.windows import Parts, check_keys, check_settled, check_splits

NONE = np.empty(0, dtype=np.int64)
DATES = np.repeat(np.arange(12, dtype=np.int64) * 30 * DAY, 40)
CUSTOMERS = np.tile(np.arange(40), 12)


def parts(reach: int) -> list[Parts]:
    return [Parts(s.name, s.train, s.valid, s.between, s.test) for s in split_by_date(DATES, reach_us=reach * DAY)]


def labels(days: list[int]) -> pa.Table:
    when = pa.array([day * DAY for day in days], pa.int64()).cast(TIME)
    ids = [f"c{i}" for i in range(len(days))]
    return pa.table({"customer_id": ids, "observation_date": when, "is_churned": pa.array([0] * len(days), pa.int8())})


def test_tl_09_the_splits_of_training_leave_a_gap() -> None:
    assert check_splits(DATES, parts(90), reach_us=90 * DAY) == []


def test_tl_09_a_window_that_overlaps_by_a_day_is_found_with_both_dates() -> None:
    found = check_splits(DATES, parts(90)[-1:], reach_us=91 * DAY)
    assert {(f.rule, f.date, f.other_date) for f in found} >= {("time.windows_overlap", "1970-11-28", "1970-11-27")}


def test_a_row_that_learns_and_tests_is_found() -> None:
    both = Parts("x", np.arange(3), NONE, NONE, np.arange(2, 5))
    assert "time.rows_shared" in {f.rule for f in check_splits(DATES, [both], reach_us=0)}


@pytest.mark.parametrize(("day", "n_found"), [(70, 0), (71, 1)])
def test_tl_21_an_outcome_that_is_still_open_is_found(day: int, n_found: int) -> None:
    window = OutcomeWindow.of_days(horizon_days=30)
    found = check_settled(labels([10, day]), window, as_of=100 * DAY)
    assert [(f.rule, f.n, f.date) for f in found] == [("time.not_settled", 1, "1970-04-12")] * n_found


def test_tl_09_features_and_outcomes_of_other_dates_are_found() -> None:
    assert check_keys(labels([10, 20]), labels([10, 20]), file="data/labels") == []
    (found,) = check_keys(labels([10, 20]), labels([10, 21]), file="data/labels")
    assert (found.rule, found.n, found.date, found.other_date) == ("time.out_of_step", 1, "1970-01-21", "1970-01-22")


def presence(of_gone: float, of_others: float) -> Presence:
    draw = np.random.default_rng(1)
    gone = draw.random(800) < 0.3
    return Presence(np.zeros(800, dtype=np.int64), draw.random(800) < np.where(gone, of_gone, of_others), gone)


@pytest.mark.parametrize(("of_gone", "of_others", "n_found"), [(0.0, 1.0, 1), (0.5, 0.97, 1), (0.9, 0.9, 0), (1, 1, 0)])
def test_tl_12_a_customer_table_of_survivors_is_found(of_gone: float, of_others: float, n_found: int) -> None:
    found = check_listed(presence(of_gone, of_others), column="id", file="customers.csv")
    assert [(f.rule, f.severity, f.file) for f in found] == [
        ("time.survivors_only", "error", "customers.csv")
    ] * n_found
    assert all(f.n > 20 and f.of == 800 for f in found)


@pytest.mark.parametrize(("of_gone", "n_found"), [(0.0, 1), (0.3, 0)])
def test_tl_12_another_table_of_survivors_is_a_warning(of_gone: float, n_found: int) -> None:
    found = check_table(presence(of_gone, 0.6), column="id", file="tickets.csv")
    assert [f.severity for f in found] == ["warning"] * n_found


def areas(fold: Parts) -> list[Finding]:
    """Return what is found where customers can be told apart and labels of one customer stay for a while."""
    draw = np.random.default_rng(2)
    n = 150
    dates, who = np.repeat(np.arange(10, dtype=np.int64) * 30 * DAY, n), np.tile(np.arange(n), 10)
    y = np.repeat(draw.random((5, n)) < 0.4, 2, axis=0).ravel()
    table = pa.table({"customer_id": who.astype(str), "x": draw.normal(0, 1, n)[who].astype(np.float32)})
    sizes = {"n_permutations": 3, "max_rows": 5_000, "seed": 1}
    return permuted_areas(table, y, dates, who, fold, reach_us=60 * DAY, **sizes).findings()


def test_labels_dealt_at_random_are_not_learned() -> None:
    assert areas(Parts("x", np.arange(7 * 150), NONE, NONE, np.arange(9 * 150, 10 * 150))) == []


def test_a_split_that_shares_outcomes_is_found() -> None:
    (found,) = areas(Parts("x", np.arange(8 * 150, 9 * 150), NONE, NONE, np.arange(9 * 150, 10 * 150)))
    assert found.rule == "time.permuted_labels"


def test_dealing_keeps_the_rate_of_a_date() -> None:
    y = np.random.default_rng(4).random(len(DATES)) < 0.3
    dealt = permuted_labels(y, DATES, CUSTOMERS, reach_us=30 * DAY, tested=int(DATES[-1]), seed=1)
    np.testing.assert_array_equal(np.bincount(DATES // DAY, dealt), np.bincount(DATES // DAY, y))
    assert not np.array_equal(dealt, y)
