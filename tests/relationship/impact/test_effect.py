from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.impact.effect import difference_in_differences, interrupted_series
from churnml.relationship.impact.panel import Panel, joined, periods_around

N, BEFORE, AFTER = 600, 5, 1


def company(seed: int, *, effect: float, trend: float = 0.0, n: int = N) -> Panel:
    """Return a company in which customers leave for good; those affected leave more often by ``effect`` after it."""
    rng = np.random.default_rng(seed)
    affected = rng.random(n) < 0.4
    base = np.clip(rng.beta(2, 14, n) + 0.04 * affected, 0, 0.6)
    season = rng.normal(0, 0.02, BEFORE + AFTER)
    there = np.ones(n, dtype=bool)
    rows = []
    for number in range(-BEFORE, AFTER):
        p = base + season[number + BEFORE] + affected * (effect * (number >= 0) + trend * (number + BEFORE))
        left = rng.random(n) < np.clip(p, 0, 1)
        rows.append((np.flatnonzero(there), number, affected[there], left[there].astype(float)))
        # Some of the lost are replaced: their places are taken again by others.
        there &= ~left | (rng.random(n) < 0.7)
    customer = np.concatenate([who for who, *_ in rows])
    period = np.concatenate([np.full(len(who), number) for who, number, *_ in rows])
    return Panel(customer, period, np.concatenate([a for *_, a, _ in rows]), np.concatenate([y for *_, y in rows]))


def test_a_planted_effect_is_covered_in_at_least_90_of_100_companies() -> None:
    found = [difference_in_differences(company(s, effect=0.05), confidence=0.95, placebo=False) for s in range(100)]
    assert sum(e.low <= 0.05 <= e.high for e in found) >= 90
    assert np.mean([e.value for e in found]) == pytest.approx(0.05, abs=0.006)


def test_a_change_without_effect_is_called_significant_in_at_most_10_of_100_companies() -> None:
    found = [difference_in_differences(company(s, effect=0.0), confidence=0.95, placebo=False) for s in range(100, 200)]
    assert sum(e.is_found for e in found) <= 10


def test_groups_that_drifted_apart_before_are_not_believed() -> None:
    found = [difference_in_differences(company(s, effect=0.0, trend=0.04), confidence=0.95) for s in range(20)]
    assert sum(e.is_parallel for e in found) <= 4
    assert not any(e.is_found for e in found if not e.is_parallel)
    assert sum(e.placebo_found for e in found) > 0


def test_the_estimate_is_the_difference_of_differences() -> None:
    panel = company(1, effect=0.05)
    balanced = panel.only(np.isin(panel.period, (-1, 0)))

    def mean(affected: bool, number: int) -> float:
        return float(balanced.outcome[(balanced.affected == affected) & (balanced.period == number)].mean())

    by_hand = (mean(True, 0) - mean(True, -1)) - (mean(False, 0) - mean(False, -1))
    three = joined([balanced])
    assert difference_in_differences(_with_more_before(three), confidence=0.95, placebo=False).n_before == 3
    fit = difference_in_differences(_doubled(balanced), confidence=0.95, placebo=False)
    assert fit.value == pytest.approx(by_hand)


def _doubled(panel: Panel) -> Panel:
    """Return the same rows with the period before told twice."""
    earlier = panel.only(panel.period < 0)
    return joined_as_one(Panel(earlier.customer, earlier.period - 1, earlier.affected, earlier.outcome), panel)


def _with_more_before(panel: Panel) -> Panel:
    once = _doubled(panel)
    earlier = once.only(once.period == -2)
    return joined_as_one(Panel(earlier.customer, earlier.period - 1, earlier.affected, earlier.outcome), once)


def joined_as_one(*parts: Panel) -> Panel:
    names = ("customer", "period", "affected", "outcome")
    return Panel(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def series(seed: int, *, effect: float, n_before: int = 16, n_after: int = 2) -> Panel:
    rng = np.random.default_rng(seed)
    numbers = np.arange(-n_before, n_after)
    rate = (
        0.12
        + 0.001 * numbers
        + 0.03 * np.sin(2 * np.pi * numbers / (365 / 30))
        + rng.normal(0, 0.01, len(numbers))
        + effect * (numbers >= 0)
    )
    size = 400
    outcome = np.concatenate([(rng.random(size) < p).astype(float) for p in rate])
    customer = np.tile(np.arange(size), len(numbers))
    return Panel(customer, np.repeat(numbers, size), np.ones(len(customer), bool), outcome)


def test_a_series_covers_a_planted_step_in_at_least_90_of_100_companies() -> None:
    found = [interrupted_series(series(s, effect=0.05), confidence=0.95, year=365 / 30) for s in range(100)]
    assert sum(e.low <= 0.05 <= e.high for e in found) >= 90


def test_a_quiet_series_is_called_significant_in_at_most_10_of_100_companies() -> None:
    found = [interrupted_series(series(s, effect=0.0), confidence=0.95, year=365 / 30) for s in range(100, 200)]
    assert sum(e.is_found for e in found) <= 10


def test_periods_end_before_the_announcement_and_begin_at_the_start() -> None:
    found = periods_around(announced=95, start=100, first=0, last=131, length=10, most_before=4, most_after=9)
    assert found.starts.tolist() == [55, 65, 75, 85, 100, 110, 120]
    assert (found.n_before, found.n_after) == (4, 3)
    none = periods_around(announced=5, start=5, first=0, last=9, length=10, most_before=4, most_after=9)
    assert (none.n_before, none.n_after) == (0, 0)


def test_customers_of_different_buckets_are_different() -> None:
    part = company(1, effect=0.0, n=50)
    whole = joined([part, part])
    assert len(np.unique(whole.customer)) == 2 * len(np.unique(part.customer))
