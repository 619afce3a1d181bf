from __future__ import annotations

import numpy as np
import pytest

from churnml.histories.volume import holes, weak_end

DAYS = np.arange(800)


def business(kind: str, rate: float, seed: int, n_days: int = 800) -> np.ndarray:
    """Rows per day of a business with weekdays, and what its kind adds."""
    rng = np.random.default_rng(seed)
    day = np.arange(n_days)
    mean = rate * (1 + 0.4 * np.sin(2 * np.pi * (day % 7) / 7))
    year = (day + rng.integers(365)) % 365
    if "weekdays" in kind:
        mean[day % 7 >= 5] = 0
    if "christmas" in kind:
        mean[(year < 11) | np.isin(year, rng.choice(365, 8))] = 0
        mean[year > 335] *= 2
    if "weekly" in kind:
        mean[day % 7 > 0] = 0
    if "monthly" in kind:
        mean[day % 30 > 0] = 0
    if "season" in kind:
        mean *= np.exp(0.8 * np.sin(2 * np.pi * day / 365))
    if "closed summers" in kind:
        mean[(year > 200) & (year < 320)] = 0
    if "dying" in kind:
        mean *= np.exp(-day / 200)
    if "young" in kind:
        mean[: n_days // 3] *= 0.01
    if "bursts" in kind:
        mean = mean * rng.gamma(5, 1 / 5, n_days)
    return np.trim_zeros(rng.poisson(mean).astype(float), "f")


KINDS = [
    "",
    "weekdays",
    "weekdays christmas",
    "christmas bursts",
    "weekly",
    "monthly",
    "season bursts",
    "dying",
    "young",
]


@pytest.mark.parametrize("kind", [*KINDS, "weekdays bursts dying", "closed summers"])
def test_the_habits_of_a_business_raise_no_alarm(kind: str) -> None:
    for seed in range(40):
        rate = 10 ** (-1 + 4 * seed / 40)
        counts = business(kind, rate, seed, n_days=1200 if "summers" in kind else (250, 500, 800)[seed % 3])
        assert [lack for lack in holes(0, counts) if lack.severity == "error"] == []
        if "summers" not in kind:
            weak = weak_end(0, counts, end=len(counts))
            assert weak is None or weak.severity == "warning"


@pytest.mark.parametrize("kind", ["", "weekdays", "weekdays christmas", "season bursts", "dying"])
def test_in_41_a_missing_month_is_found(kind: str) -> None:
    for seed in range(10):
        counts = business(kind, 40 + 20 * seed, seed)
        counts[301:331] = 0
        errors = [lack for lack in holes(1000, counts) if lack.severity == "error"]
        assert len(errors) == 1
        # Closed days at its edges belong to the hole.
        assert 1297 <= errors[0].first <= 1301
        assert 1330 <= errors[0].last <= 1334
        assert errors[0].expected > 150


def test_in_41_stray_rows_do_not_hide_a_hole_and_two_holes_do_not_hide_each_other() -> None:
    counts = business("", 500, 1)
    counts[100:130] = 0
    counts[500:531] = 0
    counts[515] = 2
    assert [(lack.first, lack.last) for lack in holes(0, counts)] == [(100, 129), (500, 530)]


def test_in_41_a_half_loaded_last_day_is_found() -> None:
    for seed in range(10):
        counts = business("", 300, seed)
        assert weak_end(0, counts, end=len(counts)) is None
        counts[-1] = counts[-1] // 2 - 20
        found = weak_end(0, counts, end=len(counts))
        assert found is not None
        assert (found.first, found.last, found.severity) == (len(counts) - 1, len(counts) - 1, "error")


def test_in_04_days_that_are_not_there_at_the_end_are_found() -> None:
    counts = business("", 300, 3)
    found = weak_end(0, counts[:-2], end=len(counts))
    assert found is not None
    assert found.severity == "error"
    assert found.count == 0


def test_a_lack_at_christmas_is_only_worth_a_look() -> None:
    counts = business("", 300, 3)
    counts[-1] = 10
    found = weak_end(0, counts, end=len(counts), holidays=[len(counts) - 1])
    assert found is not None
    assert found.severity == "warning"


@pytest.mark.parametrize("counts", [np.ones(1), np.array([3.0, 0.0, 0.0]), np.ones(69)])
def test_short_histories_say_nothing(counts: np.ndarray) -> None:
    assert holes(0, counts) == []
    assert weak_end(0, counts, end=len(counts)) is None


def test_a_feed_that_ends_is_told_as_a_warning() -> None:
    counts = business("", 300, 3)
    counts[-40:] = 0
    assert [(lack.last, lack.severity) for lack in holes(0, counts)] == [(len(counts) - 1, "warning")]
