"""Half of a last day: found where rows a day suffice to tell, and hardly ever where nothing is missing."""

from __future__ import annotations

import numpy as np
import pytest

from churnml.histories.last_day import last_day

EVERY = ["", "weekdays", "holidays", "dying", "growing", "bursts", "weekly"]


def business(kind: str, rate: float, seed: int, n_days: int = 700) -> np.ndarray:
    rng = np.random.default_rng(seed)
    day = np.arange(n_days)
    mean = rate * (1 + 0.3 * np.sin(2 * np.pi * (day % 7) / 7))
    if kind == "weekdays":
        mean[day % 7 >= 5] = 0
    if kind == "holidays":
        mean[rng.choice(n_days, n_days // 30)] = 0
    if kind in {"dying", "growing"}:
        mean *= np.exp((day - 300) / (400 if kind == "growing" else -400))
    if kind == "bursts":
        mean = mean * rng.gamma(5, 1 / 5, n_days)
    if kind == "weekly":
        mean[day % 7 > 0] = 0
    return rng.poisson(mean).astype(float)


@pytest.mark.parametrize("kind", EVERY)
def test_whole_days_are_hardly_ever_named(kind: str) -> None:
    named = n_days = 0
    for seed, rate in enumerate((5, 30, 100, 1000)):
        counts = business(kind, rate, seed)
        for end in range(250, len(counts)):
            n_days += 1
            named += last_day(0, counts[:end], end=end) is not None
    assert named <= n_days / 400


@pytest.mark.parametrize(
    ("kind", "rate", "share"), [("", 100, 0.8), ("weekdays", 150, 0.9), ("holidays", 300, 0.8), ("growing", 200, 0.9)]
)
def test_in_41_half_of_a_day_is_found(kind: str, rate: float, share: float) -> None:
    rng, found, n_days = np.random.default_rng(0), 0, 0
    for seed in range(3):
        counts = business(kind, rate, seed)
        for end in range(400, len(counts), 5):
            half = counts[:end].copy()
            if half[-1] > 0:
                half[-1] = rng.binomial(int(half[-1]), 0.5)
                n_days, found = n_days + 1, found + (last_day(1000, half, end=1000 + end) is not None)
    assert found >= share * n_days


def test_what_is_told_is_of_that_weekday() -> None:
    counts = business("", 300, 1)
    counts[-1] = 100
    found = last_day(1000, counts, end=1700)
    assert found is not None
    assert (found.day, found.count) == (1699, 100)
    usual = counts[-57:-1:7].mean()
    assert found.expected == pytest.approx(usual, rel=0.1)
    assert found.count < found.low < found.expected


@pytest.mark.parametrize("counts", [np.ones(1), np.zeros(400), np.ones(70), np.array([3.0] * 399 + [0.0])])
def test_few_rows_say_nothing(counts: np.ndarray) -> None:
    assert last_day(0, counts, end=len(counts)) is None


def test_the_level_is_that_of_the_fortnight_before() -> None:
    counts = np.full(400, 200.0) + np.random.default_rng(0).integers(-9, 9, 400)
    counts[-15:] /= 1.6
    assert last_day(0, counts, end=400) is None
    assert last_day(0, counts, end=386 + 7) is None
