"""The stage in a project folder, and its command beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from small_company import arguments, stage, write_params
from typer.testing import CliRunner

from churnml.cli import app


@pytest.mark.slow
def test_stage_and_command_tell_the_same_and_issue_it_again(golden: Path, tmp_path: Path) -> None:
    write_params(tmp_path)
    for name in ("data/prepared", "data/scored", "data/resolved"):
        shutil.copytree(golden / name, tmp_path / name)
    run = CliRunner().invoke
    with contextlib.chdir(tmp_path):
        assert stage("relationship")(arguments("relationship")) == 0
        made = json.loads(Path("reports/relationship.json").read_text(encoding="utf-8"))
        told = next(f for f in made["figures"] if f["name"] == "clv")
        assert told["cells"]["all"]["all"]["n"] > 100
        assert run(app, ["report", "relationship", "--out", "other"]).exit_code == 0
        assert json.loads(Path("other/relationship.json").read_text(encoding="utf-8")) == made
        listed = run(app, ["report", "relationship", "--list"])
        assert made["id"] in listed.output
        assert run(app, ["report", "relationship", "--id", made["id"]]).exit_code == 0
        issued = Path("reports/issued") / made["id"] / "relationship.html"
        assert issued.read_bytes() == Path("reports/relationship.html").read_bytes()
        assert run(app, ["report", "relationship", "--id", "f" * 12]).exit_code == 2
        assert run(app, ["report", "relationship", "--period-end", "2030-01-01"]).exit_code == 4
