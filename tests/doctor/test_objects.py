"""Objects of DVC's cache and outputs of ``dvc.lock``, changed behind DVC's back."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from churnml.doctor import objects
from churnml.doctor.objects import cache_folder, damaged_objects, look_at_cache, look_at_outputs, refuse_damaged
from churnml.errors import DataError


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def an_object(root: Path, data: bytes, *, folder: str = ".dvc/cache/files/md5", ending: str = "") -> Path:
    digest = md5(data) + ending
    path = root / folder / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o444)
    return path


def damage(path: Path, how: str) -> None:
    """Change an object in its place; size, mode and time of its change stay as far as that can be."""
    before, data = path.stat(), path.read_bytes()
    with open(path, "rb+", opener=lambda name, flags: os.open(name, flags)) as stream:
        stream.write(bytes([data[0] ^ 1]) + data[1:])
        stream.truncate(len(data) if how == "changed" else len(data) // 3)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mode == before.st_mode


@pytest.mark.parametrize("how", ["changed", "cut"])
@pytest.mark.parametrize("only_touched", [True, False])
def test_fl_19_a_write_protected_object_that_was_changed_is_found(how: str, only_touched: bool, tmp_path: Path) -> None:
    wrong, right = an_object(tmp_path, b"wrong object"), an_object(tmp_path, b"right object")
    assert damaged_objects(tmp_path, only_touched=only_touched) == []
    damage(wrong, how)
    assert damaged_objects(tmp_path, only_touched=only_touched) == [wrong]
    assert right.read_bytes() == b"right object"


def test_fl_19_nothing_is_used_before_damage_is_told_and_the_object_is_out_of_the_way(tmp_path: Path) -> None:
    path = an_object(tmp_path, b"some object")
    refuse_damaged(tmp_path)
    damage(path, "cut")
    name = path.relative_to(tmp_path).as_posix()
    with pytest.raises(DataError, match=rf"^{name}: an object of DVC's cache is not .* Run again"):
        refuse_damaged(tmp_path)
    assert not path.exists()
    refuse_damaged(tmp_path)


def test_fl_19_each_damaged_object_is_named(tmp_path: Path) -> None:
    paths = sorted(an_object(tmp_path, bytes([number]) * 9) for number in range(3))
    for path in paths[1:]:
        damage(path, "changed")
    found = list(look_at_cache(tmp_path))
    assert [each.what.split()[2] for each in found] == [path.relative_to(tmp_path).as_posix() for path in paths[1:]]
    assert {(each.rule, each.exit_code) for each in found} == {("doctor.cache", 3)}


def test_only_what_was_touched_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    first, read = an_object(tmp_path, b"1"), []
    damaged_objects(tmp_path)
    second, real = an_object(tmp_path, b"2"), objects._md5
    monkeypatch.setattr(objects, "_md5", lambda path: read.append(path) or real(path))
    damaged_objects(tmp_path, only_touched=True)
    assert read == [second]
    damaged_objects(tmp_path)
    assert read[1:] == sorted([first, second])


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_marks_that_are_no_marks_are_not_believed(text: str, tmp_path: Path) -> None:
    path = an_object(tmp_path, b"1")
    (tmp_path / ".churnml").mkdir()
    (tmp_path / ".churnml" / "objects.json").write_text(text)
    damage(path, "changed")
    assert damaged_objects(tmp_path, only_touched=True) == [path]


def test_lists_of_the_files_of_dependencies_are_looked_at_and_other_files_are_not(tmp_path: Path) -> None:
    listed = an_object(tmp_path, b"[]", folder=".dvc/cache", ending=".dir")
    damage(an_object(tmp_path, b"by an earlier DVC", folder=".dvc/cache"), "changed")
    (listed.parent / "tmp").write_bytes(b"")
    assert damaged_objects(tmp_path) == []
    damage(listed, "changed")
    assert damaged_objects(tmp_path) == [listed]


@pytest.mark.parametrize(
    ("config", "local", "expected"),
    [
        ("[core]\n    analytics = false\n", None, ".dvc/cache"),
        ("[cache]\n    dir = ../elsewhere\n", None, ".dvc/../elsewhere"),
        ("[cache]\n    dir = a\n", "[cache]\n    dir = b\n", ".dvc/b"),
        ("no section", None, ".dvc/cache"),
    ],
)
def test_the_cache_is_where_dvc_keeps_it(config: str, local: str | None, expected: str, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(config)
    if local:
        (tmp_path / ".dvc" / "config.local").write_text(local)
    assert cache_folder(tmp_path) == tmp_path / expected


def with_outputs(root: Path) -> None:
    """Make a project with a file and a folder as outputs, as DVC's own lock file says."""
    (root / "data" / "deep").mkdir(parents=True)
    contents = {"b": b"2", "a": b"1", "deep/c": b"3"}
    for name, data in contents.items():
        (root / "data" / name).write_bytes(data)
    (root / "one.json").write_bytes(b"{}")
    listed = [{"md5": md5(contents[name]), "relpath": name} for name in sorted(contents)]
    folder = md5(json.dumps(listed, sort_keys=True).encode()) + ".dir"
    outs = [{"path": "data", "md5": folder}, {"path": "one.json", "md5": md5(b"{}")}, {"path": "x", "md5": "0"}]
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"make": {"outs": [*outs, {"path": "data/a"}]}}}))


@pytest.mark.parametrize("name", ["data/b", "data/deep/c", "data/new", "one.json"])
def test_an_output_that_is_not_what_the_lock_says_is_named(name: str, tmp_path: Path) -> None:
    with_outputs(tmp_path)
    (tmp_path / "data" / ".b.0123456789abcdef.tmp").write_bytes(b"being written")
    assert list(look_at_outputs(tmp_path)) == []
    (tmp_path / name).write_bytes(b"another")
    (found,) = look_at_outputs(tmp_path)
    out = name.split("/")[0]
    assert (found.what, found.exit_code) == (f"the output {out} is not what was written by make", 3)
    assert found.command == f"rm -rf {out} && churnml run make"


def test_without_a_lock_nothing_is_known_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    assert list(look_at_outputs(tmp_path)) == []
    for text in ("stages: [", "other: 1", "1"):
        (tmp_path / "dvc.lock").write_text(text)
        (found,) = look_at_outputs(tmp_path)
        assert (found.rule, found.exit_code) == ("doctor.dvc_lock", 3)
