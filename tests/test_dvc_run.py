"""A run under its own lock, in small projects whose only stage does what the test wants."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from churnml import dvc_run
from churnml.dvc_run import bring_up_to_date, clean_up, push_objects
from churnml.errors import DataError, EnvironmentFault
from churnml.processes import is_alive, run_lock
from churnml.stage import ERROR_FILE
from churnml.storage import digest_file

ENDING = """
    import sys
    from churnml import errors
    from churnml.stage import run_stage

    def main():
        kind = next(kind for kind in vars(errors).values() if getattr(kind, "exit_code", None) == CODE)
        raise kind("stopped", rule="some.rule", file="a.csv")

    run_stage(main)
"""


def a_project(folder: Path, program: str, outs: tuple[str, ...] = ()) -> Path:
    """Make a project with one stage, ``make``, that runs a program."""
    folder.mkdir(exist_ok=True)
    (folder / "make.py").write_text(textwrap.dedent(program))
    stage = {"cmd": "python make.py", "deps": ["make.py"], "outs": list(outs)}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    return folder


def run(folder: Path) -> int:
    return bring_up_to_date(folder, ["make"], error_file=ERROR_FILE)


@pytest.mark.parametrize(
    ("ended", "facts", "code"),
    [
        *((0, None, 0), (255, None, 1), (255, {"exit_code": 3}, 3), (143, None, 143), (130, None, 130), (139, None, 1)),
        *((number, None, number) for number in range(2, 8)),
    ],
)
def test_a_run_ends_with_the_code_of_the_stage_that_failed(
    ended: int, facts: dict[str, int] | None, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dvc(words: list[str], root: Path, **_: object) -> int:
        if facts is not None and "repro" in words:
            (tmp_path / "error.json").write_text(json.dumps(facts))
        return ended if "repro" in words else 0

    monkeypatch.setattr(dvc_run, "_dvc", dvc)
    (tmp_path / "error.json").write_text(json.dumps({"exit_code": 6}))
    assert bring_up_to_date(tmp_path, ["make"], error_file=Path("error.json")) == code


def test_a_stage_killed_from_outside_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc_run, "_dvc", lambda words, *_, **__: 137 if "repro" in words else 0)
    with pytest.raises(EnvironmentFault, match="killed from outside, most often because memory ran out"):
        run(tmp_path)


def test_a_folder_in_which_dvc_cannot_begin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc_run, "_dvc", lambda *_, **__: 1)
    with pytest.raises(EnvironmentFault, match="DVC could not be set up here"):
        run(tmp_path)


def test_a_run_beside_a_dvc_started_by_hand_is_refused(tmp_path: Path) -> None:
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(parents=True)
    table.write_text(json.dumps({"write": {"/data": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    with pytest.raises(EnvironmentFault, match=f"DVC is at work on this project: process {os.getpid()}"):
        run(tmp_path)


def test_a_run_beside_one_who_keeps_dvc_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    with (tmp_path / ".dvc" / "tmp" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentFault, match=f"DVC is at work on this project: process {os.getpid()}"):
            run(tmp_path)


def test_a_second_run_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(EnvironmentFault, match=f"another run .*: process {os.getpid()}"):
        run(tmp_path)


def test_what_killed_runs_left_is_cleaned_up_before_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data/deep/.x.0123456789abcdef.tmp", ".churnml/.y.0123456789abcdef.tmp", "data/kept"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(dvc_run, "_dvc", lambda *_, **__: 0)
    assert run(tmp_path) == 0
    assert not list(tmp_path.rglob("*.tmp"))
    assert (tmp_path / "data" / "kept").exists()
    assert clean_up(tmp_path) == []


def test_a_folder_for_the_error_file_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc_run, "_dvc", lambda *_, **__: 0)
    (tmp_path / "reports").write_text("a file where a folder should be")
    with pytest.raises(EnvironmentFault, match=r"reports/last_error\.json: cannot be written"):
        run(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("code", range(1, 8))
def test_the_code_of_a_stage_comes_through_dvc(code: int, tmp_path: Path) -> None:
    assert run(a_project(tmp_path, ENDING.replace("CODE", str(code)))) == code
    assert json.loads((tmp_path / ERROR_FILE).read_text())["exit_code"] == code


@pytest.mark.slow
def test_the_code_of_a_stage_comes_through_dvc_without_its_error_file(tmp_path: Path) -> None:
    assert run(a_project(tmp_path, "import sys; sys.exit(6)")) == 6
    assert not (tmp_path / ERROR_FILE).exists()


@pytest.mark.slow
def test_a_stage_that_the_kernel_killed_may_be_tried_again(tmp_path: Path) -> None:
    a_project(tmp_path, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(EnvironmentFault, match="a stage was killed from outside"):
        run(tmp_path)


SLEEPING = """
    import os, sys, time
    from pathlib import Path
    from churnml.stage import run_stage
    from churnml.storage import new_file

    def main():
        with new_file(Path("out")) as temp:
            temp.write_text("half")
            if not Path("quick").exists():
                Path("ready").write_text(str(os.getpid()))
                time.sleep(120)
            temp.write_text("whole")
        return 0

    run_stage(main)
"""


RUNNING = """
    from pathlib import Path
    from churnml.dvc_run import bring_up_to_date
    from churnml.stage import ERROR_FILE, run_stage

    run_stage(lambda: bring_up_to_date(Path(), ["make"], error_file=ERROR_FILE))
