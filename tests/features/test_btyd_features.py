"""Buy-till-you-die features: the models of a date see nothing later, and give the same bytes everywhere."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY, WINDOWS, Company, Row, random_company

from churnml.btyd import MbgCnbd
from churnml.features.btyd_features import PurchaseModels, fit_purchase_models, most_per_bucket, purchase_summaries
from churnml.features.build import build_features
from churnml.features.gaps import sum_log_gaps
from churnml.features.plan import FeaturePlan
from churnml.features.rows import EventRows
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
HORIZONS = (30.0, 90.0, 365.0)
PLAN = FeaturePlan(WINDOWS, btyd_table="orders", btyd_horizons_days=HORIZONS, families=("btyd",))


def steady_company(seed: int, *, n_customers: int = 120) -> Company:
    """Return a company whose customers buy at a rhythm of their own until they leave; some rows are known late."""
    rng = np.random.default_rng(seed)
    company = Company()
    for i in range(n_customers):
        name, now, last = f"c{i}", AS_OF - int(rng.integers(200, 500)) * DAY, AS_OF - int(rng.integers(0, 300)) * DAY
        company.customers[name] = {"joined": now, "segment": "a", "age": 30.0}
        rows, pace = company.orders.setdefault(name, []), rng.gamma(4.0, 6.0) + 2
        while now <= max(last, AS_OF - 250 * DAY):
            rows.append(order(now, known_at=now + int(rng.integers(0, 9)) * DAY, amount=int(rng.integers(500, 9000))))
            now += int(rng.gamma(6.0, pace / 6.0) * DAY) + DAY
    return company


def order(time: int, *, known_at: int, amount: int) -> Row:
    return {
        "occurred_at": time,
        "known_at": known_at,
        "amount": Decimal(amount) / 100,
        "items": 1.0,
        "channel": "web",
    }


def models_of(history: History, dates: tuple[int, ...]) -> dict[int, PurchaseModels]:
    moments, most = np.array(dates, dtype=np.int64), most_per_bucket(history.n_buckets)
    buckets = [Bucket(history, number) for number in range(history.n_buckets)]
    parts = [purchase_summaries(bucket, history.tables["orders"], moments, most=most) for bucket in buckets]
    return fit_purchase_models(moments, parts)


def rows_of(history: History, models: dict[int, PurchaseModels], dates: tuple[int, ...]) -> dict[Any, dict[str, Any]]:
    """Return features by (customer, date)."""
    found = {}
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        names = [name for name in bucket.customers.to_pylist() for _ in dates]
        times = pa.array(np.tile(dates, len(bucket.customers)), pa.int64()).cast(TIME)
        spine = pa.table({"customer_id": pa.array(names, pa.string()), "observation_date": times})
        table, _ = build_features(bucket, Bucket(history, 0), history, PLAN, models, spine)
        found |= {(row["customer_id"], row["observation_date"]): row for row in table.to_pylist()}
    return found


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return steady_company(1).prepare(Path(tmp_path_factory.mktemp("steady")))


@pytest.fixture(scope="module")
def models(history: History) -> dict[int, PurchaseModels]:
    return models_of(history, DATES)


def test_each_horizon_has_its_columns_once(history: History, models: dict[int, PurchaseModels]) -> None:
    row = next(iter(rows_of(history, models, DATES).values()))
    per_horizon = ("p_silent", "expected_purchases", "expected_value")
    wanted = {f"orders_{measure}_{days:g}d" for measure in per_horizon for days in HORIZONS}
    assert set(row) == {"customer_id", "observation_date", "orders_p_alive", "orders_expected_spend", *wanted}


def test_the_figures_of_a_row_agree_with_each_other(history: History, models: dict[int, PurchaseModels]) -> None:
    known = [row for row in rows_of(history, models, DATES).values() if not math.isnan(row["orders_p_alive"])]
    assert len(known) > 200
    for row in known:
        silent = [row[f"orders_p_silent_{days:g}d"] for days in HORIZONS]
        expected = [row[f"orders_expected_purchases_{days:g}d"] for days in HORIZONS]
        assert 1 >= silent[0] >= silent[1] >= silent[2] >= 1 - row["orders_p_alive"] - 1e-6
        assert all(1 - p <= n + 1e-6 for p, n in zip(silent, expected, strict=True))
        assert row["orders_expected_value_90d"] == pytest.approx(expected[1] * row["orders_expected_spend"], rel=1e-5)


def test_steady_purchases_are_told_from_random_ones(models: dict[int, PurchaseModels]) -> None:
    buying = models[AS_OF].buying
    assert isinstance(buying, MbgCnbd)
    assert buying.k > 1


def test_rows_after_the_date_change_no_model_and_no_feature(
    history: History, models: dict[int, PurchaseModels], tmp_path: Path
) -> None:
    t, company, other = DATES[1], steady_company(1), steady_company(2)
    disturbed = Company(company.customers, {}, {}, [])
    for name, rows in company.orders.items():
        kept = [row for row in rows if max(row["occurred_at"], row["known_at"]) <= t]
        later = [row for row in other.orders[name] if max(row["occurred_at"], row["known_at"]) > t]
        disturbed.orders[name] = kept + later
    changed = disturbed.prepare(tmp_path)
    refitted = models_of(changed, DATES)
    assert [refitted[date] for date in DATES[:2]] == [models[date] for date in DATES[:2]]
    assert refitted[AS_OF] != models[AS_OF]
    np.testing.assert_equal(rows_of(changed, refitted, (t,)), rows_of(history, models, (t,)))


def test_training_rows_equal_scoring_rows(history: History, models: dict[int, PurchaseModels], tmp_path: Path) -> None:
    t = DATES[1]
    then = steady_company(1).prepare(tmp_path, as_of=t)
    alone = models_of(then, (t,))
    assert alone[t] == models[t]
    scored, trained = rows_of(then, alone, (t,)), rows_of(history, models, DATES)
    np.testing.assert_equal(scored, {key: trained[key] for key in scored})


def test_rows_of_a_customer_do_not_depend_on_the_tile(history: History, models: dict[int, PurchaseModels]) -> None:
    bucket = next(b for b in (Bucket(history, n) for n in range(history.n_buckets)) if len(b.customers) > 3)
    dates = pa.array([AS_OF] * len(bucket.customers), pa.int64()).cast(TIME)
    spine = pa.table({"customer_id": bucket.customers, "observation_date": dates})
    whole = build_features(bucket, Bucket(history, 0), history, PLAN, models, spine)[0].to_pylist()
    for place in range(3):
        one = build_features(bucket, Bucket(history, 0), history, PLAN, models, spine.slice(place, 1))[0].to_pylist()
        np.testing.assert_equal(one, [whole[place]])


@pytest.mark.parametrize("seed", range(5))
def test_log_gaps_equal_a_plain_loop(seed: int, tmp_path: Path) -> None:
    company = random_company(seed, n_customers=12, boundaries=DATES)
    history = company.prepare(tmp_path)
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        rows = EventRows.of(bucket, "orders").where(bucket.is_activity("orders"))
        everyone, found = np.arange(len(bucket.customers)), np.full(len(bucket.customers), np.nan)
        for t in DATES:
            sum_log_gaps(*rows.arguments, everyone, t, found)
            for name, got in zip(bucket.customers.to_pylist(), found, strict=True):
                assert got == pytest.approx(_plain_log_gaps(company.orders.get(name, []), t), abs=1e-9)


def _plain_log_gaps(orders: list[Row], t: int) -> float:
    usable = [row for row in orders if max(row["occurred_at"], row["known_at"] or 0) <= t]
    days = sorted({row["occurred_at"] // DAY for row in usable if row["amount"] is None or row["amount"] >= 0})
    return sum(math.log(after - before) for before, after in pairwise(days))
