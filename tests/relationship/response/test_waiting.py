from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from churnml.relationship.response.questions import Questions, backlog, questions_by, questions_in
from churnml.relationship.response.waiting import waiting
from churnml.relationship.tickets import HOUR_US
from churnml.timeline import DAY_US

ROWS = st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=50)


@given(ROWS, st.integers(0, 60))
def test_quantiles_and_share_are_those_of_another_library(rows: list[tuple[int, bool]], standard: int) -> None:
    durations, ended = (np.array(column) for column in zip(*rows, strict=True))
    found = waiting(durations.astype(float), ended, standard=float(standard))
    other = SurvfuncRight(durations, ended.astype(int))
    for key, share in (("p50", 0.5), ("p90", 0.9)):
        reached = [t for t, left in zip(other.surv_times, other.surv_prob, strict=True) if left <= 1 - share + 1e-9]
        assert found[key] == (min(reached) if reached else None)
    if found["within"] is not None:
        before = [p for t, p in zip(other.surv_times, other.surv_prob, strict=True) if t <= standard]
        assert found["within"] == pytest.approx(1 - (before[-1] if before else 1), abs=1e-6)
    assert found["ended"] + found["open"] == found["n"] == len(rows)


def test_without_open_ones_it_is_the_share_that_was_counted() -> None:
    found = waiting(np.array([1.0, 2, 2, 5, 9]), np.ones(5, dtype=bool), standard=2.0)
    assert (found["p50"], found["p90"], found["within"], found["late"]) == (2.0, 9.0, 0.6, 2)


def test_an_open_one_is_no_fast_one() -> None:
    """Nine quick answers and thirty that are not answered: leaving those out would say that all is well."""
    durations, ended = np.array([1.0] * 9 + [100.0] * 30), np.array([True] * 9 + [False] * 30)
    found = waiting(durations, ended, standard=48.0)
    assert (found["p50"], found["overdue"], found["within"]) == (None, 30, pytest.approx(9 / 39, abs=1e-6))


def test_of_nobody_and_of_a_time_nobody_has_reached_nothing_is_said() -> None:
    assert waiting(np.array([]), np.array([], dtype=bool), standard=1.0)["within"] is None
    assert waiting(np.array([1.0]), np.array([False]), standard=5.0)["within"] is None


@pytest.fixture
def questions() -> Questions:
    """Opened on day 1, 2 and 3; answered after 12 h, after 3 days, never."""
    opened = np.array([1, 2, 3]) * DAY_US
    closed = np.array([opened[0] + 12 * HOUR_US, opened[1] + 3 * DAY_US, np.iinfo(np.int64).max])
    return Questions(opened, closed, {"topic": np.array(["bill", "", "bill"], dtype=object)})


def test_the_backlog_of_each_day_counts_what_was_open_before(questions: Questions) -> None:
    days = backlog(questions, first=2 * DAY_US, until=6 * DAY_US, standard_hours=24)
    assert [(day["opened"], day["answered"], day["open"], day["overdue"]) for day in days] == [
        (1, 0, 2, 0), (0, 0, 2, 1), (0, 1, 1, 1), (0, 0, 1, 1),
    ]  # fmt: skip


def test_the_event_begins_after_its_start_and_ends_at_its_end(questions: Questions) -> None:
    rule = {"at": 10 * DAY_US, "standard_hours": 24}
    assert questions_in(questions, first=DAY_US, until=3 * DAY_US, **rule)["n"] == 2
    assert questions_in(questions, first=DAY_US - 1, until=3 * DAY_US - 1, **rule)["n"] == 2
    rows = questions_by(questions, first=0, until=9 * DAY_US, **rule)["topic"]
    assert [(row["level"], row["n"], row["open"], row["p50"]) for row in rows] == [
        ("bill", 2, 1, 12.0),
        (None, 1, 0, 72.0),
    ]


def test_what_was_answered_later_is_open(questions: Questions) -> None:
    found = questions_in(questions, first=0, until=3 * DAY_US, at=3 * DAY_US, standard_hours=24)
    assert (found["ended"], found["open"], found["overdue"]) == (1, 2, 0)
