from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from churnml.errors import EnvironmentFault
from churnml.forgetting.locks import alone
from churnml.processes import run_lock


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(EnvironmentFault, match="somebody else is being forgotten"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_while_a_run_goes_on_nobody_is_forgotten(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(EnvironmentFault, match="another run of this project"), alone(tmp_path):
        pass


def test_while_dvc_holds_its_lock_nobody_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    with (tmp_path / ".dvc" / "tmp" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentFault, match="the pipeline is at work"), alone(tmp_path):
            pass


def test_while_a_stage_runs_nobody_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    table = tmp_path / ".dvc" / "tmp" / "rwlock"
    table.write_text(json.dumps({"data": {"write": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    with pytest.raises(EnvironmentFault, match="the pipeline is at work"), alone(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "damaged", '{"data": {"write": {"pid": 999999999}}}'])
def test_what_nobody_holds_any_more_is_no_obstacle(tmp_path: Path, content: str) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / ".dvc" / "tmp" / "rwlock").write_text(content)
    with alone(tmp_path):
        assert (tmp_path / ".churnml" / "forget.lock").stat().st_mode & 0o777 == 0o600
