from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import AS_OF

from churnml.errors import ConfigError, DataError
from churnml.histories.checks import Findings
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.sources import FolderSource, open_source
from churnml.histories.store import History, open_history

ORDERS = TableContract("orders", "events", "orders", id="id", time="at", amount=("amount",), categories=("shop",))
HEADER = "id,at,amount,shop\n"
ROWS = [f"c{i % 7},2020-01-{1 + i % 28:02d},{i}.5,{'ab'[i % 2]}\n" for i in range(60)]


def files(folder: Path, **texts: str | bytes) -> None:
    """Write files into ``raw/orders``; two underscores in a name stand for a dot."""
    (folder / "raw" / "orders").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / "raw" / "orders" / name.replace("__", ".")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def prepared(folder: Path, contract: TableContract = ORDERS, findings: Findings | None = None) -> History:
    out = folder / "out"
    prepare([contract], root=folder, folder="raw", target=out, as_of=AS_OF, timezone="UTC", findings=findings)
    return open_history(out)


def digests(history: History) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in history.folder.rglob("*.parquet")}


def names(folder: Path, contract: TableContract = ORDERS) -> list[str]:
    return [part.name for part in FolderSource(folder / "raw").parts(contract)]


def test_in_02_columns_in_another_order(tmp_path: Path) -> None:
    files(tmp_path / "a", orders__csv=HEADER + "".join(ROWS))
    turned = [",".join(reversed(row.strip().split(","))) + "\n" for row in [HEADER, *ROWS]]
    files(tmp_path / "b", orders__csv="".join(turned))
    assert digests(prepared(tmp_path / "a")) == digests(prepared(tmp_path / "b"))


def test_a_table_in_several_files_is_the_table_in_one(tmp_path: Path) -> None:
    files(tmp_path / "one", orders__csv=HEADER + "".join(ROWS))
    files(tmp_path / "two", b__csv=HEADER + "".join(ROWS[:25]), a__csv="shop,amount,at,id\n")
    turned = [",".join(reversed(row.strip().split(","))) + "\n" for row in ROWS[25:]]
    files(tmp_path / "two", a__csv="shop,amount,at,id\n" + "".join(turned))
    listed = replace(ORDERS, files=("orders/b.csv", "orders/a.csv"))
    assert digests(prepared(tmp_path / "one")) == digests(prepared(tmp_path / "two"))
    assert digests(prepared(tmp_path / "one")) == digests(prepared(tmp_path / "two", listed))


def test_a_copy_of_a_row_in_another_file_is_a_copy(tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER + "".join(ROWS), b__csv="note,shop,amount,at,id\n,b,1.5,2020-01-02,c1\n")
    findings = Findings()
    assert prepared(tmp_path, findings=findings).tables["orders"].n_rows == len(ROWS)
    assert findings.count("data.duplicates", "orders") == 1


def test_a_folder_gives_its_tables_by_name_and_nothing_else(tmp_path: Path) -> None:
    files(tmp_path, b__csv=HEADER, a__CSV=HEADER, _SUCCESS="", README__md="x")
    files(tmp_path, __hidden__csv="", _crc__csv="", c__csv__tmp="", a__CSV__manifest__json='{"rows":0}')
    (tmp_path / "raw" / "orders" / "deeper.csv").mkdir()
    assert names(tmp_path) == ["orders/a.CSV", "orders/b.csv"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a__csv": HEADER, "b__parquet": b""}, r"orders: histories\.tables\.orders\.file: both \.csv and \.parquet"),
        ({"readme__md": ""}, r"orders: histories\.tables\.orders\.file: no \.csv and no \.parquet file in the folder"),
    ],
)
def test_a_folder_holds_files_of_one_kind(texts: dict[str, str | bytes], message: str, tmp_path: Path) -> None:
    files(tmp_path, **texts)
    with pytest.raises(DataError, match=message):
        names(tmp_path)


def test_one_file_is_not_read_twice(tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER)
    with pytest.raises(ConfigError, match="names the same file twice"):
        names(tmp_path, replace(ORDERS, files=("orders/a.csv", "orders/./a.csv")))


def test_a_finding_names_the_file_it_is_in(tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER + "".join(ROWS), b__csv=HEADER + ROWS[0] + "x,2020-01-01,abc,a\n")
    with pytest.raises(DataError, match=r"orders/b.csv:3: amount: number unreadable in 1 of 2 rows, first in row 2"):
        prepared(tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("id,at,paid,shop\n", r"orders/b.csv: amount: no such column in this file, while orders/a.csv has it \(a text"),
        ("id,at,Amount,shop\n", r"orders/b.csv: amount: .*orders/a.csv has it .*Did you mean Amount\?"),
    ],
)
def test_in_34_a_renamed_column_in_a_second_file(second: str, message: str, tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER + "".join(ROWS), b__csv=second)
    with pytest.raises(DataError, match=message):
        prepared(tmp_path)
    assert not (tmp_path / "out").exists()


