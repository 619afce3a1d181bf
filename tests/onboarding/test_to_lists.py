"""From raw exports to a list, by the commands of docs/getting_started.md and no others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from small_company import PROJECT

from churnml.simulation import simulate
from churnml.storage import digest_file, read_json

pytestmark = pytest.mark.slow


def documented() -> list[str]:
    """Return the commands of the first block of the page."""
    page = (PROJECT / "docs" / "getting_started.md").read_text(encoding="utf-8")
    block = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    return block.group(1).strip().splitlines()


def typed(command: str, folder: Path, home: Path) -> None:
    """Run a command as typed in a shell; nobody is at the terminal."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(home), "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_four_exports_become_a_list_in_at_most_five_commands(tmp_path: Path) -> None:
    made = tmp_path / "made"
    simulate(n_customers=400, months=24, seed=3, end="2024-06-30", folder=made, truth=tmp_path / "truth")
    exports, work = tmp_path / "home" / "exports", tmp_path / "work"
    exports.mkdir(parents=True)
    work.mkdir()
    for name in ("orders", "subscriptions", "customers", "tickets"):
        pacsv.write_csv(pq.read_table(made / f"{name}.parquet"), exports / f"{name}.csv")
    commands = documented()
    assert len(commands) <= 5
    for command in commands:
        typed(command, work, tmp_path / "home")
    manifest = read_json(work / "data" / "lists" / "retention" / "manifest.json")
    assert manifest["counts"]["contact"] > 0
    assert manifest["files"]["contact.csv"]["sha256"] == digest_file(
        work / "data" / "lists" / "retention" / "contact.csv"
    )
    # Nothing of a run is open to others, and a doctor finds nothing that stops.
    typed("churnml doctor --rehash", work, tmp_path / "home")
