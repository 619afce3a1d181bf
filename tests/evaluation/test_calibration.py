import numpy as np
import pytest

from churnml import metrics
from churnml.evaluation.calibration import ece_noise, latest_calibration, latest_rows, line_errors


def _calibrated(n=4000, seed=0):
    draw = np.random.default_rng(seed)
    p = draw.beta(1.0, 5.0, n)
    return (draw.random(n) < p).astype(float), p


def test_a_calibrated_model_stays_below_the_noise():
    low = 0
    for seed in range(40):
        y, p = _calibrated(800, seed)
        low += metrics.ece_loss(y, p) <= ece_noise(y, p)
    assert low >= 35


def test_the_error_of_the_slope_is_that_of_repeated_samples():
    lines = [metrics.calibration_line(*_calibrated(1500, seed)) for seed in range(60)]
    y, p = _calibrated(1500)
    line = metrics.calibration_line(y, p)
    slope, intercept = line_errors(p, slope=line.slope, intercept=line.intercept)
    assert slope == pytest.approx(np.std([each.slope for each in lines]), rel=0.3)
    assert intercept == pytest.approx(np.std([each.intercept for each in lines]), rel=0.3)


def test_a_model_that_promises_half_is_told_beyond_noise():
    y, p = _calibrated()
    found = latest_calibration("churn", y, p / 2, np.arange(y.size), cut_off="2024-01-01")
    assert found["total_ratio_high"] < 0.6
    assert found["total_ratio_low"] < found["total_ratio"] < found["total_ratio_high"]
    assert found["ece"] > found["ece_noise"]


@pytest.mark.parametrize(
    ("n_churned", "is_out_of_time", "cut_off"), [(30, True, "b"), (3, True, "a"), (30, False, None)]
)
def test_the_newest_window_with_enough_outcomes_decides(n_churned, is_out_of_time, cut_off):
    y = np.concatenate([np.arange(100) < 30, np.arange(100) < n_churned]).astype(float)
    cuts = {"a": np.arange(100), "b": np.arange(100, 200)}
    name, rows = latest_rows("churn", y, cuts, is_out_of_time=is_out_of_time)
    assert name == cut_off
    assert rows.size == (100 if cut_off else 200)


def test_one_class_leaves_figures_open():
    found = latest_calibration("churn", np.zeros(50), np.full(50, 0.1), np.arange(50), cut_off=None)
    assert found["ece"] is None
    assert found["total_ratio"] is None
    assert "slope" not in found
