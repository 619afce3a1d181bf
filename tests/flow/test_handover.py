"""Changes of account owner in raw files, counted again by a plain look at them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from page_reader import PageReader

from churnml.config import Params, load_params
from churnml.exports.causes_page import causes_page
from churnml.flow.handover import handed_over, handed_rows, owner_column
from churnml.flow.raw import read_histories
from churnml.histories.store import History

NOW = datetime(2024, 6, 30, tzinfo=UTC)
DAYS, HORIZON, ACTIVE = timedelta(days=120), timedelta(days=30), timedelta(days=90)
START = NOW - timedelta(days=900)
PARAMS = """
histories:
  folder: data/raw
  as_of: "2024-06-30"
  currency: EUR
  tables:
    customers: {kind: customers, file: customers.csv, id: id}
    orders: {kind: events, file: orders.csv, id: id, time: at}
    OWNERS
churn: {definition: inactivity, table: orders, horizon_days: 30, active_within_days: 90}
causes: {handover_days: 120}
"""
SPELLS = "assignments: {kind: spells, file: owners.csv, id: id, start: since, end: until, categories: [owner]}"
EVENTS = "assignments: {kind: events, file: owners.csv, id: id, time: since, categories: [owner]}"
NO_OWNERS = "visits: {kind: events, file: orders.csv, id: id, time: at}"
Company = tuple[dict[str, list[datetime]], dict[str, list[tuple[datetime, datetime | None, str]]]]


def company() -> Company:
    """Return orders and assignments of some customers: those of the owner who leaves buy less afterwards."""
    rng = np.random.default_rng(5)
    orders, owners = {}, {}
    for k in range(160):
        name = f"c{k:03}"
        owner, after = ("Ann", "Bo") if k < 60 else (f"old{k % 2}", "Cy")
        handed = START + timedelta(days=int(rng.integers(60, 880))) if k < 90 else None
        first = [(START, handed, owner)]
        owners[name] = first + ([] if handed is None or k % 7 == 0 else [(handed, None, after)])
        end = handed + timedelta(days=int(rng.integers(0, 200))) if handed and k < 40 else NOW
        gaps = np.cumsum(rng.integers(3, 32, 120)).tolist()
        orders[name] = [at for gap in gaps if (at := START + timedelta(days=gap)) <= min(end, NOW)]
    return orders, owners


def prepared(folder: Path, table: str, made: Company) -> tuple[Params, History]:
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True)
    orders, owners = made
    (folder / "params.yaml").write_text(PARAMS.replace("OWNERS", table), "utf-8")
    (raw / "customers.csv").write_text("id\n" + "\n".join(orders) + "\n", "utf-8")
    lines = [f"{name},{at:%Y-%m-%d}" for name, times in orders.items() for at in times]
    (raw / "orders.csv").write_text("id,at\n" + "\n".join(lines) + "\n", "utf-8")
    lines = [
        f"{name},{since:%Y-%m-%d},{until:%Y-%m-%d},{owner}" if until else f"{name},{since:%Y-%m-%d},,{owner}"
        for name, times in owners.items()
        for since, until, owner in times
    ]
    (raw / "owners.csv").write_text("id,since,until,owner\n" + "\n".join(lines) + "\n", "utf-8")
    params = load_params(folder / "params.yaml")
    return params, read_histories(params, root=folder, target=folder / "store")


def scores(made: Company) -> pa.Table:
    n = len(made[0])
    return pa.table({"customer_id": list(made[0]), "p_churn": [0.25] * n, "value_at_risk": [2.0] * n})


def lost_within(times: list[datetime], at: datetime) -> bool:
    """Return whether a silence became a horizon long in the days after an instant."""
    following = [*times[1:], datetime.max.replace(tzinfo=UTC)]
    since = [t + HORIZON for t, after in zip(times, following, strict=True) if after > t + HORIZON]
    return any(at < each <= min(at + DAYS, NOW) for each in since)


def was_active(times: list[datetime], at: datetime) -> bool:
    return any(at - ACTIVE < t <= at for t in times)


def wanted(made: Company, *, with_ends: bool) -> tuple[dict[str, datetime], list[bool]]:
    """Return who is at risk by a change, and the outcomes of those followed."""
    now, outcomes = {}, []
    for name, times in made[1].items():
        changes = [until for _, until, _ in times if until is not None]
        if len(times) == 1 and not with_ends:
            changes = []
        for at in changes:
            if not was_active(made[0][name], at):
                continue
            if at > NOW - DAYS and was_active(made[0][name], NOW):
                now[name] = at
            if NOW - timedelta(days=730) - DAYS < at <= NOW - DAYS:
                outcomes.append(lost_within(made[0][name], at))
    return now, outcomes


@pytest.mark.parametrize(("table", "with_ends"), [(SPELLS, True), (EVENTS, False)])
def test_every_figure_is_that_of_the_raw_rows(table: str, with_ends: bool, tmp_path: Path) -> None:
    made = company()
    params, history = prepared(tmp_path, table, made)
    found, handed = handed_over(params, history, scores(made))
    now, outcomes = wanted(made, with_ends=with_ends)
    rows = handed_rows(handed, as_of=history.as_of).to_pylist()
    assert {row["customer_id"]: row["handed_over_on"] for row in rows} == {
        name: at.date().isoformat() for name, at in now.items()
    }
    assert [row["days"] for row in rows] == sorted((NOW - at).days for at in now.values())
    assert found is not None
    assert (found["at_risk"], found["value_at_risk"]) == (len(now), 2.0 * len(now))
    assert (found["all"]["followed"], found["all"]["lost"]) == (len(outcomes), sum(outcomes))
    for name in ("at_risk", "followed", "lost"):
        assert sum(row[name] for row in found["by_owner"]) == {**found, **found["all"]}[name]
    (ann,) = (row for row in found["by_owner"] if row["owner"] == "Ann")
    assert ann["has_left"] is with_ends  # without ends, those to whom nobody followed are still Ann's


def test_those_who_kept_their_owner_are_followed_over_as_many_days(tmp_path: Path) -> None:
    made = company()
    params, history = prepared(tmp_path, SPELLS, made)
    found, _ = handed_over(params, history, scores(made))
    outcomes: list[bool] = []
    for step in range(1, 8):
        date = NOW - step * DAYS
        if date <= NOW - timedelta(days=730) - DAYS:
            break
        for name, times in made[1].items():
            changed = [until for _, until, _ in times if until is not None and date - DAYS < until <= date + DAYS]
            has_owner = any(since <= date and (until is None or until > date) for since, until, _ in times)
            if has_owner and not changed and was_active(made[0][name], date):
                outcomes.append(lost_within(made[0][name], date))
    assert found is not None
    assert (found["others"]["followed"], found["others"]["lost"]) == (len(outcomes), sum(outcomes))
    assert found["all"]["share"] > found["others"]["share"]


def test_without_a_history_of_owners_the_page_says_what_is_missing(tmp_path: Path) -> None:
    made = company()
    params, history = prepared(tmp_path, NO_OWNERS, made)
    assert owner_column(params, history) is None
    assert handed_over(params, history, scores(made)) == (None, [])


@pytest.fixture
def told(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "reports/causes.json").read_text(encoding="utf-8"))


def test_the_page_tells_of_changes_in_both_languages(told: dict[str, Any], tmp_path: Path) -> None:
    assert told["handover"] is None
    assert "No table tells who looked after whom" in PageReader(causes_page(told)).text
    made = company()
    params, history = prepared(tmp_path, SPELLS, made)
    found, _ = handed_over(params, history, scores(made))
    page = PageReader(causes_page({**told, "handover": found})).text
    assert found is not None
    assert f"{found['at_risk']} customers who may still leave" in page
    assert "客户负责人变更" in page
