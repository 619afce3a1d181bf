from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import AS_OF, DAY, TIME

from churnml.histories.bucket import Bucket
from churnml.histories.contract import TableContract
from churnml.histories.edited import write_edited
from churnml.histories.prepare import prepare
from churnml.histories.store import History, open_history


def instants(days: list[float | None]) -> pa.Array:
    return pa.array([None if day is None else AS_OF + round(day * DAY) for day in days], pa.int64()).cast(TIME)


CONTRACTS = [
    TableContract(
        "orders", "events", "orders.parquet", id="id", time="at", known_at="known", amount=("paid",), key=("no",)
    ),
    TableContract("plans", "spells", "plans.parquet", id="id", time="at", end="end", categories=("plan",)),
]


def prepared(root: Path, as_of: int) -> History:
    target = root / f"prepared-{as_of}"
    if not target.exists():
        prepare(CONTRACTS, root=root, folder="raw", target=target, as_of=as_of, timezone="UTC")
    return open_history(target)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders with a late row and one that was corrected later, plans with an end ahead of some days."""
    folder = tmp_path_factory.mktemp("edited")
    (folder / "raw").mkdir()
    orders = {
        "id": ["a", "b", "a", "b", "a"],
        "at": instants([-30.0, -20.0, -20.0, -9.0, -1.0]),
        "known": instants([-29.5, -4.0, -20.0, -9.0, -1.0]),
        "paid": [1.0, 2.0, 3.0, 4.0, 5.0],
        "no": ["1", "2", "3", "4", "5"],
    }
    again = {"id": ["a"], "at": instants([-20.0]), "known": instants([-6.0]), "paid": [33.0], "no": ["3"]}
    table = pa.concat_tables([pa.table(orders), pa.table(again)])
    pq.write_table(table, folder / "raw/orders.parquet")
    plans = {"id": ["a", "b"], "at": instants([-40.0, -8.0]), "end": instants([-3.0, None]), "plan": ["x", "y"]}
    pq.write_table(pa.table(plans), folder / "raw/plans.parquet")
    return folder


def rows_of(history: History, table: str) -> list[dict[str, object]]:
    found = [row for n in range(history.n_buckets) for row in history.read(table, n).to_pylist()]
    return sorted(found, key=lambda row: repr(sorted(row.items())))


@pytest.mark.parametrize("back", [0, 2, 5, 7, 8, 10, 25])
def test_a_store_of_an_earlier_day_is_the_one_that_would_have_been_prepared(
    root: Path, tmp_path: Path, back: int
) -> None:
    at = AS_OF - back * DAY
    cut = write_edited(prepared(root, AS_OF), tmp_path / "cut", as_of=at)
    fresh = prepared(root, at)
    assert cut.as_of == fresh.as_of == at
    for table in ("orders", "plans"):
        assert rows_of(cut, table) == rows_of(fresh, table)
        assert cut.tables[table].n_rows == fresh.tables[table].n_rows


def test_an_unchanged_store_says_the_same_through_its_buckets(root: Path, tmp_path: Path) -> None:
    history = prepared(root, AS_OF)
    copy = write_edited(history, tmp_path / "copy")
    for number in range(history.n_buckets):
        one, other = Bucket(history, number), Bucket(copy, number)
        assert one.customers.equals(other.customers)
        assert one.offsets("orders").tolist() == other.offsets("orders").tolist()
        assert one.money("orders")[0].tolist() == other.money("orders")[0].tolist()
        assert one.known_until("orders").tolist() == other.known_until("orders").tolist()


def backwards(_table: str, _bucket: int, rows: pa.Table) -> pa.Table:
    return rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64()))


def test_rows_come_in_any_order_and_lie_by_customer_and_time(root: Path, tmp_path: Path) -> None:
    history = prepared(root, AS_OF)
    turned = write_edited(history, tmp_path / "turned", edit=backwards)
    for number in range(history.n_buckets):
        rows = turned.read("orders", number)
        keys = list(zip(rows["customer_id"].to_pylist(), rows["occurred_at"].to_pylist(), strict=True))
        assert keys == sorted(keys)
    assert rows_of(turned, "orders") == rows_of(history, "orders")
