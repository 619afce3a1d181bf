from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.errors import PrivacyError
from churnml.exports.formulas import restore
from churnml.exports.tables import write_csv


def reread(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_bytes_of_every_kind_of_column(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["007", 'a "b", c', "", None],
            "n": pa.array([-1, 0, None, 9], pa.int64()),
            "x": [-0.5, 1e-7, float("nan"), 1.0],
            "yes": [True, False, None, True],
            "day": [date(2024, 6, 30), None, None, None],
            "at": pa.array([datetime(2024, 6, 30, 18, tzinfo=UTC), None, None, None], pa.timestamp("s", "UTC")),
            "level": pa.array(["web", None, "=web", "web"]).dictionary_encode(),
        }
    )
    write_csv(table, tmp_path / "t.csv", headers={"id": "Customer"})
    assert (tmp_path / "t.csv").read_bytes() == (
        b"Customer,n,x,yes,day,at,level\n"
        b"007,-1,-0.5,true,2024-06-30,2024-06-30T18:00:00Z,web\n"
        b'"a ""b"", c",0,1e-7,false,,,\n'
        b'"",,,,,,\'=web\n'
        b",9,1,true,,,web\n"
    )


def test_mark_for_excel_comes_first_and_rows_repeat(tmp_path: Path) -> None:
    table = pa.table({"a": ["x"] * 3})
    write_csv(table, tmp_path / "1.csv", bom=True)
    write_csv(table, tmp_path / "2.csv", bom=True)
    assert (tmp_path / "1.csv").read_bytes() == b"\xef\xbb\xbfa\nx\nx\nx\n" == (tmp_path / "2.csv").read_bytes()


def test_payloads_and_hostile_headers_become_harmless_and_numbers_stay(tmp_path: Path) -> None:
    payloads = [lead + "1+1" for lead in ["=", "+", "-", "@", "\t=", "\r", "\n", " =", "\ufeff=", "\uff1d"]]
    table = pa.table({"=head": payloads, "n": [-1.5] * 10})
    write_csv(table, tmp_path / "t.csv")
    head, *rows = reread(tmp_path / "t.csv")
    assert head == ["'=head", "n"]
    assert all(row[0].startswith("'") and float(row[1]) == -1.5 for row in rows)
    assert restore(pa.array([row[0] for row in rows])).to_pylist() == payloads


def test_raw_mode_changes_nothing(tmp_path: Path) -> None:
    write_csv(pa.table({"phone": ["+49 30 1"]}), tmp_path / "t.csv", formula_guard=False)
    assert reread(tmp_path / "t.csv") == [["phone"], ["+49 30 1"]]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
def test_any_text_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    a, b = [r[0] for r in rows], [r[1] for r in rows]
    write_csv(pa.table({"a": pa.array(a, pa.string()), "b": pa.array(b, pa.string())}), path)
    again = reread(path)[1:]
    assert restore(pa.array([r[0] for r in again], pa.string())).to_pylist() == a
    assert restore(pa.array([r[1] for r in again], pa.string())).to_pylist() == b


def test_single_column_keeps_its_empty_rows(tmp_path: Path) -> None:
    write_csv(pa.table({"a": pa.array([None, "x"])}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b'a\n""\nx\n'


def test_empty_table_has_its_header(tmp_path: Path) -> None:
    write_csv(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.float64())}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"a,b\n"


@pytest.mark.parametrize("headers", [{"a": "same", "b": "same"}, {"a": " "}])
def test_unclear_headers_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    with pytest.raises(PrivacyError, match="headers are not all different"):
        write_csv(pa.table({"a": [1], "b": [2]}), tmp_path / "t.csv", headers=headers)
    assert not list(tmp_path.iterdir())


def test_infinite_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match=r"gain: numbers are infinite"):
        write_csv(pa.table({"gain": [1.0, float("inf")]}), tmp_path / "t.csv")
