from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from postgres import PASSWORD, Cluster, running_cluster
from small_company import PROJECT

from churnml import cli
from churnml.config import Params, resolved
from churnml.errors import ChurnmlError, ConfigError, DataError, EnvironmentFault
from churnml.flow.fetch import fetch
from churnml.flow.raw import prepare_histories, read_histories
from churnml.histories.contract import TableContract
from churnml.histories.database import open_database
from churnml.histories.store import History
from churnml.stage import ERROR_FILE
from churnml.workspace import run_pipeline

pytestmark = pytest.mark.slow

TABLES = (
    "CREATE TABLE people (person_id uuid PRIMARY KEY, town varchar(20), joined date, vip boolean, note jsonb)",
    "INSERT INTO people SELECT ('00000000-0000-0000-0000-' || lpad(g::text, 12, '0'))::uuid, 'canaryville', "
    "date '2023-01-01' + g, g % 2 = 0, '{}' FROM generate_series(1, 60) g",
    "CREATE SCHEMA sales",
    "CREATE TABLE sales.orders (person_id uuid, at timestamptz, paid numeric(12, 2), items int, state text)",
    "INSERT INTO sales.orders SELECT person_id, timestamptz '2024-01-01 00:30+02' + d * interval '11 days', "
    "CASE WHEN d = 3 THEN NULL ELSE 19.99 END, d, 'canary' FROM people, generate_series(1, 16) d",
    "CREATE VIEW sales.paid AS SELECT * FROM sales.orders WHERE paid IS NOT NULL",
    "CREATE TABLE plans (person_id int, starts timestamp, ends timestamp)",
    "INSERT INTO plans VALUES (1, '2024-01-01', 'infinity'), (2, '2024-01-01', NULL)",
    'CREATE TABLE "Odd ""; name" (id int)',
    'CREATE TABLE odd ("i""d; --" text, "at" date, "%s %I" text, fixed char(5), cash money, free numeric)',
    "INSERT INTO odd VALUES ('x', '2024-01-02', 'y', 'ab', 12.5, 1.25), ('z', '-infinity', NULL, NULL, NULL, 'NaN')",
    "CREATE TABLE closed (id text, at date)",
    "CREATE VIEW broken AS SELECT 1 / (g - 5) AS id, current_date AS at FROM generate_series(1, 9) g",
    f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
    "GRANT USAGE ON SCHEMA sales TO reader",
    "GRANT SELECT ON people, sales.orders, sales.paid, plans, odd, broken TO reader",
    "GRANT SELECT (id) ON closed TO reader",
)
ORDERS = TableContract("orders", "events", "sales.orders", id="person_id", time="at", amount=("paid",))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        with running_cluster() as running:
            running.run(*TABLES)
            yield running