"""


def begun(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a run and wait until its stage is at work; returns it and the stage's process."""
    command = [sys.executable, "-c", textwrap.dedent(RUNNING)]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 120
    while not (folder / "ready").exists() or not (folder / "ready").read_text():
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return process, int((folder / "ready").read_text())


def gone(pid: int) -> bool:
    give_up = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < give_up:
        time.sleep(0.05)
    return not is_alive(pid)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_takes_its_stage_with_it(number: int, code: int, tmp_path: Path) -> None:
    process, stage = begun(a_project(tmp_path, SLEEPING, ("out",)))
    with process:
        process.send_signal(number)
        process.wait(timeout=60)
    assert process.returncode == code
    assert gone(stage)
    assert not list(tmp_path.glob(".out*"))
    (tmp_path / "quick").write_text("")
    assert run(tmp_path) == 0
    assert (tmp_path / "out").read_text() == "whole"


@pytest.mark.slow
def test_fl_01_a_killed_run_keeps_its_lock_until_the_last_of_it_is_gone_and_a_rerun_repairs(tmp_path: Path) -> None:
    process, stage = begun(a_project(tmp_path, SLEEPING, ("out",)))
    with process:
        process.kill()
        process.wait()
    with pytest.raises(EnvironmentFault, match=r"another run of this project is at work: process \d+"):
        run(tmp_path)
    for pid in at_work_in(tmp_path):
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
    assert not is_alive(stage)
    (tmp_path / "quick").write_text("")
    assert run(tmp_path) == 0
    assert (tmp_path / "out").read_text() == "whole"
    assert not list(tmp_path.glob(".out*"))


def at_work_in(folder: Path) -> list[int]:
    """Return the processes whose working folder it is: DVC, and the stage it began."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [int(path.parent.name)] if path.readlink() == folder else []
    return found


MAKING = """
    from pathlib import Path
    Path("made").mkdir(exist_ok=True)
    for name in "ab":
        Path("made", name).write_text(name * 1000)
"""


def spoil(folder: Path) -> Path:
    """Change an object of the cache that holds a file of the output; it stays write-protected."""
    files = [path for path in sorted((folder / ".dvc" / "cache").rglob("*")) if path.is_file()]
    path = next(path for path in files if path.stat().st_size == 1000)
    path.chmod(0o644)
    path.write_bytes(b"x" * 300)
    path.chmod(0o444)
    return path


@pytest.mark.slow
def test_fl_19_a_damaged_object_is_told_before_it_is_used_then_made_anew(tmp_path: Path) -> None:
    assert run(a_project(tmp_path, MAKING, ("made",))) == 0
    whole = {path.name: digest_file(path) for path in (tmp_path / "made").iterdir()}
    bad = spoil(tmp_path)
    for path in (tmp_path / "made").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=bad.relative_to(tmp_path).as_posix()):
        run(tmp_path)
    assert list((tmp_path / "made").iterdir()) == []
    assert run(tmp_path) == 0
    assert {path.name: digest_file(path) for path in (tmp_path / "made").iterdir()} == whole
    assert digest_file(bad) in whole.values()


@pytest.mark.slow
def test_fl_19_nothing_is_pushed_while_an_object_is_damaged(tmp_path: Path) -> None:
    assert run(a_project(tmp_path, MAKING, ("made",))) == 0
    remote = tmp_path / "remote"
    (tmp_path / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = True\n    remote = r\n['remote \"r\"']\n    url = {remote}\n"
    )
    bad = spoil(tmp_path)
    with pytest.raises(DataError, match="nothing was uploaded") as caught:
        push_objects(tmp_path, [])
    assert (caught.value.rule, caught.value.exit_code) == ("data.cache", 3)
    assert not remote.exists()
    bad.unlink()
    (tmp_path / "made" / "a").unlink()
    assert run(tmp_path) == 0
    assert push_objects(tmp_path, []) == 0
    assert len([path for path in remote.rglob("*") if path.is_file()]) == 3
    assert push_objects(tmp_path, ["--remote", "none"]) == 7


class Told:
    """A change that says what was done with it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def make(self) -> None:
        self.said.append("made")

    def undo(self) -> None:
        self.said.append("undone")


@pytest.mark.parametrize(("code", "said"), [(0, ["made"]), (3, ["made", "undone"]), (130, ["made", "undone"])])
def test_a_change_stays_only_where_the_run_is_done(
    code: int, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dvc_run, "_dvc", lambda words, *_, **__: code if "repro" in words else 0)
    change = Told()
    bring_up_to_date(tmp_path, ["make"], error_file=ERROR_FILE, change=change)
    assert change.said == said


def test_a_change_is_undone_by_an_interrupt_and_never_made_beside_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(words: list[str], *_: object, **__: object) -> int:
        if "repro" in words:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(dvc_run, "_dvc", interrupted)
    change = Told()
    with pytest.raises(KeyboardInterrupt):
        bring_up_to_date(tmp_path, ["make"], error_file=ERROR_FILE, change=change)
    assert change.said == ["made", "undone"]
    with run_lock(tmp_path), pytest.raises(EnvironmentFault, match="at work"):
        bring_up_to_date(tmp_path, ["make"], error_file=ERROR_FILE, change=(other := Told()))
    assert other.said == []
