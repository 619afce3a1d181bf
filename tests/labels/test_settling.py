from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.histories.bucket import Bucket
from churnml.labels.settling import delay_counts, settle_days


def measured(kind: str, rows: list[dict], *, longest_days: int = 60) -> int:
    history = memory_history(AS_OF, {"rows": (kind, [{"id": f"c{i % 7}", **row} for i, row in enumerate(rows)])})
    parts = delay_counts(Bucket(history, 0), history.tables["rows"], as_of=AS_OF, longest_days=longest_days)
    return settle_days([parts, np.zeros_like(parts)])


def orders(delays: list[float], *, age_days: int = 200) -> list[dict]:
    times = [AS_OF - age_days * DAY + n for n in range(len(delays))]
    return [{"occurred_at": t, "known_at": t + round(d * DAY)} for t, d in zip(times, delays, strict=True)]


@pytest.mark.parametrize(
    ("delays", "days"),
    [
        ([0] * 95 + [30] * 5, 0),
        ([0] * 94 + [4.5] * 6, 5),
        ([3] * 200, 3),
        ([0] * 50 + [300] * 50, 60),
        ([], 0),
    ],
)
def test_an_outcome_settles_once_95_percent_of_the_rows_are_known(delays: list[float], days: int) -> None:
    assert measured("events", orders(delays)) == days


def test_rows_too_young_to_be_late_do_not_hide_the_delay() -> None:
    assert measured("events", [*orders([10] * 100), *orders([0] * 5000, age_days=20)]) == 10


def test_what_was_loaded_in_one_go_long_ago_does_not_count() -> None:
    assert measured("events", [*orders([400] * 900, age_days=900), *orders([2] * 100)]) == 2


def test_ends_that_come_in_late_decide_for_spells() -> None:
    start, end = AS_OF - 200 * DAY, AS_OF - 100 * DAY
    rows = []
    for n in range(120):
        known = end + n + 7 * DAY
        rows += [{"started_at": start, "ended_at": None, "known_at": start, "superseded_at": known}]
        rows += [{"started_at": start, "ended_at": end + n, "known_at": known}]
    assert measured("spells", rows) == 7
