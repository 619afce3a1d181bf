from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churnml.errors import DataError
from churnml.histories.contract import CsvDialect, TableContract
from churnml.histories.readers import read_batches

ORDERS = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("amount",))


def read(path: Path, contract: TableContract = ORDERS) -> list[dict[str, object]]:
    return [row for batch in read_batches(path, contract) for row in batch.to_pylist()]


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


def test_unclosed_quote_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,at,amount\n1,2,3\n"4,5,6\n7,8,9\n')
    with pytest.raises(DataError, match=r"orders.csv:"):
        read(path)


def test_unclosed_quote_in_the_last_column_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,at,amount\n1,2,3\n4,5,"6\n7,8,9\n')
    with pytest.raises(DataError, match="a quote is not closed"):
        read(path)


def test_missing_file_offers_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, "id\n", name="order.csv")
    with pytest.raises(DataError, match=r"orders.csv: .*file not found\. Did you mean order.csv\?"):
        read(tmp_path / "orders.csv")


def test_pattern_characters_in_a_name_are_literal(tmp_path: Path) -> None:
    written(tmp_path, "id,at,amount\nother,1,1\n", name="orders1.csv")
    path = written(tmp_path, "id,at,amount\nright,1,1\n", name="orders[1].csv")
    assert [row["id"] for row in read(path)] == ["right"]


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
