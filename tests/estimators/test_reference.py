from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churnml.estimators.reference import Profile, ProfileCounts, profile_of

VALUES = arrays(np.float32, st.integers(20, 200), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan))


def profile(values: np.ndarray, **changes: object) -> Profile:
    n = len(values)
    given = {"categorical": [], "dates": np.zeros(n, dtype=np.int64), "customers": np.arange(n)}
    matrix = np.asarray(values, dtype=np.float32).reshape(n, -1)
    return profile_of(matrix, [f"x{i}" for i in range(matrix.shape[1])], **given | changes)


@given(VALUES)
def test_counting_the_same_rows_gives_the_profiles_own_counts(values: np.ndarray) -> None:
    found = profile(values)
    counts = ProfileCounts(found)
    counts.add(values[:7, None])
    counts.add(values[7:, None])
    assert counts.counts["x0"].tolist() == list(found.columns["x0"].counts)
    assert counts.n_rows == sum(found.columns["x0"].counts) == len(values)


def test_missing_has_a_bin_of_its_own() -> None:
    values = np.where(np.arange(100) < 30, np.nan, np.arange(100.0))
    assert profile(values).columns["x0"].counts[-1] == 30


def test_numbers_fall_into_tenths() -> None:
    counts = profile(np.random.default_rng(0).random(5000)).columns["x0"].counts
    assert np.all(np.abs(np.array(counts[:-1]) - 500) < 60)


def test_edges_are_no_values_of_anybody() -> None:
    edges = profile(np.random.default_rng(0).random(500) * 1e4).columns["x0"].edges
    assert all(float(f"{edge:.3g}") == edge for edge in edges)


def test_few_customers_have_few_bins() -> None:
    assert len(profile(np.arange(45.0)).columns["x0"].edges) == 1


def test_rare_levels_share_a_bin() -> None:
    levels = np.repeat([0.0, 1.0, 2.0, 3.0], [60, 30, 6, 4])
    found = profile(np.append(levels, np.nan), categorical=[0]).columns["x0"]
    assert found.counts == (60, 30, 10, 1)


def test_what_differs_between_dates_is_usual_movement() -> None:
    rng, dates = np.random.default_rng(0), np.repeat(np.arange(4), 500)
    values = np.column_stack([rng.normal(size=2000), rng.normal(size=2000) + dates])
    found = profile(values, dates=dates).columns
    assert found["x0"].usual < 0.05 < 0.5 < found["x1"].usual


def test_written_and_read_it_is_the_same() -> None:
    n, names = 300, ["b", "a", "c"]
    numbers = np.arange(n)
    found = profile_of(
        np.random.default_rng(0).random((n, 3), dtype=np.float32),
        names,
        categorical=[1],
        dates=numbers,
        customers=numbers,
    )
    read = Profile.from_json(json.loads(json.dumps(found.to_json(), sort_keys=True)))
    assert read == found
    assert list(read.columns) == ["b", "a", "c"]


@pytest.mark.parametrize("order", [1, 2])
def test_order_of_the_rows_does_not_matter(order: int) -> None:
    rng = np.random.default_rng(order)
    values, dates, customers = rng.random((400, 2)), rng.integers(0, 3, 400), rng.integers(0, 90, 400)
    rows = rng.permutation(400)
    moved = profile(values[rows], dates=dates[rows], customers=customers[rows])
    assert moved == profile(values, dates=dates, customers=customers)
