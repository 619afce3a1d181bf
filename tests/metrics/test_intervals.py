"""The bootstrap of customers: coverage, pairing, repeated rows, order, edges."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from churnml.metrics import (
    bootstrap_difference_interval,
    bootstrap_interval,
    delong_interval,
    integrated_brier_loss,
    lift_score,
    mean_absolute_loss,
    profit_at_capacity_score,
    roc_auc_score,
)


def drawn(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(float)
    common = y + rng.normal(0, 1, n)
    return y, common + rng.normal(0, 0.3, n), common + rng.normal(0, 0.6, n)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    value = np.random.default_rng(1).normal(0, 10, 400)
    found = bootstrap_interval(value, np.zeros(400), metric=lambda y, p: float(np.mean(y - p)), n_repetitions=4_000)
    reach = 1.96 * value.std() / 20
    assert found.estimate == pytest.approx(value.mean())
    assert [found.low, found.high] == pytest.approx([value.mean() - reach, value.mean() + reach], abs=0.05)


def test_the_interval_of_an_area_is_near_delongs() -> None:
    y, score, _ = drawn(500)
    found = bootstrap_interval(y, score, metric=roc_auc_score)
    assert found[1:3] == pytest.approx(delong_interval(y, score), abs=0.01)


def test_a_customers_rows_are_drawn_together() -> None:
    y, score, _ = drawn(150)
    once = bootstrap_interval(y, score, metric=roc_auc_score, customers=np.arange(150))
    ids = [f"c{i:03}" for i in np.repeat(np.arange(150), 9)]
    many = bootstrap_interval(np.repeat(y, 9), np.repeat(score, 9), metric=roc_auc_score, customers=ids)
    apart = bootstrap_interval(np.repeat(y, 9), np.repeat(score, 9), metric=roc_auc_score)
    assert many == pytest.approx(once)
    assert apart.high - apart.low < 0.5 * (many.high - many.low)


def test_customers_with_unequal_numbers_of_rows_are_whole_in_every_resample() -> None:
    customers = np.repeat(np.arange(30), np.arange(1, 31))

    def whole(y: np.ndarray, p: np.ndarray) -> float:
        numbers, counts = np.unique(y, return_counts=True)
        assert np.all(counts % (numbers + 1) == 0)
        return float(p.sum())

    found = bootstrap_interval(customers, np.ones(customers.size), metric=whole, customers=customers)
    assert found.low < found.estimate == customers.size < found.high


def test_pairing_narrows_a_difference() -> None:
    y, good, bad = drawn(400)
    alone = [bootstrap_interval(y, score, metric=roc_auc_score) for score in (good, bad)]
    both = bootstrap_difference_interval(y, good, bad, metric=roc_auc_score)
    assert both.estimate == pytest.approx(alone[0].estimate - alone[1].estimate)
    assert both.high - both.low < 0.7 * (alone[0].high - alone[0].low)
    same = bootstrap_difference_interval(y, good, np.exp(good), metric=partial(lift_score, fraction=0.1))
    assert same[:3] == (0.0, 0.0, 0.0)


def test_more_arrays_and_tables_of_probabilities_are_drawn_along() -> None:
    y, score, _ = drawn(200)
    metric = partial(profit_at_capacity_score, effect=0.5, cost=1.0, capacity=20)
    found = bootstrap_interval(y, score, np.full(200, 30.0), metric=metric, n_repetitions=100)
    assert found.low <= found.estimate <= found.high
    p_stay = np.exp(-np.outer(1 + score**2, [0.1, 0.2]))
    loss = partial(integrated_brier_loss, days=[10.0, 20.0])
    days = np.random.default_rng(0).integers(1, 90, 200)
    assert bootstrap_interval(days, p_stay, y, metric=loss, n_repetitions=100).n_repetitions == 100


@pytest.mark.parametrize("repeated", [False, True])
def test_neither_row_order_nor_a_second_run_changes_a_bit(repeated: bool) -> None:
    y, good, bad = drawn(120)
    customers = np.arange(120) // 3 if repeated else None
    order = np.random.default_rng(5).permutation(120)
    run = partial(bootstrap_difference_interval, metric=roc_auc_score, n_repetitions=200)
    first = run(y, good, bad, customers=customers)
    moved = run(y[order], good[order], bad[order], customers=None if customers is None else customers[order])
    assert first == moved
    assert first != run(y, good, bad, customers=customers, seed=1)


def test_resamples_with_one_class_are_left_out_and_counted() -> None:
    found = bootstrap_interval([1, 1, 0, 0, 0], [5, 3, 4, 2, 1], metric=roc_auc_score, n_repetitions=500)
    assert 400 < found.n_repetitions < 500


def test_too_few_customers_for_a_metric_are_refused() -> None:
    def only_whole(y: np.ndarray, p: np.ndarray) -> float:
        if np.unique(y).size < 8:
            raise ValueError("not all there")
        return float(np.mean(p))

    with pytest.raises(ValueError, match="more than half of the resamples"):
        bootstrap_interval(np.arange(8), np.ones(8), metric=only_whole)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_repetitions": 99}, "n_repetitions"),
        ({"n_repetitions": 10_001}, "n_repetitions"),
        ({"confidence": 1.0}, "confidence"),
        ({"customers": [1, 2]}, "differ in length"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        bootstrap_interval([1, 2, 3], [1, 2, 3], metric=mean_absolute_loss, **options)


def test_a_single_number_is_no_array() -> None:
    with pytest.raises(ValueError, match="not an array"):
        bootstrap_interval([1, 2, 3], 2.0, metric=mean_absolute_loss)