@pytest.fixture(autouse=True)
def _password(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def rows(cluster: Cluster, contract: TableContract, user: str = "reader") -> list[dict[str, object]]:
    with open_database(cluster.address(user)) as source:
        return [r for part in source.parts(contract) for batch in part.batches() for r in batch.to_pylist()]


def parameters(cluster: Cluster, folder: str | None = None, orders: str = "sales.orders") -> Params:
    people = {"kind": "customers", "file": "people", "id": "person_id", "joined": "joined", "categories": ["town"]}
    events = {"kind": "events", "file": orders, "id": "person_id", "time": "at", "amount": "paid", "numbers": ["items"]}
    place = {"database": cluster.address("reader"), "folder": folder, "as_of": "2024-06-20"}
    churn = {"definition": "inactivity", "table": "orders", "horizon_days": 30}
    return Params.model_validate(
        {"histories": place | {"tables": {"people": people, "orders": events}}, "churn": churn}
    )


def stored(history: History, table: str) -> list[dict[str, object]]:
    found = [row for b in range(history.n_buckets) for row in history.read(table, b).to_pylist()]
    return sorted(found, key=str)


def test_types_come_as_they_are_meant(cluster: Cluster) -> None:
    first = min(rows(cluster, ORDERS), key=lambda row: (row["at"], row["person_id"]))
    assert first["at"] == datetime(2024, 1, 11, 22, 30, tzinfo=UTC)
    assert (first["paid"], first["items"]) == (Decimal("19.99"), 1)
    assert first["person_id"] == "00000000-0000-0000-0000-000000000001"
    assert sum(row["paid"] is None for row in rows(cluster, ORDERS)) == 60


def test_infinite_times_are_open_and_integers_are_ids(cluster: Cluster) -> None:
    plans = TableContract("plans", "spells", "plans", id="person_id", time="starts", end="ends")
    assert [(row["person_id"], row["ends"]) for row in rows(cluster, plans)] == [(1, None), (2, None)]


def test_cf_06_odd_names_are_quoted_by_the_server(cluster: Cluster) -> None:
    odd = TableContract("odd", "events", "odd", id='i"d; --', time="at", categories=("%s %I", "fixed"))
    first, second = rows(cluster, odd)
    assert (first['i"d; --'], first["%s %I"], first["fixed"], float(first["cash"])) == ("x", "y", "ab", 12.5)
    assert (second["at"], second["cash"]) == (None, None)
    assert first["free"] == 1.25


def test_cf_06_names_with_statements_in_them_are_looked_up_and_never_run(cluster: Cluster) -> None:
    hostile = 'orders"; DROP TABLE people; --'
    with pytest.raises(ConfigError, match=r"histories\.tables\.orders\.file: no such relation"):
        rows(cluster, TableContract("orders", "events", f"sales.{hostile}", id="a", time="at"), "owner")
    with pytest.raises(ConfigError, match=r"histories\.tables\.orders\.time: no such column"):
        rows(cluster, TableContract("orders", "events", "sales.orders", id="person_id", time=hostile), "owner")
    assert len(rows(cluster, TableContract("people", "customers", "people", id="person_id"))) == 60


@pytest.mark.parametrize(
    ("contract", "kind", "message"),
    [
        (TableContract("o", "events", "sales.order", id="a", time="at"), ConfigError, "Did you mean sales.orders"),
        (TableContract("o", "events", "sales.orders", id="person", time="at"), DataError, "person: no such column"),
        (
            TableContract("o", "events", "closed", id="id", time="at"),
            EnvironmentFault,
            "closed: at: .* may not read",
        ),
        (TableContract("o", "events", "broken", id="id", time="at"), DataError, "broken: the database cannot compute"),
        (TableContract("o", "events", "pg_authid", id="oid", time="at"), EnvironmentFault, "may not read"),
    ],
)
def test_what_cannot_be_read_is_named(
    contract: TableContract, kind: type[ChurnmlError], message: str, cluster: Cluster
) -> None:
    with pytest.raises(kind, match=message) as caught:
        rows(cluster, contract)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("password", "port", "message"),
    [("wrong-canary", None, "refuses the user or the password"), (PASSWORD, 1, "cannot be reached")],
)
def test_no_connection_is_a_fault_of_the_surroundings(
    password: str, port: int | None, message: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", password)
    with (
        pytest.raises(EnvironmentFault, match=message) as caught,
        open_database(Cluster(port or cluster.port).address()),
    ):
        pass
    assert (caught.value.exit_code, "canary" in str(caught.value)) == (7, False)


def test_the_password_may_stand_in_a_file(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / "pgpass").write_text(f"127.0.0.1:{cluster.port}:*:*:{PASSWORD}\n")
    (tmp_path / "pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    assert len(rows(cluster, ORDERS)) == 960


def test_all_tables_of_a_run_are_seen_at_one_instant(cluster: Cluster) -> None:
    late = TableContract("late", "customers", "late", id="id")
    cluster.run("CREATE TABLE late AS SELECT 1 AS id", "GRANT SELECT ON late TO reader")
    with open_database(cluster.address("reader")) as source:
        (orders,), (table,) = source.parts(ORDERS), source.parts(late)
        assert sum(batch.num_rows for batch in orders.batches()) == 960
        cluster.run("INSERT INTO late SELECT 2")
        assert sum(batch.num_rows for batch in table.batches()) == 1
    assert len(rows(cluster, late)) == 2


def test_nothing_can_be_written(cluster: Cluster) -> None:
    with open_database(cluster.address("owner")) as source, pytest.raises(DataError, match="SQLSTATE 25006"):
        source.execute("DELETE FROM people")


def test_many_rows_come_in_several_batches(cluster: Cluster) -> None:
    cluster.run("CREATE TABLE wide AS SELECT g AS id, repeat('x', 1000) AS t FROM generate_series(1, 60000) g")
    with open_database(cluster.address()) as source:
        (part,) = source.parts(TableContract("wide", "customers", "wide", id="id"))
        sizes = [batch.num_rows for batch in part.batches()]
    assert (sum(sizes), max(sizes) < 30_000) == (60_000, True)


def test_a_reader_that_stops_half_way_says_its_own_reason(cluster: Cluster) -> None:
    held = []
    with pytest.raises(KeyError, match="own reason"), open_database(cluster.address("reader")) as source:  # noqa: PT012
        held.append(source.parts(ORDERS)[0].batches())
        next(held[0])
        raise KeyError("own reason")
    held[0].close()


def test_a_table_may_lie_in_several_relations(cluster: Cluster) -> None:
    both = TableContract("o", "events", "x", id="person_id", time="at", files=("sales.orders", "sales.paid"))
    assert len(rows(cluster, both)) == 960 + 900


def test_check_reads_the_database_and_files_of_it_give_the_same(cluster: Cluster, tmp_path: Path) -> None:
    params = parameters(cluster, folder="data/fetched")
    direct = read_histories(params, root=tmp_path, target=tmp_path / "direct")
    fetch(params, tmp_path / "data" / "fetched")
    reports = {"check": tmp_path / "check.json", "check_page": tmp_path / "check.html"}
    later = prepare_histories(params, root=tmp_path, target=tmp_path / "later", fetched=True, **reports)
    for table in ("people", "orders"):
        assert stored(direct, table) == stored(later, table)
    assert direct.tables["orders"].n_rows == 900
    assert {table["file"] for table in json.loads(reports["check"].read_text())["tables"]} == {"people", "sales.orders"}


def test_what_is_fetched_is_the_same_each_time_private_and_whole(cluster: Cluster, tmp_path: Path) -> None:
    for name in ("a", "b"):
        fetch(parameters(cluster, orders="sales.paid"), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [f"{t}.parquet{e}" for t in ("orders", "people") for e in ("", ".manifest.json")]
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    assert (tmp_path / "a" / "orders.parquet").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "a" / "orders.parquet.manifest.json").read_text())["rows"] == 900


def project(cluster: Cluster, folder: Path, **changes: str | None) -> None:
    """Make a project folder whose histories lie in the database."""
    for part in ("pipelines", "src"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT / "dvc.yaml", folder / "dvc.yaml")
    params = resolved(parameters(cluster, folder="data/fetched"))
    params["histories"] |= changes
    (folder / "params.yaml").write_text(json.dumps(params))


def n_stored(folder: Path) -> tuple[int, int]:
    path = folder / "data" / "prepared" / "manifest.json"
    return json.loads(path.read_text())["tables"]["orders"]["n_rows"], path.stat().st_mtime_ns


def test_a_run_asks_the_database_each_time_and_does_again_only_what_changed(cluster: Cluster, tmp_path: Path) -> None:
    project(cluster, tmp_path)
    more = "INSERT INTO sales.orders SELECT person_id, at + interval '1 hour', 5, 1 FROM sales.orders WHERE items = 4"
    found = []
    for statement in ("SELECT", "SELECT", more):
        cluster.run(statement)
        assert run_pipeline(tmp_path, targets=["prepare"], error_file=ERROR_FILE) == 0
        found.append(n_stored(tmp_path))
    cluster.run("DELETE FROM sales.orders WHERE paid = 5")
    assert found[0] == found[1]
    assert [rows for rows, _ in found] == [900, 900, 960]


def test_a_run_without_the_database_ends_with_7(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    project(cluster, tmp_path)
    monkeypatch.setenv("PGPASSWORD", "wrong-canary")
    assert run_pipeline(tmp_path, targets=["prepare"], error_file=ERROR_FILE) == 7
    told = "".join(capfd.readouterr())
    assert "refuses the user or the password" in told
    assert "canary" not in told
    assert not (tmp_path / "data" / "fetched").exists()


def test_check_needs_no_folder(cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "params.yaml").write_text(json.dumps(resolved(parameters(cluster, folder=None))))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(tmp_path):
        patch.setattr(cli, "end_on_sigterm", lambda: None)
        patch.setattr(sys, "argv", ["churnml", "check"])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
    assert "orders: 900 rows usable" in capsys.readouterr().out
