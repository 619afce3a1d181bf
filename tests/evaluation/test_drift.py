from __future__ import annotations

import numpy as np
import pytest

from churnml.estimators.reference import Profile, ProfileCounts, profile_of
from churnml.evaluation.drift import DriftLimits, Moved, moved_columns
from churnml.timeline import DAY_US

N_DATES = 12
AS_OF = 420 * DAY_US


def reference(rng: np.random.Generator, n_customers: int, *, trend: float = 0.0, n_dates: int = N_DATES) -> Profile:
    """Return the profile of two columns of the same customers at monthly dates; the first one rises by the month."""
    dates = np.repeat(np.arange(n_dates), n_customers)
    own = np.tile(rng.normal(size=n_customers), n_dates)
    matrix = np.column_stack([own + trend * dates, own + rng.normal(size=len(dates))]).astype(np.float32)
    customers = np.tile(np.arange(n_customers), n_dates)
    return profile_of(matrix, ["a", "b"], categorical=[], dates=dates * 30 * DAY_US, customers=customers)


def moved(profile: Profile, *columns: np.ndarray, **options: object) -> dict[str, Moved]:
    counts = ProfileCounts(profile)
    counts.add(np.column_stack(columns).astype(np.float32))
    return {one.name: one for one in moved_columns(profile, counts.counts, as_of=AS_OF, **options)}


@pytest.mark.parametrize("n_customers", [100, 300, 3000])
def test_other_customers_of_the_same_kind_raise_no_alarm(n_customers: int) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        found = moved(reference(rng, n_customers), rng.normal(size=n_customers), 1.41 * rng.normal(size=n_customers))
        assert {one.state for one in found.values()} <= {"steady", "usual"}, seed


def test_a_column_a_hundred_times_as_large_is_an_alarm() -> None:
    rng = np.random.default_rng(1)
    found = moved(reference(rng, 500), 100 * rng.normal(size=500) + 50, 1.41 * rng.normal(size=500))
    assert (found["a"].state, found["b"].state) == ("alarm", "steady")
    assert list(found) == ["a", "b"]


def test_a_column_that_has_gone_missing_is_an_alarm() -> None:
    rng = np.random.default_rng(1)
    found = moved(reference(rng, 500), rng.normal(size=500), np.full(500, np.nan))["b"]
    assert found.state == "alarm"
    assert (found.missing_then, found.missing_now, found.now) == (0.0, 1.0, 1.0)


def test_what_rises_steadily_may_go_on_rising() -> None:
    rng = np.random.default_rng(1)
    profile = reference(rng, 500, trend=0.08)
    assert moved(profile, rng.normal(size=500) + 14 * 0.08, np.zeros(500))["a"].state == "usual"
    assert moved(profile, rng.normal(size=500) + 60 * 0.08, np.zeros(500))["a"].state == "alarm"


def test_of_a_reference_without_a_year_more_is_allowed() -> None:
    rng = np.random.default_rng(1)
    shifted = rng.normal(size=2000) + 0.6
    assert moved(reference(rng, 2000), shifted, np.zeros(2000))["a"].state == "alarm"
    assert moved(reference(rng, 2000, n_dates=3), shifted, np.zeros(2000))["a"].state == "usual"


def test_a_column_led_by_others_never_alarms() -> None:
    rng = np.random.default_rng(1)
    assert moved(reference(rng, 500), np.full(500, 9.0), np.zeros(500), led={"a"})["a"].state == "usual"


def test_few_rows_say_nothing() -> None:
    rng = np.random.default_rng(1)
    assert moved(reference(rng, 500), np.full(99, 9.0), np.zeros(99), limits=DriftLimits(min_rows=100)) == {}
