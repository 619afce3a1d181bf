from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from churnml import stage
from churnml.errors import (
    ChurnmlError,
    ConfigError,
    DataError,
    EnvironmentFault,
    ModelError,
    PrivacyError,
    TimeContractError,
)
from churnml.stage import ERROR_FILE, ends_well, parse_paths

CANARY = "canary-4711"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def stopped_by(error: BaseException) -> int:
    def main() -> int:
        raise error

    return ends_well(main)


def facts() -> dict[str, object]:
    return json.loads(ERROR_FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, 2),
        (DataError, 3),
        (TimeContractError, 4),
        (ModelError, 5),
        (PrivacyError, 6),
        (EnvironmentFault, 7),
    ],
)
def test_expected_failures_end_with_their_code_and_one_sentence(
    kind: type[ChurnmlError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stopped_by(kind("broken", rule="some.rule", file="a.csv", count=3)) == code
    assert capsys.readouterr().err == "churnml: a.csv: broken.\n"
    assert facts() == {
        "exit_code": code,
        "rule": "some.rule",
        "file": "a.csv",
        "count": 3,
        "problem": "broken",
        "line": None,
        "column": None,
        "next_step": None,
        "message": "a.csv: broken.",
    }


def test_success_leaves_the_code_and_no_error_file() -> None:
    assert ends_well(lambda: 0) == 0
    assert not ERROR_FILE.exists()


def test_a_bug_is_told_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_by(KeyError(CANARY)) == 1
    told = capsys.readouterr().err + ERROR_FILE.read_text()
    assert CANARY not in told
    assert "Traceback" not in told
    assert facts()["type"] == "KeyError"
    assert facts()["frames"][-1].startswith("test_stage.py:")
    assert facts()["error_id"] in told


def test_a_cause_behind_a_bug_is_not_told_either(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError("outer")
    error.__cause__ = ValueError(CANARY)
    assert stopped_by(error) == 1
    assert CANARY not in capsys.readouterr().err + ERROR_FILE.read_text()


def test_the_same_bug_has_the_same_id() -> None:
    ids = set()
    for text in ("one", "two"):
        stopped_by(KeyError(text))
        ids.add(facts()["error_id"])
    assert len(ids) == 1


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.EIO]
)
def test_trouble_of_the_machine_may_be_tried_again(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_by(OSError(number, CANARY, f"/private/{CANARY}/orders.csv")) == 7
    told = capsys.readouterr().err
    assert told.startswith(f"churnml: orders.csv: {os.strerror(number).lower()}. Free disk space")
    assert CANARY not in told + ERROR_FILE.read_text()


def test_trouble_without_a_file_names_none() -> None:
    assert stopped_by(OSError(errno.ENOSPC, "full")) == 7
    assert facts()["file"] is None


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, CANARY, CANARY), OSError(CANARY)])
def test_other_errors_of_the_system_are_bugs(error: OSError, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_by(error) == 1
    assert CANARY not in capsys.readouterr().err + ERROR_FILE.read_text()


def test_memory_that_runs_out_may_be_tried_again() -> None:
    assert stopped_by(MemoryError(CANARY)) == 7
    assert facts()["rule"] == "environment.memory"
    assert CANARY not in ERROR_FILE.read_text()


def test_an_interrupt_is_no_error() -> None:
    assert stopped_by(KeyboardInterrupt()) == 130
    assert not ERROR_FILE.exists()


def test_an_error_file_that_cannot_be_written_does_not_hide_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reports").write_text("a file where a folder should be")
    assert stopped_by(DataError("broken", rule="r")) == 3
    assert (
        capsys.readouterr().err == "churnml: broken.\nchurnml: reports/last_error.json could not be written either.\n"
    )


def test_each_name_becomes_an_option() -> None:
    args = parse_paths(["--params", "p", "--in-put", "i", "--out", "o"], inputs=["in_put"], outputs=["out"])
    assert vars(args) == {"params": Path("p"), "in_put": Path("i"), "out": Path("o")}


@pytest.mark.parametrize("argv", [[], ["--params", "p"], ["--params", "p", "--ou", "o"], ["--params", "p", "--out"]])
def test_a_wrong_command_line_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_paths(argv, inputs=[], outputs=["out"])
    assert "--out" in capsys.readouterr().err


def test_run_stage_leaves_with_the_code_of_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit, match="5"):
        stage.run_stage(lambda: 5)


SLEEPER = """
    import signal, time
    from pathlib import Path
    from churnml.stage import run_stage
    from churnml.storage import new_file, new_folder

    def main():
        with new_folder(Path("out")) as folder, new_file(Path("x")) as temp:
            temp.write_text("half")
            (folder / "y").write_text("half")
            print("ready", flush=True)
            time.sleep(60)
        return 0

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started without it
    run_stage(main)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_process_says_so_and_leaves_nothing(number: int, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SLEEPER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert told == ""
    assert list(tmp_path.iterdir()) == []
