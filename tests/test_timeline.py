from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.errors import ConfigError
from churnml.timeline import (
    DAY_US,
    NEVER,
    OutcomeWindow,
    days_to_us,
    observation_grid,
    parse_instant,
    us_to_date,
    us_to_iso,
)

HOUR_US = DAY_US // 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: (moment - EPOCH) // timedelta(microseconds=1)
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai", "Asia/Kathmandu"])


def at(text: str, zone: str = "UTC") -> int:
    return parse_instant(text, timezone=zone)


@pytest.mark.parametrize(("days", "us"), [(1, DAY_US), (0, 0), (0.5, DAY_US // 2), (-2, -2 * DAY_US), (1e-11, 1)])
def test_days_in_microseconds(days: float, us: int) -> None:
    assert days_to_us(days) == us
    assert isinstance(days_to_us(days), int)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.000001", 1),
        ("1969-12-31T23:59:59.999999", -1),
        ("1969-12-31", -DAY_US),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 01:00", HOUR_US),
        (date(1970, 1, 2), DAY_US),
        (datetime(1970, 1, 1, 1), HOUR_US),  # noqa: DTZ001
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
    ],
)
def test_instants_are_counted_from_the_epoch(text: str | date, us: int) -> None:
    assert parse_instant(text, timezone="UTC") == us


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2024-07-01", "Europe/Berlin", "2024-06-30T22:00"),
        ("2024-01-01", "Europe/Berlin", "2023-12-31T23:00"),
        ("2024-01-01", "Asia/Shanghai", "2023-12-31T16:00"),
        ("2024-03-31T01:59:59.999999", "Europe/Berlin", "2024-03-31T00:59:59.999999"),
        ("2024-03-31T03:00", "Europe/Berlin", "2024-03-31T01:00"),
        ("2024-03-31T02:30", "Europe/Berlin", "2024-03-31T01:30"),  # skipped by the clock change
        ("2024-10-27T02:30", "Europe/Berlin", "2024-10-27T00:30"),  # comes twice: the first
        ("2024-10-27T02:30+01:00", "Europe/Berlin", "2024-10-27T01:30"),
        ("1945-05-01T12:00", "Europe/Berlin", "1945-05-01T10:00"),
    ],
)
def test_local_times_follow_the_clock_of_their_zone(text: str, zone: str, utc: str) -> None:
    assert at(text, zone) == at(utc)


@pytest.mark.parametrize("text", ["", "30.06.2024", "06/30/2024", "2024-13-01", "2024-02-30", "yesterday", "2024"])
def test_other_spellings_are_refused_unquoted(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^not an ISO date or time\. Write it as 2024-06-30 or"):
        at(text)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01"),
        (-DAY_US, "1969-12-31"),
        (HOUR_US, "1970-01-01T01:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (np.int64(DAY_US), "1970-01-02"),
    ],
)
def test_instants_are_written_as_short_as_they_are_exact(instant: int, text: str) -> None:
    assert us_to_iso(instant) == text


@given(instant=INSTANTS, zone=ZONES)
def test_what_is_written_is_read_back(instant: int, zone: str) -> None:
    text = us_to_iso(instant)
    assert parse_instant(text, timezone="UTC" if "T" not in text else zone) == instant


@given(instant=INSTANTS, zone=ZONES)
def test_day_holds_its_instant(instant: int, zone: str) -> None:
    day = us_to_date(instant, timezone=zone)
    assert parse_instant(day, timezone=zone) <= instant < parse_instant(day + timedelta(days=1), timezone=zone)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2024-06-30T22:00", "Europe/Berlin", date(2024, 7, 1)),
        ("2024-06-30T21:59:59.999999", "Europe/Berlin", date(2024, 6, 30)),
        ("2024-06-30", "America/Los_Angeles", date(2024, 6, 29)),
        ("1969-12-31T23:59", "UTC", date(1969, 12, 31)),
    ],
)
def test_day_of_an_instant(instant: str, zone: str, day: date) -> None:
    assert us_to_date(at(instant), timezone=zone) == day


def test_day_is_that_of_utc_by_default() -> None:
    assert us_to_date(DAY_US - 1) == date(1970, 1, 1)


def test_never_is_later_than_every_date() -> None:
    assert at("2199-12-31") < NEVER


WINDOW = OutcomeWindow.of_days(horizon_days=30, lead_days=7, grace_days=3)


def test_window_is_measured_in_days() -> None:
    assert OutcomeWindow(30 * DAY_US, 7 * DAY_US, 3 * DAY_US) == WINDOW
    assert OutcomeWindow.of_days(horizon_days=30) == OutcomeWindow(30 * DAY_US)
    assert WINDOW.reach_us == 40 * DAY_US


def test_outcome_lies_after_the_lead_and_up_to_the_horizon() -> None:
    t = np.array([0, 5], dtype=np.int64)
    assert WINDOW.opens(t).tolist() == [7 * DAY_US, 7 * DAY_US + 5]
    assert WINDOW.closes(t).tolist() == [37 * DAY_US, 37 * DAY_US + 5]


@pytest.mark.parametrize(("offset", "is_settled"), [(-1, True), (0, True), (1, False)])
def test_outcome_is_settled_to_the_microsecond(offset: int, is_settled: bool) -> None:
    as_of = 1_000 * DAY_US
    t = np.array([as_of - WINDOW.reach_us + offset], dtype=np.int64)
    assert WINDOW.is_settled(t, as_of=as_of).tolist() == [is_settled]
    assert (t[0] <= WINDOW.last_settled(as_of=as_of)) == is_settled


@pytest.mark.parametrize(
    ("oldest", "grid"),
    [
        (40, [40, 70, 100]),
        (41, [70, 100]),
        (100, [100]),
        (101, []),
        (-1_000, [10, 40, 70, 100]),
    ],
)
def test_grid_steps_back_from_the_newest_date(oldest: int, grid: list[int]) -> None:
    found = observation_grid(newest=100, every_us=30, count=4, oldest=oldest)
    assert found.tolist() == grid
    assert found.dtype == np.int64


def test_grid_of_no_dates_is_empty() -> None:
    assert observation_grid(newest=100, every_us=30, count=0, oldest=0).tolist() == []


@given(
    newest=st.integers(-(10**15), 10**15),
    every=st.integers(1, 400).map(lambda days: days * DAY_US),
    count=st.integers(1, 60),
    back=st.integers(0, 10**16),
)
def test_grid_is_even_ascending_and_in_bounds(newest: int, every: int, count: int, back: int) -> None:
    grid = observation_grid(newest=newest, every_us=every, count=count, oldest=newest - back)
    assert grid[-1] == newest
    assert 1 <= len(grid) <= count
    assert grid[0] >= newest - back
    assert set(np.diff(grid)) <= {every}
