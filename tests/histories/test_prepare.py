from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from factories import AS_OF, DAY, random_company

from churnml.errors import ConfigError, DataError, EnvironmentFault, TimeContractError
from churnml.histories.bucket import Bucket
from churnml.histories.checks import Findings
from churnml.histories.contract import CsvDialect, TableContract
from churnml.histories.prepare import prepare
from churnml.histories.store import History, check_reaches_as_of, open_history
from churnml.timeline import parse_instant

LINES = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("amount",))


def prepared(folder: Path, text: str, contract: TableContract = LINES, **options: object) -> tuple[History, Findings]:
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "raw" / contract.file).write_text(text, encoding="utf-8")
    findings = Findings()
    settings = {"as_of": parse_instant("2024-07-01", timezone="UTC"), "timezone": "UTC"} | options
    prepare([contract], root=folder, folder="raw", target=folder / "out", findings=findings, **settings)
    return open_history(folder / "out"), findings


def rows(history: History, table: str = "orders") -> list[dict[str, object]]:
    return [row for b in range(history.n_buckets) for row in history.read(table, b).to_pylist()]


def found(findings: Findings) -> dict[str, int]:
    return {finding.rule: finding.count for finding in findings.all}


def test_rows_become_typed_and_sorted(tmp_path: Path) -> None:
    history, _ = prepared(tmp_path, "id,at,amount\n7,2024-01-03,1.5\n7,2024-01-02T10:00:00Z,-2\n")
    first, second = rows(history)
    assert first["occurred_at"] == datetime(2024, 1, 2, 10, tzinfo=UTC)
    assert set(first) == {"customer_id", "occurred_at", "amount"}
    assert [first["amount"], second["amount"]] == [Decimal(-2), Decimal("1.5")]
    assert first["customer_id"] == "7"


def test_exact_copies_are_counted_once(tmp_path: Path) -> None:
    text = "id,at,amount,sku\na,2024-01-02,1,x\na,2024-01-02,1,x\na,2024-01-02,1,y\n"
    history, findings = prepared(tmp_path, text)
    assert len(rows(history)) == 2
    assert found(findings) == {"data.duplicates": 1}


def test_copies_stay_where_they_are_declared_real(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, drop_duplicates=False)
    history, findings = prepared(tmp_path, "id,at,amount\na,2024-01-02,1\na,2024-01-02,1\n", contract)
    assert len(rows(history)) == 2
    assert found(findings) == {}


def test_item_lines_become_orders(tmp_path: Path) -> None:
    contract = TableContract(
        "orders",
        "events",
        "orders.csv",
        id="id",
        time="at",
        amount=("quantity", "price"),
        numbers=("quantity",),
        categories=("country",),
        group=("invoice",),
        drop_blank_ids=True,
    )
    text = (
        "id,invoice,at,quantity,price,country\n"
        "a,1,2024-01-02T09:00,2,1.10,FR\n"
        "a,1,2024-01-02T09:00,1,3.00,DE\n"
        "a,1,2024-01-02T09:00,1,1.00,DE\n"
        "a,C2,2024-01-05T11:00,-2,1.10,FR\n"
        ",3,2024-01-05T11:00,1,1.00,FR\n"
    )
    history, findings = prepared(tmp_path, text, contract)
    order, refund = rows(history)
    assert (order["amount"], order["n:quantity"], order["c:country"]) == (Decimal("6.2"), 4.0, "DE")
    assert order["occurred_at"] == datetime(2024, 1, 2, 9, tzinfo=UTC)
    assert refund["amount"] == Decimal("-2.2")
    assert found(findings) == {"data.guest_rows": 1, "data.grouped_lines": 2}


GROUPED = dataclasses.replace(LINES, group=("invoice",))


def test_a_line_added_later_changes_nothing_known_before(tmp_path: Path) -> None:
    text = "id,invoice,at,amount\na,1,2024-01-02,5\na,1,2024-01-09,3\na,1,2024-01-02,2\n"
    history, _ = prepared(tmp_path, text, GROUPED)
    order, late = rows(history)
    assert (order["amount"], order["is_late_line"]) == (Decimal(7), False)
    assert (late["amount"], late["is_late_line"], late["occurred_at"].day) == (Decimal(3), True, 9)
    bucket = next(Bucket(history, n) for n in range(4) if len(Bucket(history, n).customers))
    assert bucket.is_activity("orders").tolist() == [True, False]


