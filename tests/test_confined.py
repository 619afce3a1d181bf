from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from churnml.confined import only_below, refuse_outside
from churnml.errors import PrivacyError
from churnml.storage import new_folder, private_folder, write_bytes, write_json


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "inside").mkdir()
    (tmp_path / "real.txt").write_text("real", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path / "inside"


def call(port: int) -> None:
    with socket.socket() as line:
        line.connect(("127.0.0.1", port))


ATTEMPTS: dict[str, Callable[[Path], object]] = {
    "write": lambda out: (out / "real.txt").write_text("x", encoding="utf-8"),
    "append": lambda out: (out / "real.txt").open("a"),
    "change": lambda out: (out / "real.txt").open("r+b"),
    "make": lambda out: (out / "new.txt").touch(),
    "descriptor": lambda out: os.open(out / "new.txt", os.O_CREAT | os.O_WRONLY),
    "folder": lambda out: (out / "new").mkdir(),
    "remove": lambda out: (out / "real.txt").unlink(),
    "remove_folder": lambda out: (out / "folder").rmdir(),
    "remove_tree": lambda out: shutil.rmtree(out / "folder"),
    "rename_from": lambda out: (out / "real.txt").rename(out / "inside/real.txt"),
    "rename_to": lambda out: (out / "inside/mine.txt").rename(out / "real.txt"),
    "replace": lambda out: (out / "inside/mine.txt").replace(out / "real.txt"),
    "link_to": lambda out: (out / "new.txt").symlink_to(out / "inside/mine.txt"),
    "mode": lambda out: (out / "real.txt").chmod(0o777),
    "cut": lambda out: os.truncate(out / "real.txt", 0),
    "database": lambda out: sqlite3.connect(out / "mlflow.db"),
    "program": lambda _out: subprocess.run([sys.executable, "-c", ""], check=False),
    "network": lambda _out: call(9),
    "our_writer": lambda out: write_json({}, out / "reports.json"),
    "our_folder": lambda out: new_folder(out / "lists").__enter__(),
    "our_private": lambda out: private_folder(out, "x").__enter__(),
    "way_around": lambda out: (out / "inside/../real.txt").write_text("x", encoding="utf-8"),
    "through_link": lambda out: (out / "inside/link/real.txt").write_text("x", encoding="utf-8"),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_outside_is_written_whoever_tries(inside: Path, name: str) -> None:
    out = inside.parent
    (inside / "link").symlink_to(out)
    (inside / "mine.txt").write_text("mine", encoding="utf-8")
    before = sorted(path.name for path in out.iterdir())
    with only_below(inside), pytest.raises(PrivacyError, match="drill"):
        ATTEMPTS[name](out)
    assert (out / "real.txt").read_text(encoding="utf-8") == "real"
    assert sorted(path.name for path in out.iterdir()) == before
    assert (inside / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_other_threads_are_held_as_well(inside: Path) -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            (inside.parent / "real.txt").write_text("x", encoding="utf-8")
        except PrivacyError as error:
            found.append(error)

    with only_below(inside):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(found) == 1


def test_inside_and_afterwards_everything_goes_on(inside: Path) -> None:
    with only_below(inside):
        write_bytes(b"x", inside / "deep/one.txt")
        shutil.rmtree(inside / "deep")
        assert (inside.parent / "real.txt").read_text(encoding="utf-8") == "real"
    write_bytes(b"y", inside.parent / "real.txt")
    refuse_outside(inside.parent)
    assert (inside.parent / "real.txt").read_bytes() == b"y"


def test_after_a_failure_nothing_is_held_any_more(inside: Path) -> None:
    with pytest.raises(ValueError, match="broken"), only_below(inside):
        raise ValueError("broken")
    (inside.parent / "real.txt").write_text("y", encoding="utf-8")


def test_one_drill_at_a_time(inside: Path) -> None:
    with only_below(inside), pytest.raises(PrivacyError, match="at work already"), only_below(inside):
        pass
