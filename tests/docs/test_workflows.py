"""Workflows of continuous integration: what they call exists, and what they may do is little."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_pages import check_shell
from small_company import PROJECT

FILES = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
PRODUCTION = ["retrain-monthly", "score-nightly"]


def workflow(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found | {"on": found[True]}  # YAML 1.1 takes the key for a truth value


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = workflow(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    yield from (step for job in jobs(path).values() for step in job["steps"])


def script_of(name: str, step: str) -> str:
    path = PROJECT / ".github" / "workflows" / f"{name}.yml"
    return next(str(each["run"]) for each in steps(path) if each.get("name") == step)


every = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_are_three() -> None:
    assert [path.stem for path in FILES] == [*PRODUCTION, "test"]


@every
def test_what_they_call_exists(path: Path) -> None:
    for step in steps(path):
        check_shell(step.get("run", "true"))


@every
def test_scripts_take_nothing_from_outside_but_by_environment(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@every
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [line for line in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@every
def test_they_may_do_little_and_end_by_themselves(path: Path) -> None:
    whole = workflow(path)
    assert whole["permissions"] in ({}, {"contents": "read"})
    assert whole["concurrency"]
    for name, job in whole["jobs"].items():
        assert job["timeout-minutes"] <= 360
        writes = {scope for scope, right in job.get("permissions", {}).items() if right == "write"}
        assert writes <= ({"contents"} if name == "promote" else set())
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


@every
def test_secrets_are_for_the_main_branch_alone(path: Path) -> None:
    whole = workflow(path)
    has_secrets = "secrets." in path.read_text(encoding="utf-8")
    assert has_secrets == (path.stem in PRODUCTION)
    assert "pull_request_target" not in whole["on"]
    if has_secrets:
        assert set(whole["on"]) <= {"schedule", "workflow_dispatch"}
        assert all(job["environment"] for job in whole["jobs"].values())
        first = next(iter(whole["jobs"].values()))["if"]
        assert "vars.CHURNML_ENABLED == 'true'" in first
        assert "github.ref == 'refs/heads/main'" in first


@every
def test_uploads_are_few_encrypted_and_short(path: Path) -> None:
    allowed = {
        *("data/scored/nightly.parquet.manifest.json", "reports/monitor.html", "scores.tar.gpg"),
        *("dvc.lock", "reports/metrics.json", "reports/plots"),
    }
    for step in steps(path):
        if "upload-artifact" in step.get("uses", ""):
            assert set(step["with"]["path"].split()) <= allowed
            assert step["with"]["retention-days"] <= 7


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    every_step = {"PATH": path, "HOME": str(folder), "OMP_WAIT_POLICY": "passive", "RETRY_PAUSES": "0 0"}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=every_step | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("code", "tries"), [(0, 1), (1, 1), (3, 1), (5, 1), (7, 3)])
def test_only_code_7_is_tried_again(code: int, tries: int, tmp_path: Path) -> None:
    done = shell(f'"{PROJECT}/.ci/retry" sh -c "echo x >> tries; exit {code}"', tmp_path)
    assert done.returncode == code
    assert len((tmp_path / "tries").read_text().splitlines()) == tries


@pytest.mark.parametrize(
    ("code", "told", "ends"), [(0, "better=true", 0), (5, "better=false", 0), (3, "", 3), (7, "", 7)]
)
def test_the_comparison_tells_no_gain_from_a_failure(code: int, told: str, ends: int, tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci" / "retry", tmp_path / ".ci")
    (tmp_path / "churnml").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "churnml").chmod(0o755)
    said = tmp_path / "said"
    said.touch()
    script = f'PATH="$PWD:$PATH"\n{script_of("retrain-monthly", "compare")}'
    assert shell(script, tmp_path, GITHUB_OUTPUT=str(said)).returncode == ends
    assert said.read_text().strip() == told


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_scores_are_encrypted_or_not_uploaded(tmp_path: Path) -> None:
    (tmp_path / "data" / "scored").mkdir(parents=True)
    (tmp_path / "data" / "scored" / "nightly.parquet").write_bytes(b"C0000153")
    script = script_of("score-nightly", "encrypt the scores")
    assert shell(script, tmp_path, ARTIFACT_PASSPHRASE="").returncode == 6
    assert shell(script, tmp_path, ARTIFACT_PASSPHRASE="made up here").returncode == 0
    assert b"C0000153" not in (tmp_path / "scores.tar.gpg").read_bytes()
    opened = "gpg --batch --pinentry-mode loopback --passphrase-fd 0 --decrypt scores.tar.gpg | tar -xO"
    assert shell(f"printf '%s' 'made up here' | {opened}", tmp_path).stdout == "C0000153"
    shell("gpgconf --kill all", tmp_path)


@pytest.mark.slow
def test_the_night_scores_and_ends_with_the_code_of_what_is_wrong(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden, tmp_path / "work")
    shutil.copytree(PROJECT / ".ci", tmp_path / "work" / ".ci")
    script = script_of("score-nightly", "score and monitor")
    said = tmp_path / "said"
    said.touch()
    given = {"GITHUB_OUTPUT": str(said), "AS_OF": "2024-06-30", "MODEL": "models/churn", "MLFLOW_TRACKING_URI": ""}
    assert shell(script, tmp_path / "work", **given).returncode == 0
    assert (tmp_path / "work" / "data" / "scored" / "nightly.parquet.manifest.json").is_file()
    assert re.fullmatch(r"monitor=[035]", said.read_text().strip())
    assert shell(script, tmp_path / "work", **given | {"AS_OF": "2031-01-01"}).returncode in {3, 4, 5}
    assert shell(script, tmp_path / "work", **given | {"MODEL": "models/none"}).returncode == 5
