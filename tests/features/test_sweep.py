"""Every column of the sweeps against a slow loop over the rows of one customer at one date."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from churnml.features.sweep import sweep_levels, sweep_rhythm, sweep_values
from churnml.timeline import DAY_US, NEVER

WINDOWS = np.array([7 * DAY_US, 30 * DAY_US, 90 * DAY_US, NEVER])
DATES = np.array([18_900 * DAY_US, 18_940 * DAY_US + 7, 19_000 * DAY_US])
N_LEVELS = 2


@dataclass
class Histories:
    """Rows of many customers, sorted by (customer, time), and their snapshots."""

    offsets: np.ndarray
    occurred: np.ndarray
    known_from: np.ndarray
    known_until: np.ndarray
    money: np.ndarray
    level: np.ndarray

    @property
    def n_customers(self) -> int:
        return len(self.offsets) - 1

    def rows(self, *, one_clock: bool) -> tuple[object, ...]:
        clocks = (self.occurred,) * 3 if one_clock else (self.occurred, self.known_from, self.known_until)
        return self.offsets, *clocks, one_clock

    def snapshots(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.repeat(np.arange(self.n_customers), len(DATES)), np.tile(DATES, self.n_customers), WINDOWS

    def usable(self, customer: int, t: int) -> range | list[int]:
        rows = range(self.offsets[customer], self.offsets[customer + 1])
        return [k for k in rows if self.occurred[k] <= t and self.known_from[k] <= t < self.known_until[k]]


def random_histories(seed: int, n_customers: int, *, late_share: float) -> Histories:
    rng = np.random.default_rng(seed)
    sizes = rng.choice([0, 1, 2, 5, 12], n_customers)
    n = int(sizes.sum())
    edges = np.concatenate([DATES, *(DATES - w for w in WINDOWS[:-1])])
    near = rng.choice(edges, n) + rng.integers(-1, 2, n)
    occurred = np.where(rng.random(n) < 0.5, near, DATES[-1] - rng.integers(-20 * DAY_US, 300 * DAY_US, n))
    customer = np.repeat(np.arange(n_customers), sizes)
    occurred = occurred[np.lexsort((occurred, customer))]
    late, corrected = rng.random(n) < late_share, rng.random(n) < late_share
    known_from = occurred + np.where(late, rng.integers(0, 60 * DAY_US, n), 0)
    known_until = np.where(corrected, known_from + rng.integers(0, 60 * DAY_US, n), NEVER)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    level = rng.integers(0, N_LEVELS + 2, n).astype(np.int32)
    return Histories(offsets, occurred, known_from, known_until, rng.integers(-99, 10**6, n), level)


def places(n_measures: int) -> np.ndarray:
    return np.arange(n_measures * len(WINDOWS), dtype=np.int32).reshape(n_measures, -1)


def sweep(histories: Histories, *, one_clock: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return every column of all three sweeps, and the newest level."""
    rows, (customer, dates, windows) = histories.rows(one_clock=one_clock), histories.snapshots()
    rhythm, values, levels = (np.full((60, len(dates)), -7.0, np.float32) for _ in range(3))
    three = places(3)
    three[2, -1] = -1
    sweep_rhythm(*rows, customer, dates, windows, three, np.arange(12, 21, dtype=np.int32), rhythm)
    sweep_values(*rows, histories.money, 10_000.0, customer, dates, windows, places(5), 20, values)
    newest = np.empty(len(dates), np.int32)
    sweep_levels(*rows, histories.level, customer, dates, windows, places(N_LEVELS), 8, newest, levels)
    return np.concatenate([rhythm[[*range(11), *range(12, 21)]], values[:21], levels[:9]]).T, newest


