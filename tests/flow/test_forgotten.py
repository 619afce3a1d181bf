from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.compute as pc
import pytest
from small_company import run, write_params

from churnml.parquet import read_parquet
from churnml.privacy.keys import FILE_VARIABLE, KEY_VARIABLE
from churnml.privacy.suppression import list_digest, suppress

SOMEBODY = "C0000007"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv(KEY_VARIABLE, hashlib.sha256(b"a key for tests").hexdigest())
    write_params(tmp_path / "project", {"simulate": {"customers": 100, "months": 8}})
    return tmp_path / "project"


def test_configure_passes_on_which_list_holds(project: Path) -> None:
    suppress(project, [SOMEBODY])
    assert run(project, "configure") == 0
    written = json.loads((project / "data" / "resolved" / "params.json").read_bytes())
    assert written["privacy"]["digest"] == list_digest(project)


def test_ep_20_nothing_runs_without_the_key_of_the_list(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(project, [SOMEBODY])
    monkeypatch.delenv(KEY_VARIABLE)
    assert run(project, "configure") == 6


def test_nobody_forgotten_is_invented_again(project: Path) -> None:
    suppress(project, [SOMEBODY])
    assert run(project, "configure", "simulate") == 0
    for path in (project / "data").glob("simulated*/*.parquet"):
        table = read_parquet(path)
        if "customer_id" in table.column_names:
            assert not pc.any(pc.equal(table["customer_id"], SOMEBODY)).as_py()
