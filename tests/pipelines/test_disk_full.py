"""FL-04: a disk that is full at any write ends with 7, path and bytes; the old result stays, and nothing temporary."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_points import Nursery, furnish, leftovers, made, nursery, partial
from small_company import STAGES

from churnml.stage import ERROR_FILE

QUICK = ("snapshots", "label")
DEAR = ("train_churn", "train_clv", "evaluate")
ALL = tuple(name for name in STAGES if name != "fetch")

WRITERS = """
    import gc, json, os, resource, sys
    from datetime import date
    from pathlib import Path
    import pyarrow as pa
    from churnml.errors import EnvironmentFault
    from churnml.exports.tables import write_csv
    from churnml.exports.workbook import Sheet, SheetColumn, write_workbook
    from churnml.parquet import write_parquet, write_parquet_parts
    from churnml.storage import new_folder, write_bytes, write_json
    from churnml.tracking.store import open_store

    table = pa.table({"a": [os.urandom(24).hex() for _ in range(20_000)], "b": range(20_000)})
    sheet = Sheet("s", table, [SheetColumn("a", "A"), SheetColumn("b", "B", "whole")])

    def in_a_folder(path):
        with new_folder(path) as temp:
            write_bytes(b"small", temp / "a")
            write_parquet(table, temp / "deep" / "b.parquet")
            write_json({}, temp / "manifest.json")

    def store(path):
        with open_store(path):
            pass

    WRITERS = {
        "t.parquet": lambda path: write_parquet(table, path),
        "parts.parquet": lambda path: write_parquet_parts([table, table], path),
        "list.csv": lambda path: write_csv(table, path),
        "list.xlsx": lambda path: write_workbook(path, [sheet], made=date(2024, 6, 30)),
        "page.html": lambda path: write_bytes(b"<p>" * 300_000, path),
        "manifest.json": lambda path: write_json({"x": "y" * 900_000}, path),
        "folder": in_a_folder,
        "model.txt": lambda path: write_bytes(b"tree" * 300_000, path),
    }
    if sys.argv[1] != "tmpfs":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    said = {}
    for name in WRITERS.keys() - {"folder"}:
        Path(name).write_bytes(b"old")
    for name, write in {**WRITERS, ".": store}.items():
        try:
            write(Path(name))
            said[name] = "written"
        except EnvironmentFault as fault:
            said[name] = [fault.rule, str(fault)]
        gc.collect()  # files that XlsxWriter did not close take their room until then
    print(json.dumps(said))
"""


def said(folder: Path, words: list[str], *, before: list[str]) -> dict[str, list[str]]:
    command = [*before, sys.executable, "-c", textwrap.dedent(WRITERS), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def check_said(found: dict[str, list[str]]) -> None:
    told = {name: fault for name, fault in found.items() if name != "."}
    for name, (rule, text) in told.items():
        place = "folder/deep/b.parquet" if name == "folder" else name
        assert rule == "environment.no_room"
        assert text.startswith(f"{place}: cannot be written (")
        assert int(text.partition(" bytes are needed")[0].rpartition(" ")[2].replace(",", "")) > 1000
    assert found["."][0] == "environment.no_room"
    assert "mlflow.db: cannot be written (" in found["."][1]


@pytest.mark.parametrize("most", [2_000, 200_000])
def test_fl_04_every_writer_says_path_and_bytes_and_leaves_the_old_file(most: int, tmp_path: Path) -> None:
    check_said(said(tmp_path, [str(most)], before=[]))
    left = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert set(left.values()) == {b"old"}
    assert len(left) == 7


@pytest.mark.slow
def test_fl_04_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    inner = f'mount -t tmpfs -o size=96k tmpfs {disk} && cd {disk} && "$@" && cp -r . ../left'
    before = ["unshare", "-rm", "sh", "-c", inner, "sh"]
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system of one's own can be mounted here")
    shutil.rmtree(tmp_path / "left")
    check_said(said(tmp_path, ["tmpfs"], before=before))
    left = [path for path in (tmp_path / "left").rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.read_bytes() for path in left} == {b"old"}


@pytest.fixture(scope="module")
def quick() -> Iterator[Nursery]:
    with nursery(*QUICK) as stages:
        yield stages


@pytest.fixture(scope="module")
def every_stage() -> Iterator[Nursery]:
    with nursery(*ALL) as stages:
        yield stages


def fails_whole(stages: Nursery, name: str, golden: Path, folder: Path, whole: dict, **where: int) -> bool:
    """Run a stage on a full disk: it ends with 7, or did not need the room; what is there is old or whole."""
    furnish(folder, name, golden, has_old=True)
    old = made(folder, name)
    code = stages.run_full(name, folder, **where)
    found = made(folder, name)
    assert code in {0, 7}
    assert partial(found, whole, old) == []
    assert code or found == whole
    assert leftovers(folder) == []
    return code == 7


def whole_of(stages: Nursery, name: str, golden: Path, folder: Path) -> dict:
    furnish(folder, name, golden, has_old=True)
    assert stages.run(name, folder) == 0
    return made(folder, name)


@pytest.mark.parametrize("name", QUICK)
def test_fl_04_a_stage_on_a_full_disk_ends_with_7_and_leaves_the_old_result(
    name: str, quick: Nursery, golden: Path, tmp_path: Path
) -> None:
    whole = whole_of(quick, name, golden, tmp_path / "whole")
    for full_at in (0, 4, 9):
        assert fails_whole(quick, name, golden, tmp_path / str(full_at), whole, full_at=full_at)
    assert fails_whole(quick, name, golden, tmp_path / "most", whole, most=1_000)
    told = json.loads((tmp_path / "most" / ERROR_FILE).read_text())
    assert (told["exit_code"], told["rule"]) == (7, "environment.no_room")
    assert told["file"].startswith("data/")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_fl_04_every_stage_at_every_write(name: str, every_stage: Nursery, golden: Path, tmp_path: Path) -> None:
    whole = whole_of(every_stage, name, golden, tmp_path / "whole")
    step, full_at, n_failed = (7 if name in DEAR else 2), 0, 0
    while fails_whole(every_stage, name, golden, tmp_path / str(full_at), whole, full_at=full_at):
        n_failed, full_at = n_failed + 1, full_at + step
    assert n_failed > 1
    for most in (1_000, 20_000):
        fails_whole(every_stage, name, golden, tmp_path / f"most{most}", whole, most=most)
