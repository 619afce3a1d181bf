"""FL-23: a watcher that grabs each result as soon as it appears has a complete one, as its manifest says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from crm_rows import BATCH, DAY, crm_rows, export

from churnml.exports.crm.folder import Batch

GRABBER = Path(__file__).parents[1] / "grabber.py"


def export_watched(folder: Path, *, n_exports: int) -> dict[str, object]:
    """Export again and again, each time another day, while somebody watches; return what the watcher saw."""
    (folder / "out").mkdir()
    command = [sys.executable, GRABBER, folder / "out", folder / "stop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        for number in range(n_exports):
            target = ("salesforce", "hubspot", "zoho")[number % 3]
            batch = Batch(BATCH.campaign, DAY + timedelta(days=number))
            export(folder / "out", target, crm_rows(5 + number % 7), batch=batch)
        (folder / "stop").touch()
        return json.loads(watcher.communicate(timeout=60)[0])


@pytest.mark.parametrize("n_exports", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_fl_23_every_export_that_is_grabbed_is_complete(n_exports: int, tmp_path: Path) -> None:
    found = export_watched(tmp_path, n_exports=n_exports)
    assert found["bad"] == []
    assert found["seen"] > 3


def test_the_watcher_notices_what_is_not_whole(tmp_path: Path) -> None:
    export(tmp_path / "out", "salesforce", crm_rows(2))
    next((tmp_path / "out").rglob("*.csv")).write_bytes(b"half")
    with subprocess.Popen([sys.executable, GRABBER, tmp_path / "out", tmp_path / "stop"], stdout=subprocess.PIPE) as it:
        time.sleep(1)
        (tmp_path / "stop").touch()
        assert json.loads(it.communicate(timeout=60)[0])["bad"] == ["salesforce"]