KINDS = {
    "int32": pa.array([1], pa.int32()),
    "int64": pa.array([1]),
    "double": pa.array([1.0]),
    "decimal": pa.array([1], pa.decimal128(9, 2)),
    "text": pa.array(["1"]),
    "large text": pa.array(["1"], pa.large_string()),
    "coded text": pa.array(["1"]).dictionary_encode(),
    "time": pa.array([0], pa.timestamp("ms")),
    "UTC time": pa.array([0], pa.timestamp("us", tz="UTC")),
    "day": pa.array([0], pa.date32()),
    "truth": pa.array([True]),
    "nothing": pa.nulls(1),
}
ALIKE = [{"int32", "int64", "double", "decimal"}, {"text", "large text", "coded text"}, {"time", "UTC time", "day"}]


@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("first", KINDS)
def test_in_34_another_type_in_a_second_file(first: str, second: str, tmp_path: Path) -> None:
    files(tmp_path)
    for name, kind in (("a", first), ("b", second)):
        table = pa.table({"id": ["x"], "at": ["2020-01-01"], "shop": ["s"], "amount": KINDS[kind]})
        pq.write_table(table, tmp_path / "raw" / "orders" / f"{name}.parquet")
    if first == second or "nothing" in {first, second} or any({first, second} <= kinds for kinds in ALIKE):
        assert len(names(tmp_path)) == 2
    else:
        with pytest.raises(DataError, match=r"b.parquet: amount: .* in this file, while it is .* in orders/a.parquet"):
            names(tmp_path)


def test_in_34_the_types_are_named(tmp_path: Path) -> None:
    files(tmp_path)
    for name, amount in (("a", pa.array([1.0])), ("b", pa.nulls(1)), ("c", pa.array(["1"]))):
        table = pa.table({"id": ["x"], "at": ["2020-01-01"], "shop": ["s"], "amount": amount})
        pq.write_table(table, tmp_path / "raw" / "orders" / f"{name}.parquet")
    with pytest.raises(DataError, match=r"c.parquet: amount: a text \(string\) .* a number \(double\) in orders/a.par"):
        names(tmp_path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_in_04_a_file_cut_in_mid_row(share: float, tmp_path: Path) -> None:
    text = HEADER + "".join(ROWS)
    cut = text.index(",", int(len(text) * share))
    files(tmp_path, orders__csv=text[:cut])
    line = text[:cut].count("\n") + 1
    with pytest.raises(DataError, match=rf"orders.csv:{line}: [123] cells where the header has 4"):
        prepared(tmp_path, replace(ORDERS, file="orders/orders.csv"))


@pytest.mark.parametrize(("end", "rules"), [("", ["data.unfinished_line"]), ("\n", []), ("\r\n", [])])
def test_in_04_a_last_row_without_its_end_may_be_cut(end: str, rules: list[str], tmp_path: Path) -> None:
    files(tmp_path, orders__csv=HEADER + "".join(ROWS) + "c9,2020-01-01,15,a" + end)
    findings = Findings()
    assert prepared(tmp_path, findings=findings).tables["orders"].n_rows == 61
    # The rows end long before they are read, which is told as well.
    found = [(f.rule, f.severity, f.first_row) for f in findings.all if f.rule != "data.gap"]
    assert found == [(rule, "warning", 61) for rule in rules]


def manifest(folder: Path, **facts: object) -> None:
    (folder / "raw" / "orders" / "orders.csv.manifest.json").write_text(json.dumps(facts))


def test_in_04_a_file_cut_between_rows(tmp_path: Path) -> None:
    files(tmp_path, orders__csv=HEADER + "".join(ROWS[:41]))
    manifest(tmp_path, rows=60)
    with pytest.raises(DataError, match=r"orders/orders.csv: shorter than its manifest: 41 rows of 60"):
        prepared(tmp_path)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"rows": 59}, "longer than its manifest: 60 rows of 59"),
        ({"rows": 60, "sha256": "0" * 64}, "another digest"),
        ({"rows": -1}, "orders.csv.manifest.json: no manifest"),
        ({"rows": True}, "no manifest"),
        ({"sha256": "abc"}, "no manifest"),
        ({}, "no manifest"),
    ],
)
def test_a_file_and_its_manifest_must_agree(facts: dict[str, object], message: str, tmp_path: Path) -> None:
    files(tmp_path, orders__csv=HEADER + "".join(ROWS))
    manifest(tmp_path, **facts)
    with pytest.raises(DataError, match=message):
        prepared(tmp_path)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    files(tmp_path, orders__csv=HEADER + "".join(ROWS), orders__csv__manifest__json="rows: 60")
    with pytest.raises(DataError, match=r"orders.csv.manifest.json: no manifest"):
        prepared(tmp_path)


