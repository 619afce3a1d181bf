from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from churnml import processes
from churnml.errors import EnvironmentFault
from churnml.processes import RUN_LOCK, descendants, end_all, holders, is_alive, run_lock

SLEEPER = "import time; print(1, flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def test_a_process_is_alive_until_it_ends_even_if_nobody_waits_for_it() -> None:
    assert is_alive(os.getpid())
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(process.pid)
    assert not is_alive(process.pid)


def test_processes_below_are_found_however_deep_and_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        below = descendants(os.getpid())
        assert below[0] == process.pid
        assert len(descendants(process.pid)) == 1
        end_all(below)
        assert not any(is_alive(pid) for pid in below)
        process.wait()


def test_who_does_not_end_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        end_all([process.pid, 2**22 + 1], patience=0.1)
        assert process.wait() == -signal.SIGKILL


def test_where_the_system_tells_nothing_nobody_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path / "none")
    assert (descendants(os.getpid()), holders(tmp_path), is_alive(os.getpid())) == ([], [], False)


def test_a_second_run_is_refused_at_once_and_told_who_is_at_work(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(EnvironmentFault, match=rf"at work: process {os.getpid()}\. Wait") as caught:
        run_lock(tmp_path).__enter__()
    assert (caught.value.rule, caught.value.file) == ("environment.run_lock", ".churnml/run.lock")
    with run_lock(tmp_path):
        assert holders(tmp_path / RUN_LOCK) == [os.getpid()]
    assert holders(tmp_path / RUN_LOCK) == []


def test_who_is_left_of_a_run_that_was_killed_is_told(tmp_path: Path) -> None:
    with run_lock(tmp_path) as held:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, pass_fds=[held])
    with child:
        (tmp_path / RUN_LOCK).write_text(json.dumps({"pid": 2**22 + 1}))
        with pytest.raises(EnvironmentFault, match=f"at work: process {child.pid}"):
            run_lock(tmp_path).__enter__()
        child.kill()
    with run_lock(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_a_lock_that_says_nothing_is_a_lock(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_lock(tmp_path):
        (tmp_path / RUN_LOCK).write_text(text)
        monkeypatch.setattr(processes, "holders", lambda _: [])
        with pytest.raises(EnvironmentFault, match="at work: a process of another machine or user"):
            run_lock(tmp_path).__enter__()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".churnml").write_text("a file")
    with pytest.raises(EnvironmentFault, match=r"\.churnml/run\.lock: cannot be written"):
        run_lock(tmp_path).__enter__()
