from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from churnml.evaluation.matured import Matured, matured, rate_interval

BANDS = ("low", "medium", "high")


def judged(y: np.ndarray, p: np.ndarray, **options: object) -> Matured:
    bands = np.array(BANDS)[np.digitize(p, [0.2, 0.5])]
    return matured(y.astype(np.float64), p, bands, order=BANDS, **options)


def drawn(n: int, seed: int, *, off: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1.5, 4, n)
    return rng.random(n) < np.clip(p * off, 0, 1), p


@pytest.mark.parametrize(("events", "n"), [(0, 30), (8, 10), (300, 1000), (5, 5)])
def test_interval_is_wilsons(events: int, n: int) -> None:
    expected = binomtest(events, n).proportion_ci(method="wilson")
    assert rate_interval(events, n) == pytest.approx((expected.low, expected.high))


def test_right_probabilities_are_seldom_called_off() -> None:
    states = [judged(*drawn(1000, seed)).level for seed in range(200)]
    assert "alarm" not in states
    assert states.count("warning") <= 3


def test_probabilities_half_as_large_as_they_should_be_are_an_alarm() -> None:
    y, p = drawn(2000, 1)
    assert judged(y, p / 2.2).level == "alarm"


def test_a_small_error_beyond_chance_is_a_warning() -> None:
    y, p = drawn(60_000, 1, off=1.1)
    assert judged(y, p).level == "warning"


def test_a_band_that_is_off_is_a_warning() -> None:
    y, p = drawn(20_000, 1)
    low = p < 0.2
    y[low] = np.random.default_rng(2).random(low.sum()) < 0.16
    p[~low & ~y] -= 0.0
    assert judged(y, p).level in {"warning", "alarm"}


def test_a_ranking_far_below_training_is_told() -> None:
    y, p = drawn(3000, 1)
    shuffled = np.random.default_rng(3).permutation(p)
    assert judged(y, p, trained_auc=0.68).ranking == "steady"
    assert judged(y, shuffled, trained_auc=0.8).ranking == "warning"
    assert judged(y, 1 - p, trained_auc=0.8).ranking == "alarm"


def test_few_customers_conclude_nothing() -> None:
    y, p = drawn(60, 1)
    found = judged(y, p / 3)
    assert (found.level, found.ranking) == ("unknown", "unknown")
    assert found.overall.n == 60


def test_bands_add_up() -> None:
    found = judged(*drawn(500, 4))
    assert [band.band for band in found.bands] == list(BANDS)
    assert sum(band.n for band in found.bands) == found.overall.n
    assert sum(band.n * band.observed for band in found.bands) == pytest.approx(500 * found.overall.observed)


def test_one_class_has_no_ranking() -> None:
    found = judged(np.zeros(300), np.full(300, 0.1))
    assert (found.auc, found.ranking) == (None, "unknown")