def slow(histories: Histories, customer: int, t: int) -> tuple[list[float], int]:
    rows = histories.usable(customer, t)
    times = [int(histories.occurred[k]) for k in rows]
    found = [*_rhythm(times, t)]
    money = [int(histories.money[k]) / 10_000 for k in rows]
    per_window = [[m for m, time in zip(money, times, strict=True) if t - time < w] for w in WINDOWS.tolist()]
    found += [math.fsum(amounts) for amounts in per_window]
    for measure in (statistics.fmean, max, min, statistics.pstdev):
        found += [measure(amounts) if amounts else math.nan for amounts in per_window]
    found.append(money[-1] if money else math.nan)
    levels = [int(histories.level[k]) for k in rows]
    for level in range(N_LEVELS):
        found += [
            sum(v == level and t - time < w for v, time in zip(levels, times, strict=True)) for w in WINDOWS.tolist()
        ]
    run = next((n for n, v in enumerate(reversed(levels)) if v != levels[-1]), len(levels))
    found.append((t - times[-run]) / DAY_US if run < len(levels) else math.nan)
    return found, levels[-1] if levels else -1


def _rhythm(times: list[int], t: int) -> list[float]:
    inside = [[time for time in times if t - time < w] for w in WINDOWS.tolist()]
    counts = [len(chosen) for chosen in inside]
    active = [len({time // DAY_US for time in chosen}) for chosen in inside]
    decayed = [sum(2.0 ** (-(t - time) / w) for time in times) for w in WINDOWS.tolist()[:-1]]
    days = sorted({time // DAY_US for time in times})
    gaps = [later - earlier for earlier, later in pairwise(days)]
    recency, tenure = ((t - time) / DAY_US if times else math.nan for time in (max(times or [0]), min(times or [0])))
    mean, spread = statistics.fmean(gaps or [math.nan]), statistics.pstdev(gaps) if len(gaps) > 1 else math.nan
    span = (tenure - recency if gaps else 0.0) if times else math.nan
    deviations = (recency - mean) / spread if spread > 0 else math.nan
    latest = gaps[-1] if gaps else math.nan
    return [
        *counts,
        *active,
        *decayed,
        recency,
        tenure,
        mean,
        spread,
        latest,
        len(gaps),
        span,
        recency / mean,
        deviations,
    ]


def n_equal(histories: Histories) -> int:
    columns, newest = sweep(histories, one_clock=False)
    for row, (customer, t) in enumerate((i, int(t)) for i in range(histories.n_customers) for t in DATES):
        expected, level = slow(histories, customer, t)
        np.testing.assert_allclose(columns[row], np.float32(expected), rtol=1e-6, atol=1e-6)
        assert newest[row] == level
    return len(newest)


@pytest.mark.parametrize("late_share", [0.0, 0.3])
def test_every_column_equals_the_slow_loop(late_share: float) -> None:
    assert n_equal(random_histories(1, 250, late_share=late_share)) == 250 * len(DATES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_tl_03_ten_thousand_histories_equal_the_slow_loop(seed: int) -> None:
    assert n_equal(random_histories(seed, 1_000, late_share=0.2)) == 1_000 * len(DATES)


def test_one_clock_gives_the_same_bits_as_two_equal_ones() -> None:
    histories = random_histories(2, 2_000, late_share=0.0)
    first, second = sweep(histories, one_clock=True), sweep(histories, one_clock=False)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_rows_that_are_not_usable_change_no_bit() -> None:
    histories = random_histories(3, 2_000, late_share=0.3)
    newest = DATES[-1]
    usable = (histories.occurred <= newest) & (histories.known_from <= newest)
    before = np.concatenate([[0], np.cumsum(usable)])
    parts = (histories.occurred, histories.known_from, histories.known_until, histories.money, histories.level)
    known = Histories(before[histories.offsets], *(part[usable] for part in parts))
    assert sweep(known, one_clock=False)[0].tobytes() == sweep(histories, one_clock=False)[0].tobytes()


def test_spread_survives_a_distant_newest_value() -> None:
    money = np.array([1_000_001, 1_000_002, 1_000_003, 9 * 10**15])
    clock = DATES[0] - DAY_US * np.arange(4, 0, -1)
    rows = (np.array([0, 4]), clock, clock, np.full(4, NEVER), True)
    place, out = np.full((5, 4), -1, np.int32), np.empty((1, 1), np.float32)
    place[4, -1] = 0
    sweep_values(*rows, money[::-1].copy(), 1.0, np.array([0]), DATES[:1], WINDOWS, place, -1, out)
    assert out[0, 0] == np.float32(statistics.pstdev(money.tolist()))
