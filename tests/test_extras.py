"""The lean install: what scores without the packages of the extras, and what others are told."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from churnml.errors import EnvironmentFault
from churnml.extras import EXTRA_OF, missing_package
from churnml.stage import ends_well

ROOT = Path(__file__).parents[1]
_WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

absent = Absent()
sys.meta_path.insert(0, absent)
"""


def without_extras(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that finds no package of an extra."""
    command = [sys.executable, "-c", _WITHOUT + code, ",".join([*EXTRA_OF, "pandas"]), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_scoring_and_its_compiled_loops_need_no_extra(tmp_path: Path) -> None:
    code = "import churnml.cli, churnml.flow.fresh, churnml.flow.ready, churnml.flow.compile, churnml.config"
    done = without_extras(code, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_who_lacks_a_package_is_told_the_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise ModuleNotFoundError("No module named 'optuna'", name="optuna")

    assert ends_well(work) == 7
    assert "pip install 'churnml[pipeline]'" in capsys.readouterr().err


def test_other_absent_modules_are_a_bug() -> None:
    assert missing_package(ModuleNotFoundError(name="churnml.nothing")) is None
    assert missing_package(ModuleNotFoundError()) is None
    assert isinstance(missing_package(ModuleNotFoundError(name="mlflow.exceptions")), EnvironmentFault)


def test_every_extra_exists_and_brings_its_packages() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brought = {name: " ".join(packages).replace("-", "_").lower() for name, packages in extras.items()}
    assert set(EXTRA_OF.values()) <= set(extras)
    others = {"sqlalchemy"}  # comes with mlflow
    assert [name for name, extra in EXTRA_OF.items() if name not in others and name not in brought[extra]] == []


@pytest.mark.slow
def test_the_lean_install_scores_the_same_bytes(golden: Path, tmp_path: Path) -> None:
    lock = subprocess.run([ROOT / ".ci" / "uv", "--version"], capture_output=True, check=False)
    assert lock.returncode == 0
    dockerfile = (ROOT / "Dockerfile").read_text()
    sync = next(line for line in dockerfile.splitlines() if "uv sync" in line).partition("uv ")[2].removesuffix(" \\")
    sync = sync.replace("--extra registry ", "")
    lean = {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "lean"), "UV_PYTHON": sys.executable, "UV_LINK_MODE": "copy"}
    environment = {**os.environ, **lean, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    environment.pop("VIRTUAL_ENV", None)
    subprocess.run([ROOT / ".ci" / "uv", *sync.split()], cwd=ROOT, env=environment, check=True, timeout=900)
    python = tmp_path / "lean" / "bin" / "python"
    for name in ("mlflow", "dvc", "optuna", "duckdb"):
        absent = subprocess.run([python, "-c", f"import {name}"], capture_output=True, cwd=tmp_path, check=False)
        assert absent.returncode == 1, name
    out = tmp_path / "lean.parquet"
    command = [tmp_path / "lean" / "bin" / "churnml", "score", "--model", "models/churn", "--out", out]
    subprocess.run(command, cwd=golden, env=environment, check=True, timeout=900)
    assert out.read_bytes() == (golden / "data" / "scored" / "scores.parquet").read_bytes()
    told = subprocess.run(
        [command[0], "score", "--out", tmp_path / "none.parquet"],
        cwd=golden,
        env={**environment, "MLFLOW_TRACKING_URI": "sqlite:///none.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "pip install 'churnml[registry]'" in told.stderr) == (7, True)
