"""Another future leaves alone what may inform the date, and features do not notice it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY, WINDOWS, random_company

from churnml.features.build import build_features
from churnml.features.plan import Feature, FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.verification.agreement import check_features
from churnml.verification.disturb import KINDS, disturbed
from churnml.verification.excerpt import Excerpt, choose_customers, excerpt_of
from churnml.verification.rows import plain_rows
from churnml.verification.same import differing_columns, differing_rows

T = AS_OF - 60 * DAY
PLAN = FeaturePlan(WINDOWS, {"orders.channel": ("web", "shop"), "changes.type": ("outage",)})


def excerpt(seed: int, folder: object) -> Excerpt:
    history = random_company(seed, boundaries=(T,)).prepare(folder)
    every = pa.array([f"c{i}" for i in range(6)])
    return excerpt_of(history, every, buckets=range(history.n_buckets))


def features_at(history: Excerpt, t: int = T) -> tuple[pa.Table, list[Feature]]:
    """Return the features of the customers of the company: strangers are not asked for."""
    bucket = Bucket(history, 0)
    ids = bucket.customers.filter(pa.array([name.startswith("c") for name in bucket.customers.to_pylist()]))
    times = pa.array(np.full(len(ids), t), pa.int64()).cast(TIME)
    return build_features(bucket, bucket, history, PLAN, {}, pa.table({"customer_id": ids, "observation_date": times}))


def trial(held: Excerpt, seed: int) -> list[str]:
    other, _ = disturbed(held, T, KINDS[seed % 3], seed=seed)
    before, after = features_at(held)[0], features_at(other)[0]
    return differing_columns(before, after) if before.num_rows == after.num_rows else ["rows"]


@pytest.mark.parametrize("seed", range(6))
def test_tl_01_features_do_not_notice_another_future(seed: int, tmp_path: object) -> None:
    held = excerpt(seed, tmp_path)
    assert [trial(held, number) for number in range(9)] == [[]] * 9


@pytest.mark.slow
def test_tl_01_thousand_disturbances(tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = []
    for seed in range(50):
        held = excerpt(seed, tmp_path_factory.mktemp("company"))
        moved += [columns for number in range(20) if (columns := trial(held, 100 * seed + number))]
    assert moved == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_looks_ahead_notices(kind: str, tmp_path: object) -> None:
    held = excerpt(1, tmp_path)
    other, touched = disturbed(held, T, kind, seed=1)
    assert touched > 0
    assert differing_columns(features_at(held, AS_OF)[0], features_at(other, AS_OF)[0]) != []


def test_the_same_seed_gives_the_same_future(tmp_path: object) -> None:
    held = excerpt(2, tmp_path)
    first, second = (disturbed(held, T, "changed", seed=5)[0].held for _ in range(2))
    assert all(first[name].equals(second[name]) for name in first)


def test_features_agree_with_the_slow_recomputation(tmp_path: object) -> None:
    held = excerpt(3, tmp_path)
    table, features = features_at(held)
    found, covered = check_features(
        table, features, plain_rows(held), held.tables, longest=WINDOWS[-1], file="data/features"
    )
    assert found == []
    assert covered.unknown == set()
    assert covered.n_values == table.num_rows * len(features)


@pytest.mark.parametrize("column", ["orders_recency_days", "orders_amount_sum_30d", "plans_tier_last"])
def test_an_altered_feature_is_found_by_name(column: str, tmp_path: object) -> None:
    held = excerpt(3, tmp_path)
    table, features = features_at(held)
    values = table[column].to_pylist()
    values = [f"{v}!" for v in values] if column.endswith("_last") else [(v or 0) + 1 for v in values]
    kind = pa.string() if column.endswith("_last") else pa.float32()
    altered = table.set_column(table.column_names.index(column), column, pa.array(values, kind))
    found, _ = check_features(altered, features, plain_rows(held), held.tables, longest=WINDOWS[-1], file="x")
    assert [finding.column for finding in found] == [column]


def test_tables_are_compared_by_bits_and_by_columns() -> None:
    one = pa.table({"a": pa.array([np.nan, 0.0], pa.float32()), "b": ["x", None]})
    assert differing_columns(one, one) == []
    assert differing_columns(one, one.set_column(0, "a", pa.array([np.nan, -0.0], pa.float32()))) == ["a"]
    assert differing_columns(one, one.drop_columns(["b"])) == ["b"]
    assert differing_columns(one, one.select(["b", "a"])) != []
    other = one.set_column(1, "b", pa.array(["x", "y"]))
    assert differing_rows(one, other, ["b"]).tolist() == [False, True]


def test_a_sample_is_drawn_by_seed() -> None:
    ids = pa.array([f"c{i}" for i in range(50)] * 2)
    drawn = choose_customers(ids, 10, seed=1)
    assert len(set(drawn.to_pylist())) == 10
    assert drawn.equals(choose_customers(ids.take(pa.array(range(99, -1, -1))), 10, seed=1))
