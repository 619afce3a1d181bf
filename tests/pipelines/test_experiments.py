"""`dvc exp run` on a project of its own: another number of trials, kept beside what there was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_company import write_params

from churnml.tracking.store import open_store
from churnml.workspace import start_workspace

_SETTINGS = {
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "a@b.c" for who in ("AUTHOR", "COMMITTER")},
}


@pytest.mark.slow
def test_an_experiment_searches_parameters_and_each_trial_is_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(*words: str) -> str:
        environment = {**os.environ, **_SETTINGS, "PATH": path}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    start_workspace(tmp_path)
    write_params(tmp_path, {"clv": None})
    run("git", "init", "-q")
    run("dvc", "init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "first")
    run("dvc", "exp", "run", "--name", "searched", "-S", "train.tune_trials=2", "evaluate")
    found = json.loads((tmp_path / "models" / "churn" / "model.json").read_text())["meta"]["tuning"]
    assert found["n_trials"] == 2
    assert "searched" in run("dvc", "exp", "list")
    with open_store(tmp_path) as store:
        version = store.client.get_model_version("churn", "1")
        experiment = store.client.get_run(version.run_id).info.experiment_id
        below = store.client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert sorted(run.data.tags["trial"] for run in below)[0] in {"complete", "given up early"}
    assert len(below) == 2
