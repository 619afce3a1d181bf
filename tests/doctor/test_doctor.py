"""Each finding from a folder in which just that is wrong, with the command that mends it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from churnml.doctor import environment
from churnml.doctor.environment import look_at_disk, look_at_machine, look_at_packages
from churnml.doctor.findings import Ailment, exit_code_of, lines_of, plain
from churnml.doctor.integrity import look_at_lists, look_at_models, look_at_prepared, stale_stages
from churnml.doctor.locks import living, look_at_locks, look_for_leftovers, release_stale
from churnml.doctor.permissions import look_at_permissions
from churnml.doctor.records import look_at_records, newest_schema
from churnml.dvc_run import clean_up
from churnml.storage import digest_bytes, write_json


def rules(found: object) -> list[str]:
    return [each.rule for each in found]


def test_the_gravest_finding_gives_the_exit_code_and_stands_first() -> None:
    found = [Ailment("a", "small", "x", 0), Ailment("b", "grave", "y", 7), Ailment("c", "data", "z", 3)]
    assert exit_code_of(found) == 7
    assert lines_of(found) == ["error  grave: y", "error  data: z", "note   small: x"]
    assert [each["rule"] for each in plain(found)] == ["b", "c", "a"]


def test_a_sound_machine_has_nothing() -> None:
    assert rules(look_at_machine()) == []


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(environment.ctypes, "CDLL", absent)
    (found,) = look_at_machine()
    assert (found.rule, found.exit_code) == ("doctor.libgomp", 7)


def test_packages_are_held_against_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text('[[package]]\nname = "numpy"\nversion = "1.0"\n', encoding="utf-8")
    have = dict.fromkeys(environment._needed("") | environment._needed("pipeline"), "2.0")
    (found,) = look_at_packages(lock, installed=have)
    assert found.what == "numpy not in the version of uv.lock"
    (missing,) = look_at_packages(tmp_path / "none", installed={k: v for k, v in have.items() if k != "duckdb"})
    assert missing.what == "duckdb not installed"
    assert list(look_at_packages(tmp_path / "none", installed=have)) == []
    (lean,) = look_at_packages(tmp_path / "none", installed=dict.fromkeys(environment._needed(""), "2.0"))
    assert (lean.rule, lean.command) == ("doctor.lean", "pip install 'churnml[pipeline]'")


def test_too_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    assert rules(look_at_disk(tmp_path, tmp_path)) == ["doctor.disk"]


def test_a_lock_that_is_held_is_told_and_a_free_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / ".dvc" / "tmp" / "lock"
    path.parent.mkdir(parents=True)
    path.write_text("1")
    assert list(look_at_locks(tmp_path)) == []
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert rules(look_at_locks(tmp_path)) == ["doctor.lock"]


GONE = json.dumps({"read": {"/data": [{"pid": 2**22 + 1, "cmd": "dvc repro"}]}})
OURS = json.dumps({"write": {"/data": {"pid": os.getpid(), "cmd": "dvc repro"}}})


@pytest.mark.parametrize(("text", "is_stale"), [(GONE, True), ("{", True), (OURS, False), ("{}", False), ("", False)])
def test_locks_of_processes_that_are_gone_are_told_and_released(text: str, is_stale: bool, tmp_path: Path) -> None:
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)
    table.write_text(text)
    assert rules(look_at_locks(tmp_path)) == ["doctor.rwlock"] * is_stale
    assert living(tmp_path) == ([os.getpid()] if text == OURS else [])
    assert release_stale(tmp_path) == [".dvc/tmp/rwlock"] * is_stale
    assert table.exists() != is_stale


def test_locks_are_left_alone_while_dvc_is_at_work(tmp_path: Path) -> None:
    folder = tmp_path / ".dvc" / "tmp"
    folder.mkdir(parents=True)
    (folder / "rwlock").write_text(GONE)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert release_stale(tmp_path) == []


def test_a_process_that_ended_and_was_not_waited_for_holds_no_lock(tmp_path: Path) -> None:
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        table.write_text(json.dumps({"read": {"/data": [{"pid": process.pid, "cmd": "dvc repro"}]}}))
        assert release_stale(tmp_path) == [".dvc/tmp/rwlock"]


def test_what_killed_runs_left_is_counted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".scores.parquet.0123456789abcdef.tmp").write_bytes(b"")
    (tmp_path / "data" / ".check-abc").mkdir()
    (tmp_path / "data" / "scores.tmp").write_bytes(b"")
    (found,) = look_for_leftovers(tmp_path)
    assert found.what.startswith("2 temporary files")


def test_the_command_against_leftovers_removes_them_alone(tmp_path: Path) -> None:
    for name in ("data", "models", "reports", ".churnml"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / ".a.0123456789abcdef.tmp").mkdir()
    (tmp_path / "data" / "kept.tmp").write_bytes(b"")
    (found,) = look_for_leftovers(tmp_path)
    assert found.command == "churnml unlock"
    assert clean_up(tmp_path) == ["data/.a.0123456789abcdef.tmp"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["kept.tmp"]


def test_private_places_open_to_others_are_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    file = data / "a.parquet"
    file.write_bytes(b"")
    file.chmod(0o644)
    (found,) = look_at_permissions(tmp_path)
    assert (found.rule, found.command, found.exit_code) == ("doctor.readable", "chmod -R go-rwx data", 6)
    data.chmod(0o700)
    assert list(look_at_permissions(tmp_path)) == []
    data.chmod(0o777)
    assert "doctor.writable" in rules(look_at_permissions(tmp_path))


def test_what_comes_with_every_clone_is_nothing_private(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "README.md").write_text("What lies here.")
    (tmp_path / "data" / "README.md").chmod(0o644)
    assert not [found for found in look_at_permissions(tmp_path) if found.rule == "doctor.readable"]


def test_a_changed_file_of_the_prepared_store_is_found(golden: Path, tmp_path: Path) -> None:
    copy = tmp_path / "prepared"
    shutil.copytree(golden / "data" / "prepared", copy)
    assert list(look_at_prepared(copy)) == []
    target = next(iter(sorted((copy / "orders").rglob("*.parquet"))))
    target.chmod(0o600)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(bytes(data))
    (found,) = look_at_prepared(copy)
    assert "prepared table orders" in found.what
    (copy / "manifest.json").write_text("{}")
    (found,) = look_at_prepared(copy)
    assert (found.what, found.exit_code) == ("the manifest of prepared is damaged", 3)


def test_a_changed_model_is_found(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden / "models", tmp_path / "models")
    assert list(look_at_models(tmp_path / "models")) == []
    text = tmp_path / "models" / "churn" / "model.txt"
    text.write_text(text.read_text() + "\n")
    (found,) = look_at_models(tmp_path / "models")
    assert (found.command, found.exit_code) == ("rm -rf models/churn && churnml run train_churn", 5)


def test_a_changed_list_is_found(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden / "data" / "lists", tmp_path / "lists")
    assert list(look_at_lists(tmp_path / "lists")) == []
    changed = next((tmp_path / "lists").glob("*/contact.csv"))
    changed.write_text("")
    assert rules(look_at_lists(tmp_path / "lists")) == ["doctor.list"]


def test_stages_that_always_run_are_not_out_of_date() -> None:
    status = {"configure": ["always changed"], "score": [{"changed deps": {"data/features": "modified"}}]}
    assert stale_stages(json.dumps(status)) == ["score"]
    assert stale_stages("{}") == []


def store(path: Path, *, schema: str, status: str = "FINISHED") -> None:
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE alembic_version (version_num TEXT)")
        made.execute("CREATE TABLE runs (status TEXT)")
        made.execute("INSERT INTO alembic_version VALUES (?)", (schema,))
        made.execute("INSERT INTO runs VALUES (?)", (status,))


def test_the_tracking_store_is_held_against_the_installed_schema(tmp_path: Path) -> None:
    newest = newest_schema()
    assert newest is not None
    store(tmp_path / "mlflow.db", schema=newest)
    assert list(look_at_records(tmp_path)) == []
    (tmp_path / "mlflow.db").unlink()
    store(tmp_path / "mlflow.db", schema="0", status="RUNNING")
    assert rules(look_at_records(tmp_path)) == ["doctor.tracking_schema", "doctor.unfinished_runs"]
    (tmp_path / "mlflow.db").write_bytes(b"no database")
    assert rules(look_at_records(tmp_path)) == ["doctor.tracking"]


def test_a_folder_without_a_pipeline_is_told_apart(tmp_path: Path) -> None:
    from churnml.flow.diagnose import diagnose

    assert [each.rule for each in diagnose(tmp_path, home=tmp_path, targets=())] == ["doctor.no_project"]


def test_the_sealed_manifest_is_read_by_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "prepared").mkdir()
    write_json({"tables": {}, "digest": digest_bytes(b"")}, tmp_path / "prepared" / "manifest.json")
    assert rules(look_at_prepared(tmp_path / "prepared")) == ["doctor.prepared"]
