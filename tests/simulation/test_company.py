"""What is delivered: schema, bytes, boundaries, and what must not be there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from churnml.errors import ConfigError
from churnml.simulation import Change, Mechanism, simulate
from churnml.simulation import company as company_module
from churnml.simulation.company import EVENT_TABLES, chunks
from churnml.storage import digest_file

T = pa.timestamp("us", tz="UTC")
S, F, MONEY = pa.string(), pa.float64(), pa.decimal128(18, 2)
SCHEMAS = {
    "customers": {"customer_id": S, "joined_on": T, "country": S, "segment": S, "acquisition_channel": S, "age": F}
    | dict.fromkeys(("name", "email", "phone", "language", "owner"), S)
    | dict.fromkeys(("consent_email", "consent_phone", "consent_sms"), S),
    "orders": {"order_id": S, "customer_id": S, "ordered_at": T, "loaded_at": T, "net_amount": MONEY}
    | {"items": pa.int32(), "channel": S, "product_group": S, "refund_of": S},
    "subscriptions": {"customer_id": S, "starts_on": T, "ends_on": T, "planned_end": T, "monthly_fee": MONEY}
    | {"plan": S, "reason": S},
    "visits": {"customer_id": S, "visited_at": T, "pages": pa.int32(), "device": S},
    "tickets": {"customer_id": S, "opened_at": T, "topic": S, "priority": S},
    "ticket_answers": {"customer_id": S, "answered_at": T, "response_hours": F, "reopened": pa.int8()},
    "surveys": {"customer_id": S, "answered_at": T, "csat": pa.int8(), "nps": pa.int8()},
    "campaigns": {"customer_id": S, "contacted_at": T, "campaign": S, "channel": S, "arm": S, "action": S},
    "company_changes": {"change_id": S, "type": S, "announced_at": T, "starts_at": T, "ends_at": T}
    | {"scope": S, "value": F},
}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.iterdir())}


def small(root: Path, **changed: object) -> Path:
    options = {"n_customers": 60, "months": 6, "seed": 1, "end": "2024-06-30"} | changed
    simulate(**options, folder=root / "raw", truth=root / "truth")  # type: ignore[arg-type]
    return root


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_has_its_schema_and_its_counted_rows(company, name):
    table = company.table(name)
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == SCHEMAS[name]
    assert table.num_rows == company.summary.n_rows[name] > 0
    assert {path.stem for path in company.folder.iterdir()} == set(SCHEMAS)


def test_columns_built_from_memory_are_valid_arrow(company):
    for name in SCHEMAS:
        assert company.table(name).validate(full=True) is None


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path):
    first, again, other = small(tmp_path / "a"), small(tmp_path / "b"), small(tmp_path / "c", seed=2)
    for part in ("raw", "truth"):
        assert digests(first / part) == digests(again / part)
    assert digests(first / "raw")["orders.parquet"] != digests(other / "raw")["orders.parquet"]


def test_the_first_customers_do_not_depend_on_how_many_follow(company):
    few = next(chunks(n_customers=300, months=36, seed=1, end="2024-06-30", mechanism=Mechanism()))
    for name in ("customers", *EVENT_TABLES):
        assert company.table(name).slice(0, few[name].num_rows).equals(few[name].combine_chunks())
    assert few["customers"].num_rows == 300


def test_ids_are_unique_across_chunks_and_known(company):
    customers, orders = company.frame("customers"), company.frame("orders")
    assert customers.customer_id.tolist() == [f"C{i:07d}" for i in range(1, 2501)]
    assert orders.order_id.is_unique
    for name in EVENT_TABLES:
        assert company.frame(name).customer_id.isin(customers.customer_id).all()


def test_no_instant_lies_after_the_end(company, end):
    for name in SCHEMAS:
        frame = company.frame(name).drop(columns="planned_end", errors="ignore")
        for column in frame.select_dtypes("datetimetz"):
            assert frame[column].max() <= end, (name, column)


def test_small_companies_of_one_customer_and_one_month_have_all_files(tmp_path):
    root = small(tmp_path, n_customers=1, months=1)
    assert {path.stem for path in (root / "raw").iterdir()} == set(SCHEMAS)


def test_only_the_owner_may_read_what_is_written(company):
    for folder in (company.folder, company.truth_folder):
        assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))


def test_the_truth_names_what_was_planted(company):
    planted = company.planted
    assert (planted["seed"], planted["n_customers"], planted["end"]) == (1, 2500, "2024-06-30")
    assert planted["mechanism"]["p_control"] == Mechanism().p_control


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_customers": 0}, "n_customers: must lie between 1 and 9999999"),
        ({"months": 0}, "months: must lie between 1 and 240"),
        ({"seed": -1}, "seed: must lie between 0"),
        ({"end": "soon"}, "not an ISO date"),
        ({"end": "2024-06-30T12:00"}, "without a time of day"),
    ],
)
def test_impossible_wishes_are_refused_before_anything_is_written(tmp_path, changed, message):
    with pytest.raises(ConfigError, match=message):
        small(tmp_path, **changed)
    assert not (tmp_path / "raw").exists()


def test_a_change_outside_the_window_is_refused():
    with pytest.raises(ConfigError, match="inside the window"):
        Change("X", "outage", "", 1.0, 0, 0, 0.0, 0.5)


def test_the_truth_must_not_lie_inside_the_delivery(tmp_path):
    options = {"n_customers": 1, "months": 1, "seed": 1, "end": "2024-06-30"}
    with pytest.raises(ConfigError, match="kept apart"):
        simulate(**options, folder=tmp_path / "raw", truth=tmp_path / "raw" / "truth")


def test_files_of_somebody_else_are_not_lost(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "mine.csv").write_text("kept")
    with pytest.raises(ConfigError, match="would be lost"):
        small(tmp_path)
    assert (tmp_path / "raw" / "mine.csv").read_text() == "kept"


def test_an_interrupted_run_leaves_the_old_company_and_no_scrap(tmp_path, monkeypatch):
    before = digests(small(tmp_path) / "raw")

    def break_down(*args: object, **kwargs: object) -> pa.Table:
        raise RuntimeError("interrupted")

    monkeypatch.setattr(company_module, "visits_table", break_down)
    with pytest.raises(RuntimeError, match="interrupted"):
        small(tmp_path, seed=2)
    assert digests(tmp_path / "raw") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "truth"]


def test_changes_are_announced_no_later_than_they_start(company):
    changes = company.frame("company_changes")
    assert (changes.announced_at <= changes.starts_at).all()
    assert set(changes.type) >= {"price_change", "outage", "reorganisation"}
    price = changes[changes.type == "price_change"].iloc[0]
    assert (price.scope, price.value) == ("segment=premium", 0.12)
    assert pd.isna(changes[changes.type == "outage"].value.iloc[0])
