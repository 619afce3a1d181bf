"""A tracking server that asks who one is: everything goes through with the right password, nothing with another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from servers import real_server
from small_company import run, write_params

from churnml import tracking
from churnml.config import load_params
from churnml.flow.fresh import score_as_of
from churnml.flow.promote import promote
from churnml.flow.spooled import sync
from churnml.tracking import served

pytestmark = pytest.mark.slow
AT = "2024-07-01T00:00:00+00:00"
KEEPER, PASSWORD, WRONG = "keeper", "Zq8-right-and-secret", "Zq8-wrong-and-secret"
ADDRESS, USER, SECRET = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_server(tmp_path_factory.mktemp("users"), keeper=(KEEPER, PASSWORD)) as found:
        yield found


@pytest.fixture(autouse=True)
def _asked_by_nobody_yet() -> Iterator[None]:
    """The process that speaks to a server keeps the password it began with."""
    served._CHILD.stop()
    yield
    served._CHILD.stop()


@pytest.fixture
def project(golden: Path, tmp_path: Path) -> Path:
    shutil.copytree(golden, tmp_path / "project")
    # Each question costs the server the hashing of a password.
    write_params(tmp_path / "project", {"tracking": {"wait_seconds": 600}})
    assert run(tmp_path / "project", "configure") == 0
    return tmp_path / "project"


def churnml(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from churnml.cli import main; main()", *words]
    given = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | environment
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False, timeout=300)


def where(folder: Path, *secrets: str) -> list[str]:
    """Return the files that hold one of the secrets."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path.as_posix() for path in paths if any(secret.encode() in path.read_bytes() for secret in secrets)]


def test_with_the_right_password_everything_goes_through(
    address: str, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in ((ADDRESS, address), (USER, KEEPER), (SECRET, PASSWORD)):
        monkeypatch.setenv(name, value)
    assert run(project, "evaluate") == 0
    assert tracking.pending(project) == []
    assert tracking.champion_version(project, "churn") == 1
    done = promote(project / "params.yaml", "churn", version=1, force=True, why="It is the first.", at=AT)
    assert done["version"] == 1
    out = project / "data" / "scored" / "fresh.parquet"
    score_as_of(load_params(project / "params.yaml"), root=project, reference="models:/churn@champion", out=out)
    fresh, scored = (pq.read_table(path)["p_churn"] for path in (out, project / "data" / "scored" / "scores.parquet"))
    assert fresh.equals(scored)
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err
    assert where(project, PASSWORD) == []


@pytest.mark.parametrize("user", [{USER: KEEPER, SECRET: WRONG}, {USER: "nobody", SECRET: WRONG}, {}])
def test_with_a_wrong_one_the_sentence_says_so_soon(address: str, project: Path, user: dict[str, str]) -> None:
    begun = time.monotonic()
    done = churnml(project, "score", "--model", "models:/churn@champion", **{ADDRESS: address, **user})
    assert time.monotonic() - begun < 120
    assert done.returncode == 7
    assert "the tracking server does not let us in with this user name and password" in done.stderr
    facts = json.loads((project / "reports" / "last_error.json").read_text("utf-8"))
    assert facts["rule"] == "environment.tracking_denied"
    assert "MLFLOW_TRACKING_PASSWORD" in facts["next_step"]
    assert WRONG not in done.stdout + done.stderr
    assert where(project, WRONG) == []
    assert not (project / "data" / "scored" / "fresh.parquet").exists()


def test_a_password_in_the_address_is_not_told_either(address: str, project: Path) -> None:
    inside = address.replace("http://", f"http://{KEEPER}:{WRONG}@")
    done = churnml(project, "score", "--model", "models:/churn@champion", **{ADDRESS: inside})
    assert done.returncode == 7
    assert WRONG not in done.stdout + done.stderr
    assert where(project, WRONG) == []


def test_a_training_waits_until_the_password_is_right(
    address: str, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in ((ADDRESS, address), (USER, KEEPER), (SECRET, WRONG)):
        monkeypatch.setenv(name, value)
    assert run(project, "evaluate") == 0
    assert len(tracking.pending(project)) == 2
    said = capfd.readouterr()
    assert "does not let us in with this user name and password; 2 trainings are kept in .churnml/spool" in said.err
    assert WRONG not in said.out + said.err
    assert churnml(project, "sync", **{ADDRESS: address, USER: KEEPER, SECRET: WRONG}).returncode == 7
    monkeypatch.setenv(SECRET, PASSWORD)
    served._CHILD.stop()
    assert sync(project, wait_seconds=300) == (2, 0)
    assert where(project, WRONG, PASSWORD) == []
