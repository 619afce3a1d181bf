from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgetting_project import ID, NAME, OTHER, SHORT, WHO, table, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml.forgetting.rows import Columns, ids_in, is_table, without_rows
from churnml.forgetting.traces import Traces
from churnml.histories.contract import CsvDialect
from churnml.storage import digest_file

CELLS = st.text(st.sampled_from('a7;,"\n\r é'), max_size=4)


def test_rows_of_a_csv_file_go_and_every_other_byte_stays(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", f'id,note\r\n{ID},x\r\n{OTHER},"two\r\nlines"\r\n"{ID}",y')
    assert without_rows(path, WHO, Columns(["id"])) == 2
    assert path.read_bytes() == f'id,note\r\n{OTHER},"two\r\nlines"\r\n'.encode()


def test_a_file_without_the_person_is_not_touched(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", f"id,n\n{OTHER},1\n")
    before = path.stat()
    assert without_rows(path, WHO) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_where_another_row_names_the_person_the_place_is_emptied(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", f'id,brought_by,note\n1,{ID},\n2,,"by {NAME}, called"\n')
    assert without_rows(path, WHO, Columns(["id"])) == 2
    assert path.read_text() == 'id,brought_by,note\n1,,\n2,,"by , called"\n'


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_encodings_and_delimiters_are_those_of_the_contract(tmp_path: Path, encoding: str) -> None:
    path = text(tmp_path / "a.csv", f"name;id\né;{ID}\né;2\n", encoding)
    assert without_rows(path, WHO, Columns(["id"], CsvDialect(delimiter=";", encoding=encoding))) == 1
    assert path.read_bytes().decode(encoding) == "name;id\né;2\n"


def test_without_a_contract_delimiter_and_encoding_are_seen(tmp_path: Path) -> None:
    path = text(tmp_path / "a.tsv", f"x\tcustomer_id\n1\t{ID}\n2\t3\n", "utf-16")
    assert without_rows(path, WHO) == 1
    assert path.read_bytes().decode("utf-16") == "x\tcustomer_id\n2\t3\n"


def test_compressed_files_give_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        (tmp_path / name).write_bytes(gzip.compress(f"id\n{ID}\n2\n".encode()))
        assert without_rows(tmp_path / name, WHO) == 1
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == b"id\n2\n"
    assert digest_file(tmp_path / "a.csv.gz") == digest_file(tmp_path / "b.csv.gz")


def test_a_quote_that_never_ends_takes_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churnml.forgetting.rows.MAX_LINE_BYTES", 20)
    path = text(tmp_path / "a.csv", f'id,n\n1,"open\n2,aaaaaaaaaaaaaaaaa\n{ID},3\n4,5\n')
    assert without_rows(path, WHO, Columns(["id"])) == 1
    assert path.read_text() == 'id,n\n1,"open\n2,aaaaaaaaaaaaaaaaa\n4,5\n'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_the_rows_left_are_those_of_a_plain_reader(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("id", "note"), *rows])
    path = text(tmp_path / "a.csv", buffer.getvalue())
    known = Traces(frozenset({"a7"}), frozenset())
    assert without_rows(path, known, Columns(["id"])) == sum(one == "a7" for one, _ in rows)
    left = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert left[1:] == [list(row) for row in rows if row[0] != "a7"]


def test_rows_of_a_parquet_file_go_and_the_schema_stays(tmp_path: Path) -> None:
    rows = pa.table({"id": pa.array([17, 18, 17]), "at": pa.array([1, 2, 3], pa.timestamp("ns"))})
    path = tmp_path / "a.parquet"
    pq.write_table(rows.replace_schema_metadata({"a": "b"}), path, row_group_size=2, compression="zstd")
    assert without_rows(path, SHORT, Columns(["id"])) == 2
    left = pq.ParquetFile(path)
    assert left.read().equals(rows.slice(1, 1))
    assert left.schema_arrow.metadata[b"a"] == b"b"
    assert left.metadata.row_group(0).column(0).compression == "ZSTD"


def test_cells_of_a_parquet_file_that_name_the_person_are_emptied(tmp_path: Path) -> None:
    notes = pa.array([f"by {NAME}", None, "x"])
    path = table(tmp_path / "a.parquet", customer_id=["1", "2", "3"], note=notes, coded=notes.dictionary_encode())
    assert without_rows(path, WHO) == 2
    left = ["by ", None, "x"]
    assert pq.read_table(path).to_pydict() == {"customer_id": ["1", "2", "3"], "note": left, "coded": left}


def test_an_empty_parquet_file_is_not_touched(tmp_path: Path) -> None:
    assert without_rows(table(tmp_path / "a.parquet", customer_id=pa.array([], pa.string())), WHO) == 0


def test_a_manifest_and_a_digest_in_the_name_follow(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", customer_id=[ID, "2"])
    named = path.rename(tmp_path / f"0001-{digest_file(path)[:16]}.parquet")
    manifest = tmp_path / f"{named.name}.manifest.json"
    manifest.write_text(json.dumps({"rows": 2, "sha256": digest_file(named), "by": "export"}))
    without_rows(named, WHO)
    (left,) = tmp_path.glob("*.parquet")
    assert json.loads(manifest.read_text()) == {"rows": 1, "sha256": digest_file(left), "by": "export"}
    assert left.name == f"0001-{digest_file(left)[:16]}.parquet"


def test_who_has_rows_is_told_by_the_columns_of_ids(tmp_path: Path) -> None:
    known = Traces(frozenset({ID, "17"}), frozenset())
    assert ids_in(table(tmp_path / "a.parquet", id=["17", "x"], no=[ID, ID]), known, Columns(["id"])) == {"17"}
    assert ids_in(text(tmp_path / "a.csv", f"id,n\n'{ID},17\n"), known, Columns(["id"])) == {ID}


@pytest.mark.parametrize("name", ["a.CSV", "a.csv.gz", "a.parquet", "a.xlsx"])
def test_tables_are_told_by_their_names(name: str) -> None:
    assert is_table(Path(name)) is (name != "a.xlsx")
