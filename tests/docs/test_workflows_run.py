"""The workflows' own commands on an unprepared machine: a fresh checkout, nothing installed, a store of DVC."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_company import PROJECT, write_params
from workflow_runner import Job, machine

pytestmark = pytest.mark.slow
WORKFLOWS = PROJECT / ".github" / "workflows"
_WHO = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_NOT_CARRIED = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")


def call(folder: Path, *words: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **_WHO, "PATH": path, "DVC_NO_ANALYTICS": "true"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture(scope="module")
def origin(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company's repository beside its store: code and lock in Git, raw files and models in DVC's remote."""
    folder = tmp_path_factory.mktemp("origin") / "repository"
    folder.mkdir()
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "Makefile", "dvc.yaml", ".gitignore"):
        shutil.copyfile(PROJECT / name, folder / name)
    for name in (".ci", "src", "pipelines"):
        shutil.copytree(PROJECT / name, folder / name, ignore=_NOT_CARRIED)
    write_params(folder, {"histories": {"folder": "data/raw"}})
    call(folder, "git", "init", "-q", "-b", "main")
    call(folder, "dvc", "init", "-q")
    shutil.copytree(golden / "data", folder / "data")
    shutil.copytree(golden / "data" / "simulated", folder / "data" / "raw")
    shutil.copytree(golden / "models", folder / "models")
    shutil.copytree(golden / "reports", folder / "reports")
    call(folder, "dvc", "add", "-q", "data/raw")
    call(folder, "dvc", "commit", "-q", "--force", "train_churn", "train_clv")
    call(folder, "dvc", "remote", "add", "--local", "--default", "store", str(folder.parent / "store"))
    for target in ("data/raw.dvc", "models/churn", "models/clv"):
        call(folder, "dvc", "push", "-q", target)
    call(folder, "git", "add", "-A")
    call(folder, "git", "add", "-f", "data/raw.dvc", "dvc.lock")
    call(folder, "git", "commit", "-qm", "what a company has")
    return folder


def checkout(origin: Path, folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(origin), str(folder)], check=True)
    return folder


def test_the_night_on_an_unprepared_machine(origin: Path, tmp_path: Path) -> None:
    job = Job(
        WORKFLOWS / "score-nightly.yml",
        "score",
        checkout(origin, tmp_path / "work"),
        tmp_path / "home",
        context={
            "secrets": {"DVC_REMOTE_URL": str(origin.parent / "store"), "ARTIFACT_PASSPHRASE": "made up here"},
            "vars": {"CHURNML_PULL": "models/churn models/clv data/raw.dvc"},
            "inputs": {"as_of": "2024-06-30"},
            "github": {"token": "none"},
        },
        environment=machine(tmp_path / "tools", gh="echo true"),
    )
    code = job.run()
    assert "score" in job.outputs, job.said
    ended = job.outputs["score"].get("monitor")
    assert str(code) == ended, job.said
    assert ended in {"0", "3", "5"}
    lean = tmp_path / "work" / ".venv" / "bin" / "python"
    for name in ("dvc", "optuna", "statsmodels", "pytest", "sqlalchemy"):
        assert subprocess.run([lean, "-c", f"import {name}"], capture_output=True, check=False).returncode == 1, name
    manifest = json.loads((tmp_path / "work/data/scored/nightly.parquet.manifest.json").read_text("utf-8"))
    assert manifest["as_of"][:10] == "2024-06-30"
    scores = pq.read_table(tmp_path / "work/data/scored/nightly.parquet")
    assert scores.equals(pq.read_table(origin / "data/scored/scores.parquet"))
    assert (tmp_path / "work/scores.tar.gpg").stat().st_size > 1000
    assert (tmp_path / "work/reports/monitor.html").is_file()
    assert "made up here" not in job.said
