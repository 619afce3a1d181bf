from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml.errors import DataError, EnvironmentFault
from churnml.parquet import open_parquet, parquet_rows, read_parquet, read_verified, write_parquet, write_parquet_parts
from churnml.storage import digest_file, write_bytes

TABLE = pa.table({"id": [f"c{i}" for i in range(500)], "x": pa.array(range(500), pa.float64())})


def raising(error: Exception) -> object:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


def test_parquet_keeps_the_table_and_its_bytes(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    write_parquet(pa.concat_tables([TABLE.slice(0, 7), TABLE.slice(7)]).combine_chunks(), tmp_path / "b.parquet")
    assert read_parquet(tmp_path / "a.parquet").equals(TABLE)
    assert digest_file(tmp_path / "a.parquet") == digest_file(tmp_path / "b.parquet")
    assert read_parquet(tmp_path / "a.parquet", columns=["x"]).column_names == ["x"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_cut_parquet_is_refused(share: float, tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    write_bytes(whole[: int(len(whole) * share)], tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x.parquet: damaged or no Parquet file\. Deliver or make it again\."):
        read_parquet(tmp_path / "x.parquet")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_flipped_bit_gives_other_values(place: float, bit: int, tmp_path: Path) -> None:
    """A flip in the footer may leave the values as they are; it must not change them silently."""
    write_parquet(TABLE, tmp_path / "x.parquet")
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    pages = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[4 + int(place * (pages - 4))] ^= 1 << bit
    write_bytes(bytes(data), tmp_path / "x.parquet")
    try:
        found = read_parquet(tmp_path / "x.parquet")
    except DataError:
        return
    assert found.equals(TABLE)


def test_a_file_that_may_not_be_read_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(TABLE, tmp_path / "x.parquet")
    monkeypatch.setattr(pq, "ParquetFile", raising(PermissionError(errno.EACCES, "denied")))
    with pytest.raises(EnvironmentFault, match=r"x\.parquet: may not be read"):
        read_parquet(tmp_path / "x.parquet")


def test_memory_that_runs_out_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(TABLE, tmp_path / "x.parquet")
    monkeypatch.setattr(pq, "ParquetFile", raising(pa.ArrowMemoryError("malloc failed")))
    with pytest.raises(MemoryError, match="malloc"):
        read_parquet(tmp_path / "x.parquet")


@pytest.mark.parametrize("read", [read_parquet, parquet_rows])
@pytest.mark.parametrize("name", ["absent", "file/below"])
def test_absent_files_are_named(read: Callable[[Path], object], name: str, tmp_path: Path) -> None:
    write_bytes(b"", tmp_path / "file")
    with pytest.raises(DataError, match=f"{name.rpartition('/')[2]}: file not found"):
        read(tmp_path / name)


def test_full_disk_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(TABLE, tmp_path / "x.parquet")
    before = digest_file(tmp_path / "x.parquet")
    monkeypatch.setattr(pq, "write_table", raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    with pytest.raises(EnvironmentFault, match=r"x\.parquet: cannot be written"):
        write_parquet(TABLE.slice(1), tmp_path / "x.parquet")
    assert os.listdir(tmp_path) == ["x.parquet"]
    assert digest_file(tmp_path / "x.parquet") == before


def test_parts_become_one_file_and_are_counted(tmp_path: Path) -> None:
    parts = [TABLE.slice(0, 7), TABLE.slice(7, 0), TABLE.slice(7)]
    assert write_parquet_parts(iter(parts), tmp_path / "x.parquet") == parquet_rows(tmp_path / "x.parquet") == 500
    assert read_parquet(tmp_path / "x.parquet").equals(TABLE)


def test_verified_bytes_open_as_the_table_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(TABLE, path, coded=["id"])
    digest = digest_file(path)
    with open_parquet(read_verified(path, name="orders/x", digest=digest), name="orders/x") as source:
        assert source.read(columns=["x"]).equals(TABLE.select(["x"]))
    write_parquet(TABLE.slice(1), path, coded=["id"])
    with pytest.raises(DataError, match="orders/x: not what was written: its digest differs"):
        read_verified(path, name="orders/x", digest=digest)
