"""The notebooks: short, without outputs in Git, of public names only, and run from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from small_company import PROJECT

FILES = sorted((PROJECT / "notebooks").glob("*.ipynb"))
every = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def execute(path: Path, folder: Path, **environment: str) -> str:
    """Run a notebook in a process of its own; return what it printed, or fail with what went wrong."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=600", str(copy)],
        env={**os.environ, "MPLBACKEND": "agg", "JUPYTER_PLATFORM_DIRS": "1", "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(copy, as_version=4).cells
    return "\n".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


@every
def test_they_are_short_and_hold_no_output(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert sum(len(cell.source.splitlines()) for cell in code) < 90
    assert path.read_bytes().endswith(b"\n")


@every
def test_they_use_public_names_only(path: Path) -> None:
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert not re.search(r"(?:from|import)\s+[\w.]*churnml[\w.]*\._|import\s+_", code)
    assert "plt." in code


def test_the_models_are_read(golden: Path, tmp_path: Path) -> None:
    said = execute(PROJECT / "notebooks" / "02_models_and_reasons.ipynb", tmp_path, CHURNML_WORKSPACE=str(golden))
    assert "of the actual values lie in the 80 % interval" in said


def test_what_a_campaign_earned_is_told(golden: Path, tmp_path: Path) -> None:
    said = execute(PROJECT / "notebooks" / "03_what_a_campaign_earned.ipynb", tmp_path, CHURNML_WORKSPACE=str(golden))
    assert "held out: in 90 days this notebook says what it earned" in said


@pytest.mark.slow
def test_the_first_list_is_begun(tmp_path: Path) -> None:
    said = execute(PROJECT / "notebooks" / "01_first_list.ipynb", tmp_path, CHURNML_NOTEBOOKS=str(tmp_path / "made"))
    assert "reports/check.html says what was found." in said
    assert (tmp_path / "made" / "project" / "reports" / "check.html").is_file()
