"""Value by tenths: sums, an obvious loop, edges."""

from __future__ import annotations

import numpy as np
import pytest

from churnml.metrics import decile_calibration_loss, decile_table, top_share_score


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(500) < 0.6, 0.0, rng.gamma(0.8, 60, 500))
    return truth, np.round(truth * rng.uniform(0, 1, 500) + rng.exponential(10, 500))


def test_decile_table_adds_up(values: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = values
    table = decile_table(truth, predicted)
    assert table.decile.tolist() == list(range(1, 11))
    assert np.sum(table.n_customers * table.actual_mean) == pytest.approx(truth.sum())
    assert np.sum(table.n_customers * table.predicted_mean) == pytest.approx(predicted.sum())
    assert table.actual_share[0] == pytest.approx(top_share_score(truth, predicted))
    assert np.all(np.diff(table.predicted_mean) <= 1e-9)


def test_decile_table_of_a_loss_has_no_shares() -> None:
    assert np.isnan(decile_table([-1.0, 0.0], [1.0, 0.0], n_parts=2).actual_share).all()


def test_decile_table_needs_a_customer_per_part() -> None:
    with pytest.raises(ValueError, match="fewer customers than parts"):
        decile_table([1.0] * 5, [1.0] * 5)


def test_calibration_of_deciles_by_a_loop() -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.gamma(1, 50, 100), rng.permutation(100) * 1.0
    parts = np.split(np.argsort(-predicted), 10)
    expected = sum(abs(predicted[part].sum() - truth[part].sum()) for part in parts) / truth.sum()
    assert decile_calibration_loss(truth, predicted) == pytest.approx(expected)


def test_calibration_of_deciles_of_the_truth_and_of_a_fifth_too_much() -> None:
    truth = np.random.default_rng(2).gamma(1, 50, 105)
    assert decile_calibration_loss(truth, truth) == pytest.approx(0.0, abs=1e-12)
    assert decile_calibration_loss(truth, 1.2 * truth) == pytest.approx(0.2)


def test_calibration_of_a_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="total is not positive"):
        decile_calibration_loss([-1.0, 0.0], [1.0, 0.0], n_parts=2)
