from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from factories import AS_OF, DAY, random_company

from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.histories.store import History, open_history
from churnml.storage import digest_file
from churnml.timeline import NEVER


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return random_company(11, n_customers=12).prepare(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def buckets(history: History) -> list[Bucket]:
    return [Bucket(history, number) for number in range(history.n_buckets)]


def test_manifest_says_what_there_is(history: History) -> None:
    assert history.as_of == AS_OF
    assert list(history.tables) == ["changes", "customers", "orders", "plans"]
    assert [info.name for info in history.of_kind("spells")] == ["plans"]
    for info in history.tables.values():
        n_buckets = 1 if info.kind == "calendar" else history.n_buckets
        assert sum(history.read(info.name, bucket).num_rows for bucket in range(n_buckets)) == info.n_rows


def test_digests_are_those_of_the_source_files(history: History) -> None:
    raw = history.folder.parent / "raw"
    assert history.digests == {path.name: digest_file(path) for path in raw.iterdir()}


def test_without_contact_columns_there_are_no_contacts(history: History) -> None:
    assert history.contacts() is None


def test_days_count_rows(history: History) -> None:
    orders = history.tables["orders"]
    assert orders.rows_per_day.sum() == orders.n_rows
    assert np.all(np.diff(orders.day) > 0)
    assert orders.last_day_us <= AS_OF
    assert orders.first_us % DAY == 0


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_damaged_store_is_refused(damage: str, tmp_path: Path) -> None:
    folder = random_company(1).prepare(tmp_path).folder
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:50])
    if damage == "missing":
        manifest.unlink()
    with pytest.raises(DataError, match=r"manifest\.json: (damaged JSON|file not found)"):
        open_history(folder)


def test_every_customer_lies_in_one_bucket(buckets: list[Bucket]) -> None:
    ids = [customer for bucket in buckets for customer in bucket.customers.to_pylist()]
    assert sorted(ids) == sorted({f"c{i}" for i in range(12)})
    assert all(bucket.customers.to_pylist() == sorted(bucket.customers.to_pylist()) for bucket in buckets)


@pytest.mark.parametrize("name", ["customers", "orders", "plans"])
def test_offsets_bound_the_rows_of_each_customer(name: str, buckets: list[Bucket]) -> None:
    for bucket in buckets:
        ids, edges = bucket.table(name)["customer_id"].to_pylist(), bucket.offsets(name)
        for number, customer in enumerate(bucket.customers.to_pylist()):
            assert set(ids[edges[number] : edges[number + 1]]) <= {customer}
        assert (edges[0], edges[-1]) == (0, len(ids))


def test_rows_of_a_customer_ascend_in_time(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        edges, times = bucket.offsets("orders"), bucket.instants("orders", "occurred_at")
        assert all(np.all(np.diff(times[low:high]) >= 0) for low, high in pairwise(edges))


def test_known_at_is_the_later_clock(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        later = np.maximum(bucket.instants("orders", "occurred_at"), bucket.instants("orders", "known_at"))
        np.testing.assert_array_equal(bucket.known_at("orders"), later)
        assert np.all(bucket.known_at("plans") >= bucket.instants("plans", "started_at"))


def test_missing_times_are_never(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        ended = bucket.table("plans")["ended_at"].is_null().to_numpy()
        np.testing.assert_array_equal(bucket.instants("plans", "ended_at") == NEVER, ended)
        assert set(bucket.instants("orders", "no such column")) <= {NEVER}


def test_money_is_exact_and_tells_where_it_is_known(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        units, is_known = bucket.money("orders")
        amounts = bucket.table("orders")["amount"].to_pylist()
        assert is_known.tolist() == [amount is not None for amount in amounts]
        assert units.tolist() == [0 if amount is None else int(amount * 10_000) for amount in amounts]


def test_refunds_are_no_activity(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        units, _ = bucket.money("orders")
        np.testing.assert_array_equal(bucket.is_activity("orders"), units >= 0)


def test_numbers_are_missing_as_nan(buckets: list[Bucket]) -> None:
    items = np.concatenate([bucket.numbers("orders", "items") for bucket in buckets])
    assert np.isnan(items).any()
    assert set(items[~np.isnan(items)]) <= set(range(9))


def test_categories_are_missing_as_null(buckets: list[Bucket]) -> None:
    levels = {level for bucket in buckets for level in bucket.categories("orders", "channel").to_pylist()}
    assert levels == {None, "web", "shop"}


def test_a_table_without_amounts_has_no_refunds(history: History, buckets: list[Bucket]) -> None:
    assert not history.tables["customers"].has_amount
    assert not any(bucket.is_refund("customers").any() for bucket in buckets)
