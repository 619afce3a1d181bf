from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, CHANGES, CUSTOMERS, DAY, ORDERS, PLANS, random_company
from hypothesis import given
from hypothesis import strategies as st

from churnml.errors import DataError
from churnml.histories.bucket import Bucket, _one_piece
from churnml.histories.prepare import prepare
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
    assert history.digests == {path.stem: digest_file(path) for path in raw.iterdir()}


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


def read_all(folder: Path) -> None:
    history = open_history(folder)
    history.contacts()
    for info in history.tables.values():
        for bucket in range(len(info.files)):
            history.read(info.name, bucket)


@pytest.fixture(scope="module")
def with_contacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("contacts")
    company = random_company(5)
    company.write(root / "raw")
    people = dataclasses.replace(CUSTOMERS, contact={"email": "id"})
    tables = [people, ORDERS, PLANS]
    prepare(tables, root=root, folder="raw", target=root / "prepared", as_of=AS_OF, timezone="UTC")
    return root / "prepared"


def test_in_06_no_flipped_bit_of_a_prepared_file_is_read(with_contacts: Path, tmp_path: Path) -> None:
    rng, files = np.random.default_rng(6), sorted(path for path in with_contacts.rglob("*") if path.is_file())
    read_all(with_contacts)
    for _ in range(340):
        path = files[rng.integers(len(files))]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        with pytest.raises(DataError, match=rf"{path.name}: (not what was written: its digest|damaged JSON)") as found:
            read_all(with_contacts)
        assert found.value.exit_code == 3
        path.write_bytes(whole)
    read_all(with_contacts)


@pytest.mark.parametrize("damage", ["cut", "longer", "exchanged", "missing", "empty"])
def test_in_06_other_files_than_the_written_ones_are_refused(damage: str, tmp_path: Path) -> None:
    folder = random_company(5).prepare(tmp_path).folder
    path = folder / "orders" / "bucket-0001.parquet"
    data = {"cut": path.read_bytes()[:-9], "longer": path.read_bytes() + b"x", "empty": b"", "missing": b""}
    path.write_bytes(data.get(damage) or (folder / "orders" / "bucket-0002.parquet").read_bytes())
    if damage == "missing":
        path.unlink()
    with pytest.raises(DataError, match=r"^orders/bucket-0001\.parquet: (.* digest differs|file not found)"):
        read_all(folder)


def test_a_store_is_opened_without_reading_its_buckets(tmp_path: Path) -> None:
    folder = random_company(5).prepare(tmp_path).folder
    for path in folder.rglob("*.parquet"):
        path.unlink()
    assert open_history(folder).tables["orders"].files[0].n_rows >= 0


def test_only_the_columns_asked_for_are_read(history: History) -> None:
    names = ["customer_id", "amount"]
    asked = history.read("orders", 0, names)
    assert asked.equals(history.read("orders", 0).select(names))
    assert asked.schema.field("customer_id").type == pa.string()


def test_texts_are_kept_as_codes_and_nothing_else(history: History) -> None:
    with history.open("orders", 0) as source:
        for place in range(source.metadata.num_columns):
            column = source.metadata.row_group(0).column(place)
            assert column.has_dictionary_page == (source.schema.column(place).physical_type == "BYTE_ARRAY")


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
        assert bucket.has_second_clock("orders")
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


def test_codes_and_vocabulary_spell_the_categories(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        codes, vocabulary = bucket.codes("orders", "channel")
        assert codes.dtype == np.int32
        assert vocabulary == sorted(set(bucket.categories("orders", "channel").drop_null().to_pylist()))
        assert [vocabulary[code] if code >= 0 else None for code in codes] == bucket.categories(
            "orders", "channel"
        ).to_pylist()


def test_roles_that_are_texts_have_codes_as_well(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        codes, vocabulary = bucket.text_codes("plans", "end_reason")
        assert [vocabulary[code] for code in codes] == bucket.table("plans")["end_reason"].to_pylist()


def test_without_a_second_clock_rows_are_known_as_they_happen(tmp_path: Path) -> None:
    company, once = random_company(3), dataclasses.replace(ORDERS, known_at="")
    calendar, plans = dataclasses.replace(CHANGES, known_at=""), dataclasses.replace(PLANS, known_at="")
    company.write(tmp_path / "raw")
    tables = [CUSTOMERS, once, calendar, plans]
    prepare(tables, root=tmp_path, folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")
    bucket = Bucket(open_history(tmp_path / "out"), 0)
    for name, clock in (("orders", "occurred_at"), ("changes", "occurred_at"), ("plans", "started_at")):
        assert not bucket.has_second_clock(name)
        assert bucket.known_at(name) is bucket.instants(name, clock) is bucket.instants(name, "known_at")
        assert "known_at" not in bucket.table(name).column_names
        assert set(bucket.known_until(name)) <= {NEVER}


def test_shared_arrays_cannot_be_written(buckets: list[Bucket]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        buckets[0].known_at("orders")[:] = 0


@given(
    st.lists(st.lists(st.sampled_from(["b", "a", "é", None]), max_size=5), max_size=4),
)
def test_codes_ascend_as_texts_do_however_they_were_stored(pieces: list[list[str | None]]) -> None:
    stored = [pa.array(piece, pa.string()).dictionary_encode() for piece in pieces]
    column = _one_piece(pa.chunked_array(stored, pa.dictionary(pa.int32(), pa.string())))
    assert column.to_pylist() == [text for piece in pieces for text in piece]
    assert column.dictionary.to_pylist() == sorted(column.dictionary.to_pylist())


def test_a_table_without_amounts_has_no_refunds(history: History, buckets: list[Bucket]) -> None:
    assert not history.tables["customers"].has_amount
    assert not any(bucket.is_refund("customers").any() for bucket in buckets)