def test_a_whole_file_agrees_with_its_manifest(tmp_path: Path) -> None:
    text = HEADER + "".join(ROWS)
    files(tmp_path, orders__csv=text)
    manifest(tmp_path, rows=60, sha256=hashlib.sha256(text.encode()).hexdigest().upper(), made_by="x")
    assert prepared(tmp_path).tables["orders"].n_rows == 60


HOSTILE = [
    "paid\"; COPY (SELECT 1) TO 'stolen.csv'; --",
    "paid'); DROP TABLE orders; --",
    "paid/* */",
    "paid`",
    "paid\\",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("role", ["amount", "numbers", "categories", "group", "known_at"])
def test_cf_06_a_column_name_with_a_statement_in_it(name: str, role: str, tmp_path: Path) -> None:
    files(tmp_path, orders__csv=HEADER + "".join(ROWS))
    before = sorted(tmp_path.rglob("*"))
    contract = replace(ORDERS, **{role: name if role == "known_at" else (name,)})
    with pytest.raises(ConfigError, match=rf"params.yaml: histories\.tables\.orders\.{role}: no such column"):
        prepared(tmp_path, contract)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_cf_06_such_a_name_is_a_name_where_the_header_has_it(name: str, tmp_path: Path) -> None:
    quoted = name.replace('"', '""')
    files(tmp_path, orders__csv=f'id,at,amount,shop,"{quoted}"\nc1,2020-01-01,1,a,x\n')
    history = prepared(tmp_path, replace(ORDERS, categories=(name,)))
    found = [row for b in range(history.n_buckets) for row in history.read("orders", b).to_pylist()]
    assert [row[f"c:{name}"] for row in found] == ["x"]


OUTSIDE = [
    "../secret.csv",
    "orders/../../secret.csv",
    "/etc/passwd",
    "~/secret.csv",
    "~root/x.csv",
    "\\\\host\\share\\x.csv",
    "c:\\x.csv",
    "C:x.csv",
    "file:///etc/passwd",
    "s3://bucket/x.csv",
    "https://host/x.csv",
    "orders/*.csv",
    "orders/[a].csv",
    "orders/{a,b}.csv",
    "a\x00.csv",
    "a\n.csv",
    " a.csv",
    "a.csv ",
    "",
    "..",
    "leads_out.csv",
    "way_out/secret.csv",
    "round.csv",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("place", ["folder", "file"])
def test_cf_08_names_that_lead_outside(name: str, place: str, tmp_path: Path) -> None:
    root = tmp_path / "project"
    files(root, a__csv=HEADER)
    (tmp_path / "secret.csv").write_text(HEADER)
    for base in (root, root / "raw"):
        os.symlink(tmp_path / "secret.csv", base / "leads_out.csv")
        os.symlink(tmp_path, base / "way_out")
        os.symlink("round.csv", base / "round.csv")
    before = sorted(tmp_path.rglob("*"))
    contract = replace(ORDERS, files=("orders/a.csv", name if place == "file" else "orders/a.csv"))
    with pytest.raises(ConfigError, match=r"(histories\.folder|orders\.file): not a plain path"):
        prepare(
            [contract],
            root=root,
            folder=name if place == "folder" else "raw",
            target=root / "out",
            as_of=AS_OF,
            timezone="UTC",
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_cf_08_a_link_in_a_folder_of_files_leads_nowhere_else(tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER)
    (tmp_path / "secret.csv").write_text(HEADER)
    os.symlink(tmp_path / "secret.csv", tmp_path / "raw" / "orders" / "b.csv")
    with pytest.raises(ConfigError, match=r"orders\.file: not a plain path"):
        names(tmp_path)


def test_neither_folder_nor_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither given"), open_source(root=tmp_path, folder=None):
        pass


def test_a_link_that_leads_nowhere_is_not_proposed_as_the_file_meant(tmp_path: Path) -> None:
    files(tmp_path, a__csv=HEADER)
    (tmp_path / "raw" / "orders" / "b.csv").symlink_to("nowhere.csv")
    contract = replace(ORDERS, file="orders/b.csv")
    with pytest.raises(DataError, match=r"file not found. Did you mean a.csv\?"):
        names(tmp_path, contract)
