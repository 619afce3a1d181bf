from __future__ import annotations

import errno
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml import storage
from churnml.errors import ConfigError, DataError, EnvironmentFault
from churnml.storage import (
    digest_bytes,
    digest_file,
    new_file,
    new_folder,
    private_folder,
    read_json,
    resolve,
    write_bytes,
    write_json,
)

PLACES = ("..", ".", "/", "//", "\\", "~", "~root", "a", "b.csv", "link", "loop", "C:", "http://x", "$HOME", "a" * 300)
SIGNS = (*"*? \t\n\x00é\ud800\u2025\u202e", "[1]", "{a}", "%2e%2e", "\uff0e\uff0e", "-rf")
FRAGMENTS = st.sampled_from([*PLACES, *SIGNS])
NAMES = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "Po", "Zs"]), max_size=10),
    st.lists(FRAGMENTS, max_size=8).map("".join),
    st.lists(FRAGMENTS, max_size=8).map("/".join),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project folder with a link out of it, a link within it, and a link to itself."""
    outside = tmp_path_factory.mktemp("outside")
    root = tmp_path_factory.mktemp("project")
    (root / "raw").mkdir()
    (root / "link").symlink_to(outside)
    (root / "inner").symlink_to(root / "raw")
    (root / "loop").symlink_to(root / "loop")
    return root


@given(name=NAMES)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_leads_outside(name: str, project: Path) -> None:
    try:
        path = resolve(name, root=project, key="histories.folder")
    except ConfigError:
        return
    assert path.resolve().is_relative_to(project.resolve())
    assert not set(name) & set("*?[]{}\\:\x00\n")


PLAIN = ["raw", "raw/orders.csv", "not/there/yet.parquet", "inner/x", "日本.csv", "...", "a..b"]
HOSTILE = [
    *("..", "a/../../b", "/etc/passwd", "~", "~/x", "link", "link/x", "loop/x"),
    *("", " ", "a ", "a\x00b", "a\nb", "raw/\ud800"),
    *("\\\\host\\x", "C:/x", "s3://b/k", "a*", "a[1].csv", "{a,b}.csv"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str, project: Path) -> None:
    with pytest.raises(ConfigError, match=r"histories\.folder: not a plain path inside the project"):
        resolve(name, root=project, key="histories.folder")


def test_refusal_does_not_repeat_the_name(project: Path) -> None:
    with pytest.raises(ConfigError, match="plain path") as caught:
        resolve("../secret-place", root=project, key="k")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_kept_as_they_are(name: str, project: Path) -> None:
    assert resolve(name, root=project, key="k") == project / name


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    write_bytes(b"abc", tmp_path / "x")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, "abc"
    assert digest_file(tmp_path / "x") == digest_bytes(b"abc") == known


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_file_appears_whole_and_private(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "er" / "x.bin"
    with new_file(final) as temp:
        temp.write_bytes(b"new")
        assert not final.exists()
        assert temp.parent == final.parent
    assert final.read_bytes() == b"new"
    assert mode(final) == 0o600
    assert os.listdir(final.parent) == ["x.bin"]


def test_new_folder_appears_whole_and_private(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as temp:
        write_bytes(b"1", temp / "sub" / "a")
        assert mode(temp) == 0o700
        assert not (tmp_path / "out").exists()
    assert (mode(tmp_path / "out"), mode(tmp_path / "out" / "sub" / "a")) == (0o700, 0o600)
    assert os.listdir(tmp_path) == ["out"]


class Stop(Exception):
    pass


@pytest.mark.parametrize("had_one", [True, False])
def test_failure_while_writing_a_file_changes_nothing(had_one: bool, tmp_path: Path) -> None:
    final = tmp_path / "x"
    if had_one:
        write_bytes(b"old", final)
    with pytest.raises(Stop, match="half way"), new_file(final) as temp:
        fail_half_way(temp)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({"x": b"old"} if had_one else {})


def fail_half_way(temp: Path) -> None:
    temp.write_bytes(b"half")
    raise Stop("half way")


@pytest.mark.parametrize("had_one", [True, False])
def test_failure_while_filling_a_folder_changes_nothing(had_one: bool, tmp_path: Path) -> None:
    final = tmp_path / "out"
    if had_one:
        write_bytes(b"old", final / "a")
    with pytest.raises(Stop, match="half way"), new_folder(final) as temp:
        fail_half_way(temp / "a")
    assert [path.read_bytes() for path in tmp_path.rglob("a")] == ([b"old"] if had_one else [])
    assert os.listdir(tmp_path) == (["out"] if had_one else [])


def test_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    final = tmp_path / "out"
    for name in ("a", "b"):
        with new_folder(final) as temp:
            write_bytes(b"", temp / name)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/b"]


def test_new_folder_takes_the_place_of_a_file(tmp_path: Path) -> None:
    write_bytes(b"old", tmp_path / "out")
    with new_folder(tmp_path / "out") as temp:
        write_bytes(b"new", temp / "a")
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == ["a"]


def test_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, calls, rename = tmp_path / "out", [], Path.rename
    write_bytes(b"old", final / "a")

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(storage, "exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(EnvironmentFault, match="out: cannot be written"), new_folder(final):
        pass
    assert [path.read_bytes() for path in tmp_path.rglob("a")] == [b"old"]
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_takes_the_place_of_another_with_and_without_help_of_the_system(
    at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr(storage, "exchange", lambda *_: False)
    write_bytes(b"old", tmp_path / "out" / "a")
    with new_folder(tmp_path / "out") as temp:
        write_bytes(b"new", temp / "a")
    assert [path.read_bytes() for path in tmp_path.rglob("a")] == [b"new"]
    assert os.listdir(tmp_path) == ["out"]


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    left = tmp_path / f".x.{'0' * 16}.tmp"
    left.mkdir()
    (left / "half").write_bytes(b"")
    (tmp_path / f".x.{'1' * 16}.tmp").write_bytes(b"half")
    write_bytes(b"", tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]


def test_leftovers_of_a_folder_filled_by_way_of_another_are_swept(tmp_path: Path) -> None:
    with new_folder(tmp_path / "x") as outer, new_folder(outer) as inner:
        names = outer.name, inner.name
    for name in names:
        write_bytes(b"half", tmp_path / name / "a")
    with new_folder(tmp_path / "x"):
        pass
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    "name",
    [
        *(f".x.json.{'0' * 16}.tmp", f".y.{'0' * 16}.tmp", ".x.notes.tmp", f"x.{'0' * 16}.tmp", f".x.{'g' * 16}.tmp"),
        *(f"..x.{'0' * 16}.tmp", f".x.{'0' * 16}.tmp.{'0' * 16}.tmp"),
    ],
)
def test_sweep_leaves_what_belongs_to_others(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"of somebody else, perhaps being written just now")
    write_bytes(b"", tmp_path / "x")
    assert sorted(os.listdir(tmp_path)) == sorted([name, "x"])


def test_sweep_takes_names_literally(tmp_path: Path) -> None:
    other = tmp_path / f".a1.{'0' * 16}.tmp"
    other.write_bytes(b"")
    write_bytes(b"", tmp_path / "a[1]")
    assert other.exists()


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["_sync", "os.open"])
def test_full_disk_leaves_the_old_file(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = tmp_path / "x"
    write_bytes(b"old", final)
    monkeypatch.setattr(storage if place == "_sync" else os, place.removeprefix("os."), full)
    with pytest.raises(
        EnvironmentFault, match=r"x: cannot be written \(No space left on device; (about|more than) 3 bytes are"
    ):
        write_bytes(b"new", final)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"old"}


def test_full_disk_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(b"old", tmp_path / "out" / "a")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EnvironmentFault, match="b: cannot be written"), new_folder(tmp_path / "out") as temp:
        write_bytes(b"new", temp / "b")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["out", "out/a"]


def test_what_is_inside_a_folder_being_made_is_told_by_its_final_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EnvironmentFault, match=r"^out/sub/b: cannot") as caught, new_folder(Path("out")) as temp:
        write_bytes(b"new", temp / "sub" / "b")
    assert caught.value.rule == "environment.no_room"


def test_room_that_cannot_be_asked_for_is_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.shutil, "disk_usage", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EnvironmentFault, match="about 9 bytes are needed, too few are free"):
        write_bytes(b"123456789", tmp_path / "x")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_is_closed_is_named(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(storage.os, "open", closed)
    with pytest.raises(EnvironmentFault, match=r"^data/x: cannot be written \(.*; folder data\)\. Mend") as caught:
        write_bytes(b"1", Path("data") / "x")
    assert caught.value.rule == "environment.read_only"


def test_a_private_folder_is_gone_at_the_end_however_it_comes(tmp_path: Path) -> None:
    for error in (None, Stop("half way")):
        with pytest.raises(Stop, match="half way") if error else nullcontext():
            leave_something(tmp_path / "deep", error)
        assert os.listdir(tmp_path / "deep") == []


def leave_something(parent: Path, error: Exception | None) -> None:
    with private_folder(parent, "check") as temp:
        assert mode(temp) == 0o700
        (temp / "a").write_bytes(b"")
        if error:
            raise error


def test_a_file_where_a_folder_is_needed_is_an_environment_fault(tmp_path: Path) -> None:
    write_bytes(b"", tmp_path / "x")
    with pytest.raises(EnvironmentFault, match="y: cannot be written"):
        write_bytes(b"", tmp_path / "x" / "y")


def test_json_is_sorted_and_exact(tmp_path: Path) -> None:
    value = {"b": 0.1 + 0.2, "a": ["é", 1e-300, None]}
    write_json(value, tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == value
    assert (tmp_path / "x.json").read_text(encoding="utf-8").startswith('{\n "a": [\n  "é"')


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_without_a_number_is_not_written(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"x": value}, tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_refused_unquoted(data: bytes, tmp_path: Path) -> None:
    write_bytes(data, tmp_path / "x.json")
    with pytest.raises(DataError, match=r"^x.json: damaged JSON\. Remove it and run the stage again\.$"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["absent", "file/below"])
def test_absent_files_are_named(name: str, tmp_path: Path) -> None:
    write_bytes(b"", tmp_path / "file")
    with pytest.raises(DataError, match=f"{name.rpartition('/')[2]}: file not found"):
        read_json(tmp_path / name)
