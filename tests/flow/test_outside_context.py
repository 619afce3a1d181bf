"""Figures of the market by the time they were published, as raw files give them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from churnml.config import load_params
from churnml.features.calendar import calendar_features
from churnml.features.plan import FeaturePlan
from churnml.flow.raw import read_histories
from churnml.histories.bucket import Bucket

PARAMS = """
histories:
  folder: data/raw
  as_of: "2024-12-31"
  tables:
    customers: {kind: customers, file: customers.csv, id: id}
    orders: {kind: events, file: orders.csv, id: id, time: at}
    macro: {kind: calendar, file: macro.csv, time: month, known_at: published, type: series, value: figure}
churn: {definition: inactivity, table: orders, horizon_days: 30, active_within_days: 90}
"""
JULY, JULY_REVISED, AUGUST, AUGUST_REVISED = (
    "2024-07-01,2024-08-10,prices,103.4",
    "2024-07-01,2024-10-01,prices,101.0",
    "2024-08-01,2024-09-05,prices,99.9",
    "2024-08-01,2024-09-20,prices,100.7",
)
OTHER = "2024-09-01,2024-09-02,jobs,7"
SEEN = (
    ("2024-08-09T23:59", None),
    ("2024-08-10", 103.4),  # published at this very instant
    ("2024-09-04", 103.4),
    ("2024-09-05", 99.9),
    ("2024-09-19", 99.9),
    ("2024-09-20", 100.7),  # the revised figure, from when it was published
    ("2024-10-02", 100.7),  # a revision of an older month does not take the place of a newer one
)


def figures(folder: Path, *rows: str) -> list[float | None]:
    """Return the figure of prices that each date of :data:`SEEN` is given."""
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True)
    (folder / "params.yaml").write_text(PARAMS, "utf-8")
    (raw / "customers.csv").write_text("id\na\n", "utf-8")
    (raw / "orders.csv").write_text("id,at\n" + "".join(f"a,2024-{m:02}-05\n" for m in range(1, 13)), "utf-8")
    (raw / "macro.csv").write_text("month,published,series,figure\n" + "\n".join(rows) + "\n", "utf-8")
    history = read_histories(load_params(folder / "params.yaml"), root=folder, target=folder / "store")
    bucket = Bucket(history, 0)
    instants = (datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() for day, _ in SEEN)
    dates = np.array([int(at * 1e6) for at in instants], dtype=np.int64)
    plan, nobody_else = FeaturePlan((90,), {"macro.type": ("jobs", "prices")}), np.zeros(len(SEEN), dtype=np.int64)
    found = calendar_features(bucket, bucket, history, history.tables["macro"], plan, nobody_else, dates)
    return [None if np.isnan(value) else round(float(value), 4) for value in found.values["macro_prices_last"]]


@pytest.mark.parametrize(
    "rows",
    [
        (JULY, JULY_REVISED, AUGUST, AUGUST_REVISED, OTHER),
        (OTHER, AUGUST_REVISED, AUGUST, JULY_REVISED, JULY),
    ],
)
def test_a_figure_counts_from_its_publication_and_a_revised_one_from_its_own(
    rows: tuple[str, ...], tmp_path: Path
) -> None:
    assert figures(tmp_path, *rows) == [value for _, value in SEEN]


def test_what_is_published_later_changes_no_figure_before(tmp_path: Path) -> None:
    without = figures(tmp_path / "without", JULY, AUGUST, OTHER)
    assert without[:5] == [value for _, value in SEEN[:5]]
    assert without[5:] == [99.9, 99.9]
