from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from churnml import temporary
from churnml.storage import new_file, new_folder, private_folder, write_bytes
from churnml.temporary import exchange, final_name, remove, size_of, sweep_below, temp_name

OURS = [".x.0123456789abcdef.tmp", "..x.0123456789abcdef.tmp.0123456789abcdef.tmp", ".check-ab12_d34"]
OTHERS = ["x.tmp", ".x.tmp", ".x.0123456789ABCDEF.tmp", ".x.0123456789abcdef.tmp.bak", ".check-x", ".checks-abcdefgh"]


@pytest.mark.parametrize("name", OURS)
def test_what_nobody_fills_any_more_is_swept_wherever_it_lies(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "data" / "deep"):
        write_bytes(b"half", folder / name / "inside" / "a")
    assert sweep_below(tmp_path, ["data", "absent"]) == sorted([name, f"data/deep/{name}"])
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "deep"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_belongs_to_others_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(b"")
    assert sweep_below(tmp_path, ["data"]) == []


def test_what_is_being_written_just_now_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with new_file(data / "a") as one, new_folder(data / "b") as two, private_folder(data, "check") as three:
        assert sweep_below(tmp_path, ["data"]) == []
        for name in ("a", "b"):
            temporary.sweep_beside(data / name)
        assert all(path.exists() for path in (one, two, three))


def test_two_writers_of_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    with new_file(tmp_path / "x") as first:
        write_bytes(b"second", tmp_path / "x")
        first.write_bytes(b"first")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["x"]


def test_links_lead_a_sweep_nowhere(tmp_path: Path) -> None:
    write_bytes(b"half", tmp_path / "outside" / OURS[0])
    root = tmp_path / "project"
    (root / "models").mkdir(parents=True)
    (root / "data").symlink_to(tmp_path / "outside")
    (root / "models" / OURS[0]).symlink_to(tmp_path / "outside")
    assert sweep_below(root, ["data", "models"]) == [f"models/{OURS[0]}"]
    assert os.listdir(tmp_path / "outside") == [OURS[0]]


@pytest.mark.parametrize(("number", "stays"), [(errno.ENOLCK, True), (errno.EWOULDBLOCK, True)])
def test_where_nothing_is_known_of_locks_nothing_is_swept(
    number: int, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / OURS[0]).write_bytes(b"")
    monkeypatch.setattr(fcntl, "flock", refused)
    assert sweep_below(tmp_path, []) == []
    assert (tmp_path / OURS[0]).exists() is stays


def test_what_cannot_be_opened_or_removed_stays_untold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "")

    (tmp_path / OURS[0]).write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(temporary, "remove", refused)
        assert sweep_below(tmp_path, []) == []
    monkeypatch.setattr(temporary.os, "open", refused)
    assert sweep_below(tmp_path, []) == []


def test_a_held_descriptor_is_closed_at_the_end(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with temporary.held(descriptor):
        os.fstat(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("name", ["x", ".hidden", "a.b.c"])
def test_the_final_name_of_a_temporary_one(name: str) -> None:
    assert final_name(temp_name(Path(name)).name) == name.lstrip(".")
    assert final_name(temp_name(temp_name(Path("x"))).name) == "x"
    assert final_name(OURS[2]) == OURS[2]


def test_sizes_are_added_up_and_what_is_not_there_has_none(tmp_path: Path) -> None:
    write_bytes(b"123", tmp_path / "a" / "b")
    write_bytes(b"45", tmp_path / "a" / "c")
    assert (size_of(tmp_path / "a"), size_of(tmp_path / "a" / "c"), size_of(tmp_path / "none")) == (5, 2, 0)


def test_names_change_places_in_one_step(tmp_path: Path) -> None:
    write_bytes(b"1", tmp_path / "one" / "x")
    write_bytes(b"2", tmp_path / "two")
    assert exchange(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == b"2"
    assert (tmp_path / "two" / "x").read_bytes() == b"1"


def test_an_exchange_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        exchange(tmp_path / "none", tmp_path)


@pytest.mark.parametrize("library", [SimpleNamespace(), SimpleNamespace(renameat2=lambda *_: -1)])
def test_a_system_that_cannot_exchange_says_no(
    library: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary.ctypes, "CDLL", lambda *_, **__: library)
    monkeypatch.setattr(temporary.ctypes, "get_errno", lambda: errno.ENOSYS)
    assert not exchange(tmp_path, tmp_path)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "none")
    remove(tmp_path)
    assert not tmp_path.exists()
