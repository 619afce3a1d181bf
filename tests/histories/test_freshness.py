from __future__ import annotations

from pathlib import Path

import pytest

from churnml.config import Params
from churnml.errors import DataError
from churnml.flow.freshness import require_fresh
from churnml.flow.raw import read_histories
from churnml.histories.freshness import Freshness, freshness_of
from churnml.histories.store import History

ORDERS = {"kind": "events", "file": "orders.csv", "id": "id", "time": "at"}
VISITS = {"kind": "events", "file": "visits.csv", "id": "id", "time": "seen"}


def history(folder: Path, *, visits_until: int, as_of: str = "2024-03-31", **visits: object) -> tuple[Params, History]:
    """Return histories of a daily table of orders, and of a daily table of visits that may end earlier."""
    (folder / "raw").mkdir()
    days = [f"2024-{1 + day // 30:02d}-{1 + day % 30:02d}" for day in range(90) if day not in (58, 59)]
    lines = {"orders": ("at", days), "visits": ("seen", days[:visits_until])}
    for name, (column, kept) in lines.items():
        rows = [f"C{i},{day}T15:00" for day in kept for i in range(3)]
        (folder / "raw" / f"{name}.csv").write_text("\n".join([f"id,{column}", *rows, ""]), encoding="utf-8")
    tables = {"orders": ORDERS, "visits": VISITS | visits}
    churn = {"definition": "inactivity", "table": "orders"}
    params = Params.model_validate({"histories": {"folder": "raw", "as_of": as_of, "tables": tables}, "churn": churn})
    return params, read_histories(params, root=folder, target=folder / "prepared")


def visits_of(found: list[Freshness]) -> Freshness:
    return next(table for table in found if table.table == "visits")


def test_age_counts_the_days_without_a_row(tmp_path: Path) -> None:
    _, read = history(tmp_path, visits_until=78)
    found = visits_of(freshness_of(read, {}))
    assert (found.newest, found.age_days, found.is_stale, found.is_silent) == ("2024-03-20", 10.0, False, True)


def test_where_the_hour_decides_the_row_is_looked_at(tmp_path: Path) -> None:
    _, read = history(tmp_path, visits_until=88)
    # The newest visit was at 15:00 of the day before.
    assert not visits_of(freshness_of(read, {"visits": 0.375})).is_stale
    assert visits_of(freshness_of(read, {"visits": 0.374})).is_stale


def test_a_table_as_regular_as_ever_is_not_silent(tmp_path: Path) -> None:
    _, read = history(tmp_path, visits_until=86)
    assert not visits_of(freshness_of(read, {})).is_silent


def test_a_stale_table_stops_and_says_how_old_it_is(tmp_path: Path) -> None:
    params, read = history(tmp_path, visits_until=78, max_age_days=3)
    with pytest.raises(DataError, match=r"visits.csv: seen: table visits: the newest row is 10.0 days old") as caught:
        require_fresh(params, read)
    assert (caught.value.exit_code, caught.value.rule) == (3, "data.stale")


def test_a_stale_table_may_be_marked_instead(tmp_path: Path) -> None:
    params, read = history(tmp_path, visits_until=78, max_age_days=3)
    marking = params.monitoring.model_copy(update={"when_stale": "mark"})
    assert visits_of(require_fresh(params.model_copy(update={"monitoring": marking}), read)).is_stale
