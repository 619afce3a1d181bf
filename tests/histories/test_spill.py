from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag

from churnml.histories import prepare as preparing
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.spill import BucketSpill
from churnml.storage import digest_file


def batch(numbers: range) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(numbers), "text": [f"row {n}" for n in numbers]})


def filled(folder: Path, *, limit_bytes: int, n_buckets: int = 3) -> BucketSpill:
    folder.mkdir(exist_ok=True)
    spill = BucketSpill(folder, n_buckets=n_buckets, limit_bytes=limit_bytes)
    for start in (0, 10, 20):
        rows = batch(range(start, start + 10))
        spill.add(rows, np.array(rows["n"]) % 2)
    return spill


@pytest.mark.parametrize("limit_bytes", [0, 300, 1 << 20])
def test_rows_come_back_in_their_bucket_and_order(limit_bytes: int, tmp_path: Path) -> None:
    spill = filled(tmp_path, limit_bytes=limit_bytes)
    assert spill.take(0)["n"].to_pylist() == list(range(0, 30, 2))
    assert spill.take(1)["text"].to_pylist() == [f"row {n}" for n in range(1, 30, 2)]
    assert spill.take(2) is None


def test_rows_beyond_the_limit_lie_in_private_files_until_taken(tmp_path: Path) -> None:
    spill = filled(tmp_path, limit_bytes=0)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["0000.arrow", "0001.arrow"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    for bucket in range(3):
        spill.take(bucket)
    assert list(tmp_path.iterdir()) == []


def test_rows_in_files_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    spill, other = filled(tmp_path / "a", limit_bytes=0), filled(tmp_path / "b", limit_bytes=0)
    data = [path.read_bytes() for path in sorted(tmp_path.glob("*/*.arrow"))]
    assert not any(b"row" in each for each in data)
    assert data[0] != data[2]
    (tmp_path / "b" / "0000.arrow").write_bytes(data[0])
    with pytest.raises(InvalidTag):
        other.take(0)
    assert spill.take(0).num_rows == 15
    for each in (spill, other):
        each.close()


def test_rows_within_the_limit_stay_in_memory(tmp_path: Path) -> None:
    filled(tmp_path, limit_bytes=1 << 20)
    assert list(tmp_path.iterdir()) == []


def test_taken_rows_are_forgotten(tmp_path: Path) -> None:
    spill = filled(tmp_path, limit_bytes=1 << 20)
    assert spill.take(0).num_rows == 15
    assert spill.take(0) is None


@pytest.mark.parametrize("bucket", [None, np.zeros(10, dtype=np.int64)])
def test_rows_without_customers_lie_in_one_bucket(bucket: np.ndarray | None, tmp_path: Path) -> None:
    spill = BucketSpill(tmp_path, n_buckets=1, limit_bytes=0)
    spill.add(batch(range(10)), bucket)
    assert spill.take(0)["n"].to_pylist() == list(range(10))


def test_spilling_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    lines = [f"c{i % 7},2024-01-{1 + i % 28:02d},{i}" for i in range(300)]
    (tmp_path / "raw" / "orders.csv").write_text("id,at,amount\n" + "\n".join(lines) + "\n")
    contract = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("amount",))
    options = {"root": tmp_path, "folder": "raw", "as_of": 20_000 * 86_400_000_000, "timezone": "UTC"}
    prepare([contract], target=tmp_path / "in_memory", **options)
    monkeypatch.setattr(preparing, "BucketSpill", lambda *args, **kw: BucketSpill(*args, **kw, limit_bytes=0))
    prepare([contract], target=tmp_path / "spilled", **options)
    first, second = (
        {path.relative_to(tmp_path / name).as_posix(): digest_file(path) for path in (tmp_path / name).rglob("*.*")}
        for name in ("in_memory", "spilled")
    )
    assert first == second
    assert not [name for name in second if "spill" in name]