def test_lines_without_a_key_are_events_of_their_own(tmp_path: Path) -> None:
    text = "id,invoice,at,amount\na,,2024-01-02,5\na,,2024-01-02,3\na,2,2024-01-02,3\na,2,2024-01-02,4\n"
    history, _ = prepared(tmp_path, text, GROUPED)
    assert sorted(row["amount"] for row in rows(history)) == [Decimal(3), Decimal(5), Decimal(7)]


def test_a_column_named_like_a_role_does_not_replace_it(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, amount=("paid",), numbers=("amount",), categories=("customer_id", "known_at"))
    text = "id,at,paid,amount,customer_id,known_at\na,2024-01-02,5,9,X,soon\n"
    (row,) = rows(prepared(tmp_path, text, contract)[0])
    assert (row["customer_id"], row["amount"], row["n:amount"], row["c:known_at"]) == ("a", Decimal(5), 9.0, "soon")


@pytest.mark.parametrize(
    ("cell", "dialect", "rule"),
    [
        ("1.234", CsvDialect(delimiter=";", decimal=","), "number unreadable"),
        ("1_234", CsvDialect(delimiter=";"), "number unreadable"),
        ("0x10", CsvDialect(delimiter=";"), "number unreadable"),
        ("4e38", CsvDialect(delimiter=";"), "number not finite"),
    ],
)
def test_numbers_that_could_mean_something_else_are_refused(
    cell: str, dialect: CsvDialect, rule: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=f"amount: {rule} in 1 of 1 rows"):
        prepared(tmp_path, f"id;at;amount\na;2024-01-02;{cell}\n", dataclasses.replace(LINES, csv=dialect))


@pytest.mark.parametrize(
    ("cell", "time_format", "rule"),
    [
        (" ", None, "time missing"),
        ("31.02.2024", "%d.%m.%Y", "time unreadable"),
        ("2023-02-29", None, "time unreadable"),
    ],
)
def test_times_that_are_none_are_refused(cell: str, time_format: str | None, rule: str, tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, csv=CsvDialect(time_format=time_format))
    with pytest.raises(DataError, match=f"at: {rule} in 1 of 1 rows"):
        prepared(tmp_path, f"id,at,amount\na,{cell},1\n", contract)


def test_a_spell_that_ends_before_it_starts_is_refused(tmp_path: Path) -> None:
    contract = TableContract("plans", "spells", "plans.csv", id="id", time="start", end="end")
    with pytest.raises(DataError, match="end: spell reversed in 1 of 2 rows"):
        prepared(tmp_path, "id,start,end\na,2024-02-01,2024-01-01\nb,2024-01-01,2024-02-01\n", contract)


def test_ids_with_control_characters_are_refused_and_padded_ones_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="id: id control in 1 of 1 rows"):
        prepared(tmp_path / "a", "id,at,amount\na\tb,2024-01-02,1\n")
    _, findings = prepared(tmp_path / "b", "id,at,amount\n a,2024-01-02,1\n")
    assert [(f.rule, f.severity) for f in findings.all] == [("data.id_padded", "warning")]


def test_one_sentinel_date_does_not_hide_missing_data(tmp_path: Path) -> None:
    days = [f"a,2024-01-{day:02d},{day}" for day in range(1, 31)] * 40
    text = "id,at,amount\n" + "\n".join(["a,1970-01-01,1", *(f"{row}{i}" for i, row in enumerate(days))]) + "\n"
    history, _ = prepared(tmp_path, text)
    with pytest.raises(TimeContractError, match="the last row is"):
        check_reaches_as_of(history, table="orders")


def test_histories_before_1970_are_read(tmp_path: Path) -> None:
    as_of = parse_instant("1969-01-01", timezone="UTC")
    contract = dataclasses.replace(LINES, known_at="known")
    history, _ = prepared(tmp_path, "id,at,known,amount\na,1968-01-02,,1\n", contract, as_of=as_of)
    assert rows(history)[0]["occurred_at"].year == 1968


