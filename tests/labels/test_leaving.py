from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.histories.bucket import Bucket
from churnml.labels.leaving import leaving_labels

T = AS_OF - 60 * DAY
HORIZON = 30 * DAY


def label_of(
    orders: list[int], visits: list[int], *, t: int = T, tables: tuple[str, ...] = ("orders", "visits")
) -> int:
    rows = {
        "orders": ("events", [{"id": "a", "occurred_at": T - 300 * DAY}] + [_row(day) for day in orders]),
        "visits": ("events", [{"id": "a", "occurred_at": T - 300 * DAY}] + [_row(day) for day in visits]),
    }
    bucket = Bucket(memory_history(AS_OF, rows), 0)
    given = {"horizon_us": HORIZON, "settled_until": AS_OF}
    return int(leaving_labels(bucket, tables, np.array([0]), np.array([t]), **given)[0])


def _row(day: int) -> dict[str, object]:
    return {"id": "a", "occurred_at": T + day * DAY}


@pytest.mark.parametrize(
    ("orders", "visits", "expected"),
    [
        ([], [], 0),  # gone before
        ([10], [], 1),
        ([], [30], 1),  # the edge of the horizon is within
        ([10], [31], 0),  # still there
        ([10], [60], 0),
        ([31], [], 0),  # a pause
    ],
)
def test_who_was_there_and_then_silent_everywhere_has_left(orders: list[int], visits: list[int], expected: int) -> None:
    assert label_of(orders, visits) == expected


def test_only_the_named_tables_are_signs_of_life() -> None:
    assert label_of([10], [40], tables=("orders",)) == 1


def test_two_horizons_must_have_passed() -> None:
    assert label_of([10], [], t=T + 1) == -1
