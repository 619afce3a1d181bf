from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY, WINDOWS, Company, random_company
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import features as oracle

from churnml.features.build import build_features
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
PLAN = FeaturePlan(WINDOWS, {"orders.channel": ("web", "shop"), "changes.type": ("outage",)})


def every_feature(history: History, dates: tuple[int, ...] = DATES) -> dict[tuple[str, int], dict[str, object]]:
    """Return features by (customer, date)."""
    found = {}
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        names = [name for name in bucket.customers.to_pylist() for _ in dates]
        times = pa.array(np.tile(dates, len(bucket.customers)), pa.int64()).cast(TIME)
        spine = pa.table({"customer_id": pa.array(names, pa.string()), "observation_date": times})
        table, _ = build_features(bucket, Bucket(history, 0), history, PLAN, {}, spine)
        for row in table.to_pylist():
            moment = int(row["observation_date"].timestamp()) * 1_000_000
            found[row["customer_id"], moment] = row
    return found


def assert_same(expected: dict[str, float], row: dict[str, object], prefix: str) -> None:
    for name, value in expected.items():
        got = row[f"{prefix}_{name}"]
        assert isinstance(got, float)
        if math.isnan(value):
            assert math.isnan(got), name
        else:
            assert got == pytest.approx(value, rel=2e-6, abs=2e-4), name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_sweep_equals_the_oracle_on_random_histories(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    company = random_company(seed, boundaries=DATES)
    found = every_feature(company.prepare(tmp_path_factory.mktemp("company")))
    for (name, t), row in found.items():
        orders, plans = company.orders.get(name, []), company.plans.get(name, [])
        assert_same(oracle.event_features(orders, t, WINDOWS, "items"), row, "orders")
        assert_same(oracle.spell_features(plans, t, WINDOWS), row, "plans")
        segment = company.customers[name]["segment"]
        assert_same(oracle.calendar_features(company.changes, t, WINDOWS, segment), row, "changes")
        levels = oracle.level_features(orders, t, "channel", "web", WINDOWS[-1])
        assert_same({"count_90d": levels["count"], "share_90d": levels["share"]}, row, "orders_channel_web")


def _disturbed(company: Company, t: int, seed: int) -> Company:
    """Replace everything that happens or becomes known after t by something else."""
    other = random_company(seed, boundaries=(t + 1, t + DAY))
    return Company(
        customers=company.customers,
        orders={
            name: [r for r in rows if max(r["occurred_at"], r["known_at"] or 0) <= t]
            + [r for r in other.orders.get(name, []) if max(r["occurred_at"], r["known_at"] or 0) > t]
            for name, rows in company.orders.items()
        },
        plans={
            name: [
                r | {"ended_at": r["ended_at"] if r["ended_at"] is not None and r["ended_at"] <= t else None}
                for r in rows
                if max(r["started_at"], r["known_at"] or 0) <= t
            ]
            for name, rows in company.plans.items()
        },
        changes=[e for e in company.changes if e["known_at"] <= t] + [e for e in other.changes if e["known_at"] > t],
    )


@pytest.mark.parametrize("seed", range(12))
def test_rows_after_the_date_change_no_feature(seed: int, tmp_path: Path) -> None:
    t = DATES[1]
    company = random_company(seed, boundaries=DATES)
    honest = every_feature(company.prepare(tmp_path / "a"), (t,))
    disturbed = every_feature(_disturbed(company, t, seed + 1).prepare(tmp_path / "b"), (t,))
    for key in honest.keys() & disturbed.keys():
        np.testing.assert_equal(disturbed[key], honest[key])


@pytest.mark.parametrize("seed", range(6))
def test_training_rows_equal_scoring_rows(seed: int, tmp_path: Path) -> None:
    t = DATES[1]
    company = random_company(seed, boundaries=DATES)
    later = every_feature(company.prepare(tmp_path / "a"), (t,))
    then = every_feature(company.prepare(tmp_path / "b", as_of=t), (t,))
    for key, row in then.items():
        np.testing.assert_equal(row, later[key])


def test_order_of_the_raw_rows_changes_nothing(tmp_path: Path) -> None:
    company = random_company(3, boundaries=DATES)
    shuffled = Company(
        dict(reversed(company.customers.items())),
        {name: rows[::-1] for name, rows in reversed(company.orders.items())},
        {name: rows[::-1] for name, rows in reversed(company.plans.items())},
        company.changes[::-1],
    )
    first, second = every_feature(company.prepare(tmp_path / "a")), every_feature(shuffled.prepare(tmp_path / "b"))
    np.testing.assert_equal(second, first)