@pytest.mark.parametrize(
    ("column", "kind"),
    [([[1]], pa.list_(pa.int64())), ([{"a": 1}], None), ([b"\xff"], pa.binary()), ([b"12"], pa.binary(2))],
)
def test_unused_columns_of_any_type_are_no_obstacle(column: list, kind: pa.DataType | None, tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, file="orders.parquet", known_at="known")
    times = {"at": pa.array([10**15], pa.timestamp("us")), "known": pa.nulls(1)}
    table = pa.table({"id": pa.array(["a"], pa.string_view()), **times, "amount": [1], "other": pa.array(column, kind)})
    (tmp_path / "raw").mkdir()
    pa.parquet.write_table(table, tmp_path / "raw" / "orders.parquet")
    prepare([contract], root=tmp_path, folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")
    assert rows(open_history(tmp_path / "out"))[0]["customer_id"] == "a"


def test_a_role_of_a_type_it_cannot_have_is_refused(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, file="orders.parquet", categories=("tags",))
    table = pa.table({"id": ["a"], "at": ["2024-01-01"], "amount": [1], "tags": [["x"]]})
    (tmp_path / "raw").mkdir()
    pa.parquet.write_table(table, tmp_path / "raw" / "orders.parquet")
    with pytest.raises(DataError, match="tags: column type in 1 of 1 rows"):
        prepare([contract], root=tmp_path, folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")


def test_every_breach_is_reported_together(tmp_path: Path) -> None:
    text = "id,at,amount\n,2024-01-02,1\na,02/01/2024,1\na,2024-01-02,abc\na,2024-01-02,1e400\na,,1\n"
    with pytest.raises(DataError, match="number unreadable in 1 of 5 rows, first in row 3") as caught:
        prepared(tmp_path, text)
    message = str(caught.value)
    for words in ("id blank", "time unreadable", "number not finite", "time missing"):
        assert words in message
    assert "abc" not in message
    assert not (tmp_path / "out").exists()


def test_amount_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="amount too large in 1 of 1 rows"):
        prepared(tmp_path, "id,at,amount\na,2024-01-02,1e13\n")


@pytest.mark.parametrize(
    ("clock", "kept"), [("2024-07-01T00:00:00", 1), ("2024-07-01T00:00:00.000001", 0), ("2024-06-30", 1)]
)
def test_rows_after_as_of_are_not_read(clock: str, kept: int, tmp_path: Path) -> None:
    history, findings = prepared(tmp_path, f"id,at,amount\na,2024-01-02,1\na,{clock},2\n")
    assert len(rows(history)) == 1 + kept
    assert found(findings).get("data.after_as_of", 0) == 1 - kept


def test_rows_known_after_as_of_are_not_read(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, known_at="known")
    text = "id,at,known,amount\na,2024-01-02,2024-07-02,1\na,2024-01-02,,2\n"
    assert [row["amount"] for row in rows(prepared(tmp_path, text, contract)[0])] == [2]


def test_a_table_without_a_usable_row_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"orders.csv: at: no usable rows"):
        prepared(tmp_path, "id,at,amount\n", required={"orders"})


def test_an_optional_table_may_be_empty(tmp_path: Path) -> None:
    history, findings = prepared(tmp_path, "id,at,amount\n")
    assert history.tables["orders"].n_rows == 0
    assert [f.severity for f in findings.all] == ["warning"]


CUSTOMERS = TableContract(
    "people",
    "customers",
    "people.csv",
    id="id",
    contact={"email": "mail"},
    consent={"email": "ok"},
    categories=("city",),
)


def test_two_rows_per_customer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"people.csv.*: id: customer twice in 1 of 3 rows"):
        prepared(tmp_path, "id,mail,ok,city\na,x,yes,P\na,y,yes,P\nb,z,no,P\n", CUSTOMERS)


def test_contact_data_are_kept_apart(tmp_path: Path) -> None:
    history, _ = prepared(tmp_path, "id,mail,ok,city\na,x@example.org,yes,P\n", CUSTOMERS)
    assert set(rows(history, "people")[0]) == {"customer_id", "c:city"}
    assert history.contacts().to_pylist() == [
        {"customer_id": "a", "contact_email": "x@example.org", "consent_email": "yes"}
    ]


def test_local_times_are_read_in_the_declared_zone(tmp_path: Path) -> None:
    text = "id,at,amount\na,2024-01-02 01:00,1\n"
    history, _ = prepared(tmp_path, text, timezone="Asia/Shanghai")
    assert rows(history)[0]["occurred_at"] == datetime(2024, 1, 1, 17, tzinfo=UTC)


def test_declared_formats_are_used(tmp_path: Path) -> None:
    dialect = CsvDialect(delimiter=";", decimal=",", time_format="%d.%m.%Y")
    history, _ = prepared(tmp_path, "id;at;amount\na;03.04.2024;1,25\n", dataclasses.replace(LINES, csv=dialect))
    assert rows(history)[0]["occurred_at"] == datetime(2024, 4, 3, tzinfo=UTC)
    assert rows(history)[0]["amount"] == Decimal("1.25")


