from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from churnml.metrics import roc_auc_score
from churnml.metrics.planning import auc_standard_error, precision_at, share_interval, top_rate


def test_the_error_of_an_area_is_that_of_hanley_and_mcneil() -> None:
    # Their worked example: area 0.893 with 58 normal and 51 abnormal images has a standard error of 0.032.
    assert auc_standard_error(0.893, n_churned=51, n_stayed=58) == pytest.approx(0.032, abs=6e-4)


def test_measured_areas_scatter_as_foretold() -> None:
    rng, apart = np.random.default_rng(3), np.sqrt(2) * stats.norm.ppf(0.8)
    y = np.repeat([1, 0], [60, 240])
    measured = [roc_auc_score(y, rng.normal(size=300) + apart * y) for _ in range(400)]
    found = precision_at(0.8, n_churned=60, n_stayed=240)
    inside = np.mean([found.low <= each <= found.high for each in measured])
    assert 0.92 <= inside <= 0.99


def test_the_rate_at_the_top_is_that_of_many_draws() -> None:
    rng, n = np.random.default_rng(4), 400_000
    y = rng.random(n) < 0.15
    score = rng.normal(size=n) + np.sqrt(2) * stats.norm.ppf(0.75) * y
    top = np.argsort(-score)[: n // 10]
    assert top_rate(0.75, base_rate=0.15) == pytest.approx(y[top].mean(), abs=0.01)


@given(st.floats(0.55, 0.95), st.integers(5, 500), st.integers(5, 500))
def test_more_customers_are_never_less_exact(auc: float, n_churned: int, n_stayed: int) -> None:
    few = auc_standard_error(auc, n_churned=n_churned, n_stayed=n_stayed)
    assert auc_standard_error(auc, n_churned=2 * n_churned, n_stayed=2 * n_stayed) < few


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_an_interval_of_a_share_stays_a_share(share: float, n: int) -> None:
    found = share_interval(share, n=n)
    assert 0 <= found.low <= found.high <= 1
    assert found.low - 1e-9 <= share <= found.high + 1e-9


@pytest.mark.parametrize("counts", [{"n_churned": 0, "n_stayed": 5}, {"n_churned": 5, "n_stayed": 0}])
def test_one_outcome_has_no_error(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="both outcomes"):
        auc_standard_error(0.8, **counts)
