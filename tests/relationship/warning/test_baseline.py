from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.warning.baseline import forecast


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 2.0])
@pytest.mark.parametrize("falls", [False, True])
def test_of_a_few_counts_nothing_absurd_is_carried_on(rate: float, falls: bool) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(26, 160))
        counts, exposure = rng.poisson(rate, n).astype(float), rng.integers(1, 500, n).astype(float)
        counts[: n // 2] *= rng.random() < 0.5
        ahead = {"ahead": np.array([n + 3, n + 4]), "ahead_exposure": np.array([300.0, 300.0])}
        found = forecast(counts, exposure, np.arange(n), **ahead, year=52.18, falls=falls)
        if found is not None:
            assert np.isfinite([found.limit(0.001, falls=falls), found.tail(3, falls=falls)]).all()
            assert (found.mean <= 10 * 300 * (counts / exposure).max() * (1 + 1e-9)).all()
