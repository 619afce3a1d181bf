from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml.errors import DataError, EnvironmentFault
from churnml.histories import readers
from churnml.histories.contract import CsvDialect, TableContract
from churnml.histories.csv_stream import MAX_FIELD_BYTES, MAX_LINE_BYTES
from churnml.histories.parts import MAX_COLUMNS, rows_expected
from churnml.histories.readers import open_part
from churnml.histories.sources import FolderSource

ORDERS = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("amount",))


def read(path: Path, contract: TableContract = ORDERS) -> list[dict[str, object]]:
    """Read one file as a table by the contract, whatever file that names."""
    (part,) = FolderSource(path.parent).parts(replace(contract, file=path.name))
    return [row for batch in part.batches() for row in batch.to_pylist()]


def written(folder: Path, text: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_is_text_bound_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "amount,at,id\n007,2024-01-02,NO\n")
    assert read(path) == [{"amount": "007", "at": "2024-01-02", "id": "NO"}]


def test_declared_dialect_is_used(tmp_path: Path) -> None:
    dialect = CsvDialect(delimiter=";", encoding="latin-1", null_values=("", "NA"))
    contract = TableContract("orders", "events", "orders.csv", id="id", time="at", csv=dialect)
    path = written(tmp_path, "id;at\nJosé;NA\n".encode("latin-1"))
    assert read(path, contract) == [{"id": "José", "at": None}]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"\xef\xbb\xbfid,at,amount\na,b,c\n"))[0]["id"] == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,at,amout\n", r"orders.csv:1: amount: no such column in the file \(amount\)\. Did you mean amout\?"),
        ("id,at,at,amount\n", "orders.csv:1: at: the header names a column twice"),
        ("id,at,amount,\n", "orders.csv:1: the header names a column twice or leaves a name empty"),
        ("", "orders.csv:1: id: no such columns in the file"),
        ("id,at, amount\n", r'orders.csv:1: amount: .*Did you mean " amount", with the space\?'),
        ("ID,at,amount\n", r"orders.csv:1: id: .*Did you mean ID\?"),
        ("id;at;amount\n", "orders.csv:1: id: .*csv.delimiter right"),
        (b"id,at,amount\n1,2,3\n4,5\x00,6\n", "orders.csv:3: holds a NUL character"),
        ("id,at,amount\n1,2,3,\n", "orders.csv:2: 4 cells where the header has 3"),
        ('id,at,amount\n1,2,3\n"4\n5",6,7\n8,9\n', "orders.csv:5: 2 cells where the header has 3"),
        ('"id,at,amount\n1,2,3\n', "orders.csv:1: a quote is not closed"),
        ("id,at,amount\n1,2,3\n".encode("utf-16"), r"orders.csv:1: .*\(utf-8\); it begins like utf-16"),
        ("id,at,amount\n中,2,3\n".encode("gb18030"), r"orders.csv:2: not in the declared encoding"),
        ("id,at,amount\n1,2,3\n4,5\n", "orders.csv:3: 2 cells where the header has 3"),
        ("id,at,amount\n1,2,3\n4,5,6,7\n", "orders.csv:3: 4 cells where the header has 3"),
        (b"id,at,amount\n1,2,3\n\xff\xfe,2,3\n", r"orders.csv:3: not in the declared encoding \(utf-8\)"),
        (b"\xffid,at,amount\n", r"orders.csv:1: not in the declared encoding \(utf-8\)"),
    ],
)
def test_bad_csv_is_refused_with_its_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message):
        read(path)


def test_message_about_a_bad_row_does_not_quote_it(tmp_path: Path) -> None:
    path = written(tmp_path, "id,at,amount\nsecret-value,2\n")
    with pytest.raises(DataError, match="cells") as caught:
        read(path)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("row", ["ids,2024-01-02,3\n", "ids,3,3\n"])
def test_the_first_row_of_a_file_without_a_header_is_not_shown(row: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"orders.csv:1: ") as caught:
        read(written(tmp_path, row))
    assert not {"ids", "3"} & set(str(caught.value).replace("?", "").replace(":", " ").split())


def test_unclosed_quote_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,at,amount\n1,2,3\n"4,5,6\n7,8,9\n')
    with pytest.raises(DataError, match=r"orders.csv:3: a quote is not closed"):
        read(path)


