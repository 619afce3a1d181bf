"""`churnml verify --store`: whatever of the stored files is changed, is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from crm_rows import crm_rows, export

from churnml.flow.stored import REPORT, verify_store
from churnml.parquet import write_parquet
from churnml.storage import digest_file, write_json


@pytest.fixture
def stored(golden: Path, tmp_path: Path) -> Path:
    """Return a project with models, a list, an export beside it and one inside it, and scores with a manifest."""
    shutil.copytree(golden / "models", tmp_path / "models")
    shutil.copytree(golden / "data" / "lists", tmp_path / "data" / "lists")
    for folder in ("exports/retention", "lists/retention/exports"):
        export(tmp_path / "data" / folder, "salesforce", crm_rows(2))
    scores = tmp_path / "data" / "scored" / "fresh.parquet"
    write_parquet(crm_rows(2), scores)
    write_json({"sha256": digest_file(scores)}, scores.with_name("fresh.parquet.manifest.json"))
    return tmp_path


def test_what_is_as_it_was_written_is_no_finding(stored: Path) -> None:
    assert verify_store(stored) == []
    assert json.loads((stored / REPORT).read_text()) == {"exit_code": 0, "findings": []}


@pytest.mark.parametrize(
    ("pattern", "rule", "code"),
    [
        ("models/churn/model.txt", "doctor.model", 5),
        ("data/lists/retention/contact.csv", "doctor.list", 3),
        ("data/exports/retention/**/*.csv", "doctor.export", 3),
        ("data/exports/retention/**/rejected.csv", "doctor.export", 3),
        ("data/lists/retention/exports/**/*.csv", "doctor.export", 3),
        ("data/scored/fresh.parquet", "doctor.scores", 3),
        ("data/scored/fresh.parquet.manifest.json", "doctor.scores", 3),
    ],
)
def test_fl_19_one_changed_byte_is_found_and_its_place_named(pattern: str, rule: str, code: int, stored: Path) -> None:
    path = min(stored.glob(pattern))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    (found,) = verify_store(stored)
    assert (found.rule, found.exit_code) == (rule, code)
    report = json.loads((stored / REPORT).read_text())
    assert (report["exit_code"], [each["rule"] for each in report["findings"]]) == (code, [rule])


@pytest.mark.parametrize("pattern", ["data/exports/**/manifest.json", "data/scored/*.json", "models/clv/model.json"])
def test_fl_19_a_manifest_that_was_cut_is_found(pattern: str, stored: Path) -> None:
    path = min(stored.glob(pattern))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert len(verify_store(stored)) == 1


def test_a_file_that_is_gone_is_found(stored: Path) -> None:
    (stored / "data" / "scored" / "fresh.parquet").unlink()
    assert [each.rule for each in verify_store(stored)] == ["doctor.scores"]


def test_an_empty_project_stores_nothing(tmp_path: Path) -> None:
    assert verify_store(tmp_path) == []
