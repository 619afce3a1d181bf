"""MR-13: ten trainings of one company give one model and the same scores, whatever the machine is like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from kill_points import Nursery, made, nursery

TO_SCORES = ("prepare", "snapshots", "featurize", "label", "train_churn", "train_clv", "score")
TRAINED = ("train_churn", "train_clv", "score")


@pytest.fixture(scope="module")
def stages() -> Iterator[Nursery]:
    with nursery(*TO_SCORES) as found:
        yield found


def a_copy(golden: Path, folder: Path, *, threads: int | None = None) -> Path:
    """Return a copy of a project with everything that a training reads."""
    for name in ("data", "models"):
        shutil.copytree(golden / name, folder / name)
    resolved = folder / "data" / "resolved" / "params.json"
    params = json.loads(resolved.read_text())
    params["train"]["threads"] = threads or params["train"]["threads"]
    resolved.write_text(json.dumps(params))
    return folder


def shuffled(folder: Path) -> Path:
    """Put the rows of every raw file into another order."""
    for number, path in enumerate(sorted((folder / "data" / "simulated").glob("*.parquet"))):
        table = pq.read_table(path)
        pq.write_table(table.take(np.random.default_rng(number).permutation(table.num_rows)), path)
    return folder


def digests(stages: Nursery, folder: Path, *names: str, room: int | None = None) -> dict[str, dict[str, str]]:
    for name in names:
        assert (stages.run_capped(name, folder, room=room) if room else stages.run(name, folder)) == 0
    return {unit: files for name in TRAINED for unit, files in made(folder, name).items()}


@pytest.mark.slow
def test_mr_13_ten_trainings_give_one_digest(stages: Nursery, golden: Path, tmp_path: Path) -> None:
    first = digests(stages, a_copy(golden, tmp_path / "first"), *TRAINED)
    assert {"models/churn", "models/clv", "data/scored/scores.parquet"} <= first.keys()
    for number, threads in enumerate((1, 2, 4, 8, 1, 8)):
        again = a_copy(golden, tmp_path / f"threads{number}", threads=threads)
        assert digests(stages, again, *TRAINED) == first
    for gigabytes in (3, 6):
        capped = a_copy(golden, tmp_path / f"capped{gigabytes}", threads=2)
        assert digests(stages, capped, *TRAINED, room=gigabytes << 30) == first
    other = shuffled(a_copy(golden, tmp_path / "shuffled"))
    assert digests(stages, other, *TO_SCORES) == first
