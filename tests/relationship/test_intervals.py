from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.intervals import Grouped, change_of_shares, quantile_range, resampled_sums, share_range


def test_nobody_has_no_interval() -> None:
    assert np.isnan([*share_range(0, 0, confidence=0.95), *change_of_shares(1, 2, 0, 0, confidence=0.95)]).all()


def test_whoever_is_drawn_does_not_depend_on_the_groups() -> None:
    columns = np.arange(12.0).reshape(6, 2)
    (whole,) = resampled_sums([Grouped(columns, np.zeros(6, np.int64), 1)], n_repetitions=50, seed=4)
    some, other = np.array([0, 1, 1, 2, 0, -1]), np.array([-1] * 5 + [0])
    parts, rest = resampled_sums([Grouped(columns, some, 3), Grouped(columns, other, 1)], n_repetitions=50, seed=4)
    assert np.array_equal(whole.sum(axis=1), parts.sum(axis=1) + rest.sum(axis=1))


@pytest.mark.parametrize("n", [60, 400])
def test_resampled_mean_covers_the_truth_about_as_often_as_it_says(n: int) -> None:
    rng, hits = np.random.default_rng(n), 0
    for trial in range(200):
        counts = rng.poisson(2.0, n).astype(np.float64)
        good = rng.binomial(counts.astype(np.int64), 0.7).astype(np.float64)
        table = Grouped(np.column_stack([good, counts]), np.zeros(n, np.int64), 1)
        (sums,) = resampled_sums([table], n_repetitions=300, seed=trial)
        low, high = quantile_range(sums[:, 0, 0] / sums[:, 0, 1], confidence=0.95)
        hits += low <= 0.7 <= high
    assert 180 <= hits <= 199


def test_too_few_resamples_with_a_figure_give_no_interval() -> None:
    assert np.isnan(quantile_range(np.array([0.5, np.nan, np.nan]), confidence=0.95)).all()