def test_unclosed_quote_in_the_last_column_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,at,amount\n1,2,3\n4,5,"6\n7,8,9\n')
    with pytest.raises(DataError, match=r"orders.csv:3: a quote is not closed"):
        read(path)


def test_quotes_inside_a_cell_are_part_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,at,amount\n1,5" pipe,3\n2,"a ""b""",4\n')
    assert [row["at"] for row in read(path)] == ['5" pipe', 'a "b"']


PLAIN = [{"amount": "1", "at": "é", "id": "a"}, {"amount": "2", "at": "x\ny", "id": "b"}]
TEXT = 'id,at,amount\na,é,1\nb,"x\ny",2\n'


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (("\ufeff" + TEXT).encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("gb18030"), "gb18030"),
        (TEXT.replace("2\n", "2").encode(), "utf-8"),
        ((TEXT + "\n\n").encode(), "utf-8"),
        (("\n" + TEXT).encode(), "utf-8"),
        (TEXT.replace("1\n", "1\r\n").replace("t\n", "t\r\n").encode(), "utf-8"),
    ],
)
def test_the_same_table_written_otherwise_is_the_same(data: bytes, encoding: str, tmp_path: Path) -> None:
    assert read(written(tmp_path, data), replace(ORDERS, csv=CsvDialect(encoding=encoding))) == PLAIN


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    names=st.permutations(["id", "at", "amount"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le", "gb18030"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
)
def test_any_text_comes_back(
    rows: list[tuple[str, str, str]],
    names: list[str],
    encoding: str,
    delimiter: str,
    end: str,
    packed: bool,
    tmp_path: Path,
) -> None:
    text = io.StringIO(newline="")
    # Python's writer leaves a carriage return of a cell bare where lines end otherwise; to a reader it ends a line.
    is_bare = any("\r" in cell for row in rows for cell in row)
    quoting = csv.QUOTE_ALL if packed or is_bare else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([names, *rows])
    data = text.getvalue().encode(encoding)
    path = written(tmp_path, gzip.compress(data) if packed else data, "orders.csv.gz" if packed else "orders.csv")
    contract = replace(ORDERS, csv=CsvDialect(delimiter=delimiter, encoding=encoding))
    expected = [{name: cell or None for name, cell in zip(names, row, strict=True)} for row in rows]
    assert read(path, contract) == expected


def test_a_compressed_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    head, tail = TEXT[:20].encode(), TEXT[20:].encode()
    assert read(written(tmp_path, gzip.compress(head) + gzip.compress(tail), "orders.csv.gz")) == PLAIN


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-9], "orders.csv.gz: the gzip file is cut off"),
        (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "orders.csv.gz: damaged or no gzip file"),
        (lambda _: gzip.compress(b"id,at,amount\n1,2\n"), "orders.csv.gz:2: 2 cells"),
        (lambda _: gzip.compress(TEXT.encode() + b"\n" * (70 << 20)), "orders.csv.gz: grows to more than 200 times"),
    ],
)
def test_damaged_compressed_files_are_refused(damage: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = written(tmp_path, damage(gzip.compress(TEXT.encode())), "orders.csv.gz")
    with pytest.raises(DataError, match=message):
        read(path)


FIELD = "9" * MAX_FIELD_BYTES
NAMES = ",".join(["id,at,amount", *(f"c{i}" for i in range(20))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"id,at,amount\n1,2,3\n1,2,{FIELD}9\n", "orders.csv:2: amount: a field is longer than 1 MB"),
        (f"{NAMES}\n1,2,3{',' * 20}\n1,2,3{f',{FIELD}' * 20}\n", "orders.csv:3: a line is longer than 8 MB"),
        (f"id,at,amount,{'x' * MAX_LINE_BYTES}\n1,2,3\n", "orders.csv:1: a line is longer than 8 MB"),
        (f"id,at,amount,{','.join(map(str, range(MAX_COLUMNS)))}\n", "orders.csv:1: 10,003 columns, more than 10,000"),
    ],
)
def test_what_is_longer_than_a_table_ever_is_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message):
        read(path)


def test_the_longest_field_is_read(tmp_path: Path) -> None:
    (row,) = read(written(tmp_path, f"id,at,amount\n1,2,{FIELD}\n"))
    assert len(row["amount"]) == MAX_FIELD_BYTES


def test_rows_across_blocks_are_whole(tmp_path: Path) -> None:
    lines = [f'{i},"{"x" * (i % 7)}\n",{i}' for i in range(900_000)]
    (part,) = FolderSource(tmp_path).parts(
        replace(ORDERS, file=written(tmp_path, "\n".join(["id,at,amount", *lines])).name)
    )
    batches = list(part.batches())
    assert len(batches) > 1
    assert pa.chunked_array([b["amount"] for b in batches]).to_pylist() == [str(i) for i in range(900_000)]
    assert part.digest == hashlib.sha256((tmp_path / "orders.csv").read_bytes()).hexdigest()


def test_a_file_exchanged_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (part,) = FolderSource(tmp_path).parts(replace(ORDERS, file=written(tmp_path, TEXT).name))
    written(tmp_path, "at,id,amount\n1,2,3\n")
    with pytest.raises(DataError, match="changed while it was read"):
        list(part.batches())


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_a_file_that_may_not_be_read_is_an_environment_fault(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    written(tmp_path, TEXT, name)
    monkeypatch.setattr(readers, "CsvStream", refused)
    monkeypatch.setattr(readers.pq, "ParquetFile", refused)
    with pytest.raises(EnvironmentFault, match=f"{name}: cannot be read"):
        read(tmp_path / name)


def test_missing_file_offers_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, "id\n", name="order.csv")
    with pytest.raises(DataError, match=r"orders.csv: .*file not found\. Did you mean order.csv\?"):
        read(tmp_path / "orders.csv")


def test_pattern_characters_in_a_name_are_literal(tmp_path: Path) -> None:
    written(tmp_path, "id,at,amount\nother,1,1\n", name="orders1.csv")
    path = written(tmp_path, "id,at,amount\nright,1,1\n", name="orders[1].csv")
    assert [batch["id"].to_pylist() for batch in open_part(path, ORDERS).batches()] == [["right"]]


PARQUET = TableContract("orders", "events", "orders.parquet", id="id", time="at")


def test_parquet_folder_names_replace_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "id=999"
    folder.mkdir()
    pq.write_table(pa.table({"id": ["a"], "at": ["2024-01-01"]}), folder / "orders.parquet")
    assert read(folder / "orders.parquet", PARQUET)[0]["id"] == "a"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_parquet_is_refused(share: float, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"] * 1000, "at": ["2024-01-01"] * 1000}), tmp_path / "orders.parquet")
    whole = (tmp_path / "orders.parquet").read_bytes()
    path = written(tmp_path, whole[: int(len(whole) * share)], name="orders.parquet")
    with pytest.raises(DataError, match="damaged or no Parquet file"):
        read(path, PARQUET)


def test_bit_flips_in_a_checksummed_parquet_file_are_refused(tmp_path: Path) -> None:
    table = pa.table({"id": [f"c{i}" for i in range(500)], "at": ["2024-01-01"] * 500})
    pq.write_table(table, tmp_path / "orders.parquet", write_page_checksum=True, use_dictionary=False)
    whole = bytearray((tmp_path / "orders.parquet").read_bytes())
    start = whole.find(b"c250")
    whole[start] ^= 1
    path = written(tmp_path, bytes(whole), name="orders.parquet")
    with pytest.raises(DataError, match="damaged"):
        read(path, PARQUET)


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
def test_a_header_alone_is_a_file_without_rows(end: str, tmp_path: Path) -> None:
    assert read(written(tmp_path, "id,at,amount" + end)) == []


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.parquet"])
def test_once_a_file_is_read_its_rows_are_those_expected(name: str, tmp_path: Path) -> None:
    path, table = tmp_path / name, pa.table({"id": ["a", "b", "c"], "at": ["1", "2", "3"], "paid": ["4", "5", "6"]})
    text = "id,at,paid\n" + "".join(",".join(row.values()) + "\n" for row in table.to_pylist())
    if name.endswith(".parquet"):
        pq.write_table(table, path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    part = open_part(path, replace(ORDERS, file=name))
    assert rows_expected([part]) is None
    assert sum(batch.num_rows for batch in part.batches()) == rows_expected([part]) == 3
