from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.flow import sorted_files
from churnml.flow.sorted_files import SortedFile, merged

SCHEMA = pa.schema([("id", pa.string()), ("value", pa.float64())])


def file_of(folder: Path, name: str, ids: list[str]) -> SortedFile:
    made = SortedFile(folder / name, SCHEMA)
    ranked = sorted(ids, key=str.encode)
    for part in (ranked[: len(ids) // 2], ranked[len(ids) // 2 :]):
        made.add(pa.table([pa.array(part, pa.string()), pa.array([float(len(i)) for i in part])], schema=SCHEMA))
    made.close()
    return made


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text(max_size=3), max_size=60), st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.randoms())
def test_files_become_one_order(ids: set[str], n_files: int, stored: int, held: int, random: object) -> None:
    dealt = [[] for _ in range(n_files)]
    for each in ids:
        dealt[random.randrange(n_files)].append(each)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(sorted_files, "_STORED_ROWS", stored)
        patch.setattr(sorted_files, "_HELD_ROWS", held)
        files = [file_of(Path(folder), str(number), part) for number, part in enumerate(dealt)]
        found = [row for part in merged(files) for row in part.to_pylist()]
    assert found == [{"id": each, "value": float(len(each))} for each in sorted(ids, key=str.encode)]


def test_rows_wait_in_private_and_columns_come_back(tmp_path: Path) -> None:
    made = file_of(tmp_path, "a", ["b", "a", "ccc"])
    assert made.n_rows == 3
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert np.concatenate(list(made.column("value"))).tolist() == [1.0, 1.0, 3.0]