def test_zoned_format_is_used(tmp_path: Path) -> None:
    dialect = CsvDialect(time_format="%Y-%m-%d %H:%M %z")
    history, _ = prepared(
        tmp_path, "id,at,amount\na,2024-04-03 02:00 +0200,1\n", dataclasses.replace(LINES, csv=dialect)
    )
    assert rows(history)[0]["occurred_at"] == datetime(2024, 4, 3, tzinfo=UTC)


def test_numbers_stored_as_floating_point_give_whole_ids(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, file="orders.parquet", drop_blank_ids=True)
    table = pa.table({"id": [17850.0, None, 1.5], "at": pa.array([0, 1, 2], pa.timestamp("ns")), "amount": [1, 2, 3]})
    (tmp_path / "raw").mkdir()
    pa.parquet.write_table(table, tmp_path / "raw" / "orders.parquet")
    prepare([contract], root=tmp_path, folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")
    assert sorted(row["customer_id"] for row in rows(open_history(tmp_path / "out"))) == ["1.5", "17850"]


def test_a_time_column_of_numbers_is_refused(tmp_path: Path) -> None:
    contract = dataclasses.replace(LINES, file="orders.parquet")
    (tmp_path / "raw").mkdir()
    pa.parquet.write_table(pa.table({"id": ["a"], "at": [5], "amount": [1]}), tmp_path / "raw" / "orders.parquet")
    with pytest.raises(DataError, match="column type in 1 of 1 rows"):
        prepare([contract], root=tmp_path, folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")


@pytest.mark.parametrize(
    "name", ["../orders.csv", "/etc/passwd", "~/x.csv", "a:b.csv", "http://x/y.csv", "o*.csv", " "]
)
def test_names_that_could_reach_outside_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"histories.tables.orders.file: not a plain path inside the project"):
        prepare(
            [dataclasses.replace(LINES, file=name)],
            root=tmp_path,
            folder="raw",
            target=tmp_path / "out",
            as_of=AS_OF,
            timezone="UTC",
        )


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "project" / "raw").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match=r"histories.folder: not a plain path inside the project"):
        prepare([LINES], root=tmp_path / "project", folder="raw", target=tmp_path / "out", as_of=AS_OF, timezone="UTC")


def test_a_folder_that_cannot_be_made_is_an_environment_fault(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "orders.csv").write_text("id,at,amount\na,2024-01-02,1\n")
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        prepare([LINES], root=tmp_path, folder="raw", target=tmp_path / "out" / "x", as_of=AS_OF, timezone="UTC")


def test_as_of_far_after_the_data_is_refused(tmp_path: Path) -> None:
    text = "id,at,amount\na,2024-06-20,1\na,2024-06-25,1\n"
    late = prepared(tmp_path, text, as_of=parse_instant("2024-07-02", timezone="UTC"))[0]
    with pytest.raises(TimeContractError, match=r"the last row is 7 days before histories.as_of .*2024-07-02"):
        check_reaches_as_of(late, table="orders")
    check_reaches_as_of(prepared(tmp_path, text)[0], table="orders")


def test_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    company = random_company(4)
    company.prepare(tmp_path / "a")
    company.orders = {name: rows[::-1] for name, rows in company.orders.items()}
    company.prepare(tmp_path / "b")
    for path in (tmp_path / "a" / "prepared").rglob("bucket-*.parquet"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_an_end_after_as_of_has_not_happened(tmp_path: Path) -> None:
    contract = TableContract("plans", "spells", "plans.csv", id="id", time="start", end="end")
    history, findings = prepared(tmp_path, "id,start,end\na,2024-01-01,2024-07-02\nb,2024-01-01,2024-07-01\n", contract)
    assert sorted((row["customer_id"], row["ended_at"] is None) for row in rows(history, "plans")) == [
        ("a", True),
        ("b", False),
    ]
    assert found(findings) == {"data.end_after_as_of": 1}


def test_day_counts_tell_where_the_history_begins(tmp_path: Path) -> None:
    company = random_company(2)
    history = company.prepare(tmp_path)
    assert history.tables["orders"].first_us <= history.tables["orders"].last_day_us <= AS_OF
    assert history.tables["orders"].last_day_us % DAY == 0
