from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgetting_project import ID, NAME, OTHER, SHORT, WHO, database, squeezed, table, text, zipped

from churnml.forgetting import seeing
from churnml.forgetting.seeing import holds, perhaps_holds

WITH = {
    "text": lambda path: text(path, f"a,{ID},b"),
    "utf-16": lambda path: text(path, f"a,{ID},b", "utf-16"),
    "workbook": lambda path: zipped(path, f"<t>{NAME}</t>"),
    "name of a member": lambda path: zipped(path, "", f"letters/{ID}.txt"),
    "gzip": lambda path: squeezed(path, f"x\n{ID}\n"),
    "database": lambda path: database(path, f"of {ID}"),
    "ids": lambda path: table(path, customer_id=["x", ID]),
    "notes": lambda path: table(path, note=["x", f"call {NAME}"], n=[1, 2]),
    "codes": lambda path: table(path, reference=pa.array([ID, "y"]).dictionary_encode()),
}
WITHOUT = {
    "empty": lambda path: text(path, ""),
    "text": lambda path: text(path, f"a,{OTHER},b"),
    "workbook": lambda path: zipped(path, f"<t>{OTHER}</t>"),
    "gzip": lambda path: squeezed(path, f"x\n{OTHER}\n"),
    "ids": lambda path: table(path, customer_id=["x", OTHER], p=[0.1, 0.2]),
}


@pytest.mark.parametrize("kind", WITH)
def test_a_person_is_found(tmp_path: Path, kind: str) -> None:
    assert holds(WITH[kind](tmp_path / "file"), WHO)


@pytest.mark.parametrize("kind", WITHOUT)
def test_nobody_is_found(tmp_path: Path, kind: str) -> None:
    path = WITHOUT[kind](tmp_path / "file")
    assert (holds(path, WHO), perhaps_holds(path, WHO)) == (False, False)


def test_notes_of_a_parquet_file_count(tmp_path: Path) -> None:
    rows = pa.table({"a": [1]}).replace_schema_metadata({"note": f"without {ID}"})
    pq.write_table(rows, tmp_path / "a.parquet")
    assert holds(tmp_path / "a.parquet", WHO)


@pytest.mark.parametrize("head", [b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08\x00"])
def test_of_what_cannot_be_unpacked_the_bytes_are_looked_at(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "file").write_bytes(head + b"damaged " + ID.encode())
    assert holds(tmp_path / "file", WHO)


def test_a_word_across_two_pieces_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeing, "_PIECE", 7)
    assert holds(squeezed(tmp_path / "a.gz", f"xxxx {ID} yyyy"), WHO)


def test_short_ids_are_looked_for_where_ids_stand(tmp_path: Path) -> None:
    assert holds(table(tmp_path / "a", customer_id=["17"], n=[3]), SHORT)
    assert holds(table(tmp_path / "b", user_id=[17, 18]), SHORT)
    assert holds(table(tmp_path / "c", customerID=[17, 18]), SHORT)


def test_short_ids_elsewhere_are_numbers(tmp_path: Path) -> None:
    assert not holds(table(tmp_path / "d", customer_id=["3"], account=[17], pages=["17"]), SHORT)
    assert not holds(table(tmp_path / "e", pages=[17]), SHORT)
    assert not holds(table(tmp_path / "f", kunde=["3"], user_id=[17]), SHORT, columns=["kunde"])
    assert not holds(text(tmp_path / "g", "17 rows"), SHORT)


def test_what_is_made_again_goes_on_suspicion(tmp_path: Path) -> None:
    assert perhaps_holds(text(tmp_path / "g", "17 rows"), SHORT)
    assert perhaps_holds(squeezed(tmp_path / "h", "17 rows"), SHORT)
