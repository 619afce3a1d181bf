"""Renewal processes and the clock under them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.simulation.arrivals import arrivals
from churnml.simulation.clock import Clock

CLOCK = Clock.before("2024-06-30", months=12)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@given(seed=st.integers(0, 2**32), intensity=st.lists(st.sampled_from([0.0, 0.2, 3.0]), min_size=4, max_size=12))
def test_events_are_sorted_and_fall_only_where_there_is_intensity(seed, intensity):
    pace = np.array([intensity, intensity[::-1], [0.0] * len(intensity)])
    drawn = arrivals(generator(seed), pace, silence_at=len(intensity))
    order = np.lexsort((drawn.position, drawn.who))
    assert (order == np.arange(len(order))).all()
    assert (pace[drawn.who, drawn.position.astype(int)] > 0).all()
    assert (drawn.silence >= 0).all()


@pytest.mark.parametrize("shape", [1, 4])
def test_as_many_events_as_expected_and_gaps_as_regular_as_asked(shape):
    drawn = arrivals(generator(), np.full((500, 100), 0.4), silence_at=100, shape=np.full(500, shape))
    assert len(drawn.who) == pytest.approx(500 * 40, rel=0.03)
    gaps = np.diff(drawn.position)[np.diff(drawn.who) == 0]
    assert gaps.std() / gaps.mean() == pytest.approx(shape**-0.5, rel=0.05)


def test_silence_is_the_expected_number_of_events_since_the_last_one():
    drawn = arrivals(generator(), np.full((50, 60), 0.5), silence_at=30)
    for customer in range(50):
        before = drawn.position[(drawn.who == customer) & (drawn.position <= 30)]
        since = 30 - (before[-1] if len(before) else 0.0)
        assert drawn.silence[customer] == pytest.approx(0.5 * since)


def test_a_head_start_brings_the_first_event_forward():
    pace, n = np.full((2000, 40), 0.1), 2000
    late = arrivals(generator(), pace, silence_at=0, shape=np.full(n, 4))
    early = arrivals(generator(), pace, silence_at=0, shape=np.full(n, 4), head_start=np.full(n, 0.9))
    assert (early.position < 5).sum() > 2 * (late.position < 5).sum()


@given(st.lists(st.floats(0, 36, exclude_max=True), min_size=1, max_size=40))
def test_placing_keeps_the_order_and_the_step(positions):
    positions = np.sort(np.array(positions))
    instants = CLOCK.place(positions)
    assert (np.diff(instants) >= 0).all()
    steps = np.floor(positions)
    assert ((instants - CLOCK.start_us) // (CLOCK.at_step(1) - CLOCK.start_us) == steps).all()
    assert (instants % 1_000_000 == 0).all()
    assert instants.max() < CLOCK.end_us


def test_the_window_ends_at_the_first_instant_of_its_date():
    assert np.datetime64(CLOCK.end_us, "us") == np.datetime64("2024-06-30")
    assert CLOCK.end_us - CLOCK.start_us == 360 * 86_400_000_000
